"""Many rows in one request: JSON rows or columns, an Arrow stream, a CSV file.

They go through the frame path, as batch prediction does, in a thread. The answer comes back in the
form of the question; the id of row *i* is that of the batch, a dash and *i*.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl

from ordain.core.errors import OrdainError
from ordain.serving.answering import count_flags, key_of, refused
from ordain.serving.arrow import read_stream
from ordain.serving.call import Call
from ordain.serving.contracts import BatchEntry, Choice, Status
from ordain.serving.hosting import FALLBACK, State
from ordain.serving.ids import new_id
from ordain.serving.kit import Kit
from ordain.serving.parts import Part, fallback_of, flags_of, joined, written
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.served import Served, key_text
from ordain.serving.shadows import Asked, Shadows

LOG = logging.getLogger("ordain.serving")
ARROW = b"application/vnd.apache.arrow.stream"
CSV = b"text/csv"
Chosen = list[tuple[Choice, Sequence[int] | None]]
"""Versions, and the places of the rows that each answers; None for all rows."""
N_THREADS = 2
"""Threads of a process that work beside the event loop; each native call uses one core."""
_MOST_FAULTS = 200
"""Faults of JSON rows from which on no further row is looked at."""


class Batches:
    """Answers many rows at once."""

    def __init__(self, kit: Kit, shadows: Shadows) -> None:
        self._kit, self._shadows = kit, shadows

    async def rows(
        self, call: Call, name: str, rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return the answers to JSON rows, one for one.

        Raises:
            Refusal: a row may not pass the door, or there is no answer.
        """
        state = self._kit.state()
        champion = next(iter(state.versions[name].values()))
        self._refuse_faulty(champion, rows)
        frame = _frame_of(rows, state.versions[name].values(), sticky=state.sticky[name])
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        answers: list[dict[str, Any]] = [{}] * len(rows)
        for part in parts:
            flat = part.answers.to_dicts()
            is_own = part.status == "answered"
            more = {} if is_own else {"fallback": part.status}
            of_row = part.served.shape.of_row if is_own else part.served.shape.of_value
            for place, row in zip(part.places or range(len(rows)), flat, strict=True):
                answers[place] = {
                    "prediction_id": f"{prediction_id}-{place}",
                    "version": part.choice.version,
                    "outputs": of_row(row),
                    **more,
                }
        return {"model": name, **flags_of(parts), "predictions": answers}

    def _refuse_faulty(self, served: Served, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse rows of which one may not pass, with the faults of all, up to a bound."""
        faults: list[dict[str, Any]] = []
        for place, row in enumerate(rows):
            faults += ({"row": place, **fault} for fault in served.door.faults_of(row))
            if len(faults) >= _MOST_FAULTS:  # to word them takes time that others wait for
                break
        if faults:
            count_flags(self._kit.meters, served, faults)
            raise Refusal.bad_rows(faults, is_cut=len(faults) >= _MOST_FAULTS)

    async def columns(
        self, call: Call, name: str, columns: Mapping[str, Sequence[Any]]
    ) -> dict[str, Any]:
        """Return the answers to JSON columns, as columns.

        Raises:
            Refusal: the columns differ in length, do not pass the door, or there is no answer.
        """
        state = self._kit.state()
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise Refusal.malformed("all `columns` must have the same number of rows")
        served = next(iter(state.versions[name].values()))
        loop = asyncio.get_running_loop()
        frame = await loop.run_in_executor(self._kit.executor, served.columns_of, columns)
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        answers, versions = joined(parts)
        return {
            "model": name,
            "version": versions[0] if len(set(versions)) == 1 else versions,
            "prediction_id": prediction_id,
            "n_rows": frame.height,
            **flags_of(parts),
            **fallback_of(answers),
            "outputs": served.shape.of_columns(answers),
        }

    async def stream(self, call: Call, name: str) -> Reply:
        """Return the answers to an Arrow stream or a CSV file, in the same form.

        Raises:
            Refusal: it cannot be read, is too long, does not pass the door, or has no answer.
        """
        state = self._kit.state()
        is_arrow = call.content_type == ARROW
        loop = asyncio.get_running_loop()
        most_rows = self._kit.deployment.limits.batch_rows
        read = partial(read_stream, most_rows=most_rows) if is_arrow else _read_csv
        frame = await loop.run_in_executor(self._kit.executor, read, call.body)
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        body = await loop.run_in_executor(
            self._kit.executor, partial(written, parts, prediction_id, is_arrow=is_arrow)
        )
        return Reply(body, content_type=ARROW if is_arrow else CSV)

    async def answered(
        self,
        call: Call,
        name: str,
        frame: pl.DataFrame,
        prediction_id: str,
        *,
        state: State,
        only: str | None = None,
    ) -> list[Part]:
        """Return the rows by version, answered; by one version where `only` names it.

        Raises:
            Refusal: they are too many or none, do not pass the door, or have no answer.
        """
        call.has_waited = True
        most = self._kit.deployment.limits.batch_rows
        if frame.height > most:
            raise Refusal.too_large("a request", limit=most, unit="rows")
        if frame.height == 0:
            raise Refusal.malformed("there are no rows")
        parts = []
        for choice, places in await self._chosen(call, name, frame, state=state, only=only):
            rows = frame if places is None else frame[list(places)]
            parts.append(
                await self._part(call, prediction_id, state=state, name=name, choice=choice,
                                 rows=rows, places=places)
            )  # fmt: skip
        return parts

    async def _chosen(
        self, call: Call, name: str, frame: pl.DataFrame, *, state: State, only: str | None
    ) -> Chosen:
        """Return the versions that answer, by the field that divides rows, where there is one."""
        if only is not None:
            return [(Choice(only, "named"), None)]
        sticky = state.sticky[name]
        if sticky is None or sticky not in frame.columns:
            return [(state.router.choose(name, key_of(state, name, {}, call.request_id)), None)]
        ask = partial(_divided, state, name, frame[sticky], call.request_id)
        return await asyncio.get_running_loop().run_in_executor(self._kit.executor, ask)

    async def _part(
        self,
        call: Call,
        prediction_id: str,
        *,
        state: State,
        name: str,
        choice: Choice,
        rows: pl.DataFrame,
        places: Sequence[int] | None,
    ) -> Part:
        served = state.versions[name][choice.version]
        part: Part | None = None
        status: Status | None = "failed"
        began = time.perf_counter()
        try:
            part = await self._answer(served, rows)
            status = "answered"
        except TimeoutError:
            status = "timed_out"
            LOG.warning("%s version %s took too long; %s", name, choice.version, call.request_id)
        except OrdainError as error:
            status = None
            raise refused(error) from error
        except Refusal as refusal:
            status = None
            count_flags(self._kit.meters, served, refusal.faults)
            raise
        except Exception:
            LOG.exception("%s version %s failed; %s", name, choice.version, call.request_id)
        finally:
            if status is not None:  # rows that were refused say nothing of a version
                taken = time.perf_counter() - began
                self._observe(
                    state, served, choice, status=status, seconds=taken, n_rows=rows.height
                )
        if part is None:
            part = await self._fallback(state, served, rows, status)
            part = replace(part, error_id=call.request_id)
        if part.flags:
            count_flags(self._kit.meters, served, part.flags)
        if served.rules is not None:
            self._kit.meters.ruled(name, choice.version, served.rules.counted(part.answers))
        part = replace(part, choice=choice, rows=rows, places=places)
        self._log(call, prediction_id, name, part)
        self._shadows.batch(Asked(call, prediction_id, state, name, choice), rows, places)
        return part

    async def _answer(self, served: Served, rows: pl.DataFrame) -> Part:
        """Return the answers to rows, and what was unusual about them.

        All in one thread: two that make many small calls of Polars hinder one another, so that
        halves side by side took twice the processor's time and as long.

        Raises:
            TimeoutError: it took too long.
        """
        loop = asyncio.get_running_loop()
        seconds = self._kit.deployment.limits.timeout_seconds
        patience = max(seconds, seconds * rows.height / 1e4)
        work = loop.run_in_executor(self._kit.executor, _answered, served, rows)
        return await asyncio.wait_for(work, patience)

    async def _fallback(
        self, state: State, served: Served, rows: pl.DataFrame, status: Status | None
    ) -> Part:
        """Return the declared answers for a version that gave none.

        Raises:
            Refusal: nothing is declared, or that failed too.
        """
        assert status is not None, "rows that were refused have no other answer"
        given = state.models[served.name].fallback
        if given is None:
            raise self._no_answer(status)
        self._kit.meters.fallback(served.name, status)
        try:
            if given.value is not None:
                answers = served.declared(given.value, rows)
                part = Part(Choice(""), served, rows, answers)
            else:
                part = await self._answer(state.versions[served.name][FALLBACK], rows)
        except Exception as error:
            LOG.exception("the fallback of %s failed", served.name)
            raise self._no_answer(status) from error
        return replace(part, status=status)

    def _no_answer(self, status: Status) -> Refusal:
        if status == "timed_out":
            return Refusal.timed_out(self._kit.deployment.limits.timeout_seconds)
        return Refusal.failed()

    def _observe(
        self,
        state: State,
        served: Served,
        choice: Choice,
        *,
        status: Status,
        seconds: float,
        n_rows: int,
    ) -> None:
        """Tell router and metrics how it went."""
        name, label = served.name, choice.version
        # Latencies are compared a row, between versions that get batches of any size.
        state.router.observe(
            name, choice, version=label, status=status, seconds=seconds / max(1, n_rows)
        )
        self._kit.meters.predicted(
            name, label, arm=choice.arm, status=status, seconds=seconds, n_rows=n_rows
        )

    def _log(self, call: Call, prediction_id: str, name: str, part: Part) -> None:
        if self._kit.log is None:
            return
        self._kit.log.write_batch(
            BatchEntry(
                prediction_id=prediction_id,
                request_id=call.request_id,
                model=name,
                version=part.choice.version,
                arm=part.choice.arm,
                at=call.at,
                seconds=time.perf_counter() - call.started,
                caller=call.caller.name,
                inputs=part.rows,
                outputs=part.answers,
                status=part.status,
                error_id=part.error_id,
                places=part.places,
                flags=part.marks,
            )
        )


def _answered(served: Served, rows: pl.DataFrame) -> Part:
    admitted = served.door.pass_frame(rows)
    answers = served.predict_frame(admitted.rows)
    return Part(Choice(""), served, rows, answers, admitted.flags, admitted.marks)


def _frame_of(
    rows: Sequence[Mapping[str, Any]], versions: Iterable[Served], *, sticky: str | None
) -> pl.DataFrame:
    """Return rows that passed the champion's door, with what other versions read beside."""
    champion, *others = versions
    frame = champion.frame_of(rows)
    given = set[str]().union(*rows)
    for version in others:
        more = [name for name in version.schema if name in given and name not in frame.columns]
        if more:
            frame = frame.with_columns(version.frame_of(rows).select(more))
    if sticky is None or sticky in frame.columns:
        return frame
    keys = [None if row.get(sticky) is None else key_text(row[sticky]) for row in rows]
    return frame.with_columns(pl.Series(sticky, keys, dtype=pl.String))


def _divided(state: State, name: str, values: pl.Series, request_id: str) -> Chosen:
    """Return the versions that answer rows with these values of the field that divides them.

    The rows of a version go through it together and fare alike: for or against a canary they count
    once, under a key of the request's own.
    """
    known: dict[Any, tuple[Choice, list[int]]] = {}
    found: dict[tuple[str, str], tuple[Choice, list[int]]] = {}
    for place, value in enumerate(values.to_list()):
        part = known.get(value)
        if part is None:
            key = key_of(state, name, {values.name: value}, request_id)
            choice = state.router.choose(name, key)
            choice = replace(choice, key=f"{choice.key} {request_id}")
            part = known[value] = found.setdefault((choice.version, choice.arm), (choice, []))
        part[1].append(place)
    parts = list(found.values())
    return [(parts[0][0], None)] if len(parts) == 1 else list(parts)


def _read_csv(body: bytes) -> pl.DataFrame:
    """Read a file with a header; every cell as text, which each feature then reads as its own."""
    try:
        return pl.read_csv(body, infer_schema=False, truncate_ragged_lines=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Refusal.malformed("the body is no CSV file of UTF-8 text with a header") from error
