"""One row in, one answer out: choose a version, pass the door, predict, log, observe.

What is quick is predicted on the event loop; what is not goes to a `Batcher`. A version that fails
or takes too long gives way to the declared fallback, which the answer names; without one the caller
is told that there is no answer, and never a number that is none.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ordain.config.deployment import Deployment
from ordain.core.errors import BundleError, OrdainError
from ordain.serving.batcher import Batcher
from ordain.serving.call import Call
from ordain.serving.contracts import Choice, Entry, Status
from ordain.serving.door import Flag, told_flag
from ordain.serving.hosting import FALLBACK, State
from ordain.serving.ids import new_id
from ordain.serving.kit import Kit
from ordain.serving.meters import Meters
from ordain.serving.refusal import Refusal
from ordain.serving.served import Served, key_text
from ordain.serving.shadows import Asked, Shadows

LOG = logging.getLogger("ordain.serving")
Row = Mapping[str, Any]


@dataclass(slots=True)
class _Result:
    """How predicting a row went."""

    flat: Mapping[str, Any]
    outputs: Mapping[str, Any]
    status: Status = "answered"
    error_id: str | None = None


class Answering:
    """Answers single rows."""

    def __init__(self, kit: Kit, shadows: Shadows) -> None:
        self._kit, self._shadows = kit, shadows
        self._batchers: dict[Served, Batcher] = {}
        self._settings = _of_batchers(kit.deployment)
        kit.hosting.on_change.append(self._forget)

    async def answer(
        self, call: Call, name: str, row: Row, *, explain: bool = False
    ) -> dict[str, Any]:
        """Return the answer to one row.

        Raises:
            Refusal: the row may not pass the door, or there is no answer.
        """
        state = self._kit.state()
        choice = state.router.choose(name, key_of(state, name, row, call.request_id))
        served = state.versions[name][choice.version]
        try:
            passed, flags = served.door.pass_row(row)
        except Refusal as refusal:
            count_flags(self._kit.meters, served, refusal.faults)
            raise
        if flags:
            count_flags(self._kit.meters, served, flags)
        call.has_waited = explain or not served.is_inline
        began = time.perf_counter()
        result = await self._predicted(state, served, passed, call.request_id)
        taken = time.perf_counter() - began
        state.router.observe(
            name, choice, version=choice.version, status=result.status, seconds=taken
        )
        self._kit.meters.predicted(
            name, choice.version, arm=choice.arm, status=result.status, seconds=taken
        )
        if served.rules is not None:
            self._kit.meters.ruled(name, choice.version, served.rules.applied(result.flat))
        prediction_id = new_id()
        self._log(
            call, prediction_id, served=served, choice=choice, row=row, result=result, flags=flags
        )
        if choice.shadows:
            self._shadows.row(Asked(call, prediction_id, state, name, choice), row)
        if not result.outputs:
            raise _refusal_of(result, self._kit.deployment)
        told: dict[str, Any] = {
            "model": name,
            "version": choice.version,
            "prediction_id": prediction_id,
            "outputs": result.outputs,
        }
        if flags:
            told["flags"] = flags
        if result.status != "answered":
            told["fallback"] = result.status
        if explain:
            told["explanation"] = await self.explained(served, passed)
        return told

    async def explained(self, served: Served, row: Row) -> dict[str, Any]:
        """Return what each input adds to an answer, computed off the event loop.

        Raises:
            Refusal: it failed or took too long.
        """
        loop = asyncio.get_running_loop()
        seconds = self._kit.deployment.limits.timeout_seconds
        try:
            work = loop.run_in_executor(self._kit.executor, served.explain, row)
            return await asyncio.wait_for(work, seconds)
        except TimeoutError as error:
            raise Refusal.timed_out(seconds) from error
        except BundleError as error:
            LOG.warning("%s version %s explains no more: %s", served.name, served.label, error)
            raise Refusal.unexplained() from error
        except Exception as error:
            LOG.exception("the explanation failed: %s version %s", served.name, served.label)
            raise Refusal.failed() from error

    async def _predicted(self, state: State, served: Served, row: Row, request_id: str) -> _Result:
        """Return the version's answer, or the fallback's with what went wrong."""
        try:
            flat: Mapping[str, Any]
            if served.is_inline:
                turn = served.turn if self._kit.is_crowded else None
                flat = served.predict_row(row) if turn is None else await turn.answer(row)
            else:
                seconds = self._kit.deployment.limits.timeout_seconds
                flat = await asyncio.wait_for(self._batcher(served).answer(row), seconds)
            return _Result(flat, served.shape.of_row(flat))
        except Refusal:
            raise
        except OrdainError as error:
            raise refused(error) from error
        except TimeoutError:
            LOG.warning("%s version %s took too long; %s", served.name, served.label, request_id)
            return self._fallback(state, served, row, status="timed_out", error_id=request_id)
        except Exception:
            LOG.exception("%s version %s failed; %s", served.name, served.label, request_id)
            return self._fallback(state, served, row, status="failed", error_id=request_id)

    def _fallback(
        self, state: State, served: Served, row: Row, *, status: Status, error_id: str
    ) -> _Result:
        given = state.models[served.name].fallback
        if given is None:
            return _Result({}, {}, status, error_id)
        self._kit.meters.fallback(served.name, status)
        if given.value is not None:
            flat = {f"{name}_prediction": value for name, value in given.value.items()}
            if served.rules is not None:
                flat = served.rules.row(row, flat)
            return _Result(flat, served.shape.of_value(flat), status, error_id)
        other = state.versions[served.name][FALLBACK]
        try:
            passed, _ = other.door.pass_row(row)
            flat = other.predict_row(passed)
            return _Result(flat, other.shape.of_row(flat), status, error_id)
        except Exception:
            LOG.exception("the fallback of %s failed; %s", served.name, error_id)
            return _Result({}, {}, status, error_id)

    def _batcher(self, served: Served) -> Batcher:
        found = self._batchers.get(served)
        if found is None:
            found = self._batchers[served] = Batcher(
                served,
                self._kit.executor,
                batching=self._kit.deployment.batching,
                most_waiting=self._kit.deployment.limits.queue,
            )
        return found

    def _forget(self, state: State) -> None:
        """Let go of versions that no longer answer; rows that wait for them end first."""
        settings = _of_batchers(self._kit.deployment)
        there = set(state.all()) if settings == self._settings else set()
        self._settings = settings
        self._batchers = {served: one for served, one in self._batchers.items() if served in there}

    def _log(
        self,
        call: Call,
        prediction_id: str,
        *,
        served: Served,
        choice: Choice,
        row: Row,
        result: _Result,
        flags: tuple[Flag, ...],
    ) -> None:
        if self._kit.log is None:
            return
        self._kit.log.write(
            Entry(
                prediction_id=prediction_id,
                request_id=call.request_id,
                model=served.name,
                version=choice.version,
                arm=choice.arm,
                at=call.at,
                seconds=time.perf_counter() - call.started,
                status=result.status,
                caller=call.caller.name,
                inputs=row,
                outputs=result.flat,
                flags=tuple(map(told_flag, flags)),
                error_id=result.error_id,
            )
        )


def key_of(state: State, name: str, row: Row, request_id: str) -> str:
    """Return what the version is chosen by: the value of the sticky field, or the request's id."""
    sticky = state.sticky[name]
    value = row.get(sticky) if sticky else None
    return request_id if value is None else key_text(value)


def refused(error: OrdainError) -> Refusal:
    """Return a refusal of rows that the model itself cannot take, in its own words."""
    return Refusal.bad_rows([{"field": None, "code": "data", "message": error.message}])


def count_flags(meters: Meters, served: Served, flags: Iterable[Mapping[str, Any]]) -> None:
    """Count what was unusual about rows, whether they were answered or refused."""
    for flag in flags:
        field, code = flag.get("field") or "", flag["code"]
        meters.anomaly(served.name, served.label, field, code, flag.get("count", 1))


def _of_batchers(deployment: Deployment) -> tuple[object, ...]:
    return deployment.batching, deployment.limits.queue


def _refusal_of(result: _Result, deployment: Deployment) -> Refusal:
    if result.status == "timed_out":
        return Refusal.timed_out(deployment.limits.timeout_seconds)
    return Refusal.failed()
