"""Many rows in one request: JSON rows or columns, an Arrow stream, a CSV file.

They go through the frame path, as batch prediction does, in a thread. The answer comes back in the
form of the question; the id of row *i* is that of the batch, a dash and *i*.
"""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.core.errors import OrdainError
from ordain.serving.answering import Kit, count_flags, key_of, refused
from ordain.serving.call import Call
from ordain.serving.contracts import BatchEntry, Choice, Status
from ordain.serving.door import Flag
from ordain.serving.hosting import State
from ordain.serving.ids import new_id
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.served import Served

LOG = logging.getLogger("ordain.serving")
ARROW = b"application/vnd.apache.arrow.stream"
CSV = b"text/csv"
N_THREADS = 2
"""Threads of a process that predict beside the event loop; each native call uses one core."""
_LARGE = 2_000
"""Rows from which on a batch is worth the threads."""


@dataclass(frozen=True)
class Part:
    """Rows of a request that one version answers.

    Attributes:
        places: of the rows in the request; None for all of them.
    """

    choice: Choice
    served: Served
    rows: pl.DataFrame
    answers: pl.DataFrame
    flags: tuple[Flag, ...]
    places: Sequence[int] | None


class Batches:
    """Answers many rows at once."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

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
        frame = _frame_of(rows, champion, sticky=state.sticky[name])
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        answers: list[dict[str, Any]] = [{}] * len(rows)
        for part in parts:
            flat = part.answers.to_dicts()
            for place, row in zip(part.places or range(len(rows)), flat, strict=True):
                answers[place] = {
                    "prediction_id": f"{prediction_id}-{place}",
                    "version": part.choice.version,
                    "outputs": part.served.shape.of_row(row),
                }
        return {"model": name, **_flags_of(parts), "predictions": answers}

    def _refuse_faulty(self, served: Served, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse rows of which one may not pass, with the faults of all."""
        faults = [
            {"row": place, **fault}
            for place, row in enumerate(rows)
            for fault in served.door.faults_of(row)
        ]
        if faults:
            count_flags(self._kit.meters, served, faults)
            raise Refusal.bad_rows(faults)

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
        frame = served.columns_of(columns)
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        answers, versions = joined(parts)
        return {
            "model": name,
            "version": versions[0] if len(set(versions)) == 1 else versions,
            "prediction_id": prediction_id,
            "n_rows": frame.height,
            **_flags_of(parts),
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
        read = _read_arrow if is_arrow else _read_csv
        frame = await loop.run_in_executor(self._kit.executor, read, call.body)
        prediction_id = new_id()
        parts = await self.answered(call, name, frame, prediction_id, state=state)
        answers, versions = joined(parts)
        ids = pl.Series("prediction_id", [prediction_id]).new_from_index(0, answers.height)
        numbers = pl.int_range(answers.height, eager=True).cast(pl.String)
        answers = answers.with_columns(
            (ids + "-" + numbers).alias("prediction_id"), pl.Series("version", versions)
        )
        body = io.BytesIO()
        if is_arrow:
            answers.write_ipc_stream(body)
        else:
            _flat_lists(answers).write_csv(body)
        return Reply(body.getvalue(), content_type=ARROW if is_arrow else CSV)

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
        chosen = (
            [(Choice(only, "named"), None)]
            if only is not None
            else _chosen(state, name, frame, call.request_id)
        )
        for choice, places in chosen:
            rows = frame if places is None else frame[list(places)]
            parts.append(
                await self._part(call, prediction_id, state=state, name=name, choice=choice,
                                 rows=rows, places=places)
            )  # fmt: skip
        return parts

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
        seconds = self._kit.deployment.limits.timeout_seconds
        began = time.perf_counter()
        status: Status | None = "failed"
        try:
            patience = max(seconds, seconds * rows.height / 1e4)
            answers, flags = await asyncio.wait_for(self._answer(served, rows), patience)
            status = "answered"
        except TimeoutError as error:
            status = "timed_out"
            raise Refusal.timed_out(seconds) from error
        except OrdainError as error:
            status = None
            raise refused(error) from error
        except Refusal as refusal:
            status = None
            count_flags(self._kit.meters, served, refusal.faults)
            raise
        except Exception as error:
            LOG.exception("%s version %s failed; %s", name, choice.version, call.request_id)
            raise Refusal.failed() from error
        finally:
            if status is not None:  # rows that were refused say nothing of a version
                taken = time.perf_counter() - began
                self._observe(
                    state, served, choice, status=status, seconds=taken, n_rows=rows.height
                )
        if flags:
            count_flags(self._kit.meters, served, flags)
        self._log(call, prediction_id, served=served, choice=choice, rows=rows, answers=answers)
        return Part(choice, served, rows, answers, flags, places)

    async def _answer(
        self, served: Served, rows: pl.DataFrame
    ) -> tuple[pl.DataFrame, tuple[Flag, ...]]:
        """Return the answers to rows, and what was unusual about them; large parts side by side."""
        loop, executor = asyncio.get_running_loop(), self._kit.executor
        admitted = await loop.run_in_executor(executor, served.door.pass_frame, rows)
        if rows.height < _LARGE or served.model.depends_on_order:
            answers = await loop.run_in_executor(executor, served.predict_frame, admitted.rows)
            return answers, admitted.flags
        size = -(-rows.height // N_THREADS)
        pieces = [admitted.rows.slice(start, size) for start in range(0, rows.height, size)]
        found = await asyncio.gather(
            *(loop.run_in_executor(executor, served.predict_frame, piece) for piece in pieces)
        )
        return pl.concat(found), admitted.flags

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

    def _log(
        self,
        call: Call,
        prediction_id: str,
        *,
        served: Served,
        choice: Choice,
        rows: pl.DataFrame,
        answers: pl.DataFrame,
    ) -> None:
        if self._kit.log is None:
            return
        self._kit.log.write_batch(
            BatchEntry(
                prediction_id=prediction_id,
                request_id=call.request_id,
                model=served.name,
                version=choice.version,
                arm=choice.arm,
                at=call.at,
                seconds=time.perf_counter() - call.started,
                caller=call.caller.name,
                inputs=rows,
                outputs=answers,
            )
        )


def _frame_of(
    rows: Sequence[Mapping[str, Any]], served: Served, *, sticky: str | None
) -> pl.DataFrame:
    frame = served.frame_of(rows)
    if sticky is None or sticky in frame.columns:
        return frame
    keys = [None if row.get(sticky) is None else str(row[sticky]) for row in rows]
    return frame.with_columns(pl.Series(sticky, keys, dtype=pl.String))


def _chosen(
    state: State, name: str, frame: pl.DataFrame, request_id: str
) -> list[tuple[Choice, list[int] | None]]:
    """Return the versions that answer, and the places of their rows; None for all rows."""
    sticky = state.sticky[name]
    if sticky is None or sticky not in frame.columns:
        return [(state.router.choose(name, key_of(state, name, {}, request_id)), None)]
    found: dict[Choice, list[int]] = {}
    known: dict[Any, Choice] = {}
    for place, value in enumerate(frame[sticky].to_list()):
        choice = known.get(value)
        if choice is None:
            key = key_of(state, name, {sticky: value}, request_id)
            choice = known[value] = state.router.choose(name, key)
        found.setdefault(choice, []).append(place)
    return [(choice, places if len(found) > 1 else None) for choice, places in found.items()]


def joined(parts: Sequence[Part]) -> tuple[pl.DataFrame, list[str]]:
    """Return all answers in the order of the request, and the version of each row."""
    if len(parts) == 1:
        only = parts[0]
        return only.answers, [only.choice.version] * only.answers.height
    places = pl.Series([place for part in parts for place in part.places or ()])
    order = places.arg_sort()
    answers = pl.concat([part.answers for part in parts])[order]
    versions = [part.choice.version for part in parts for _ in part.places or ()]
    return answers, [versions[int(at)] for at in order]


def _flags_of(parts: Sequence[Part]) -> dict[str, Any]:
    flags = [flag for part in parts for flag in part.flags]
    return {"flags": flags} if flags else {}


def _read_arrow(body: bytes) -> pl.DataFrame:
    try:
        return pl.read_ipc_stream(body)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Refusal.malformed("the body is no Arrow stream") from error


def _read_csv(body: bytes) -> pl.DataFrame:
    """Read a file with a header; every cell as text, which each feature then reads as its own."""
    try:
        return pl.read_csv(body, infer_schema=False, truncate_ragged_lines=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise Refusal.malformed("the body is no CSV file of UTF-8 text with a header") from error


def _flat_lists(answers: pl.DataFrame) -> pl.DataFrame:
    """Return the answers with lists as text, which CSV can hold."""
    lists = [name for name, dtype in answers.schema.items() if isinstance(dtype, pl.List)]
    return answers.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join("|"))
