"""Shadows: versions that predict what others have answered, for the log and the comparison.

They begin once the answer is made, in one thread of low priority, so that they take time that
nobody else wants. What they cannot keep up with is left out, and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from ordain.serving.call import Call
from ordain.serving.contracts import BatchEntry, Choice, Entry, Status
from ordain.serving.door import Flag, told_flag
from ordain.serving.hosting import State
from ordain.serving.kit import Kit
from ordain.serving.refusal import Refusal
from ordain.serving.served import Served

LOG = logging.getLogger("ordain.serving")
MOST_ROWS = 10_000
"""Rows that shadows may be behind; a larger batch is taken when nothing else waits."""
BLOCK_ROWS = 500
"""Rows of a batch that are predicted in one go: between two, other threads get their turn."""
_NICE = 10
_FAILED = "%s version %s failed in the shadow"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the versions that were chosen for it."""

    call: Call
    prediction_id: str
    state: State
    name: str
    choice: Choice


@dataclass(frozen=True, slots=True)
class _Tried:
    """What a shadow made of a row, or of many: then `outputs` is a frame."""

    outputs: Any
    status: Status = "answered"
    flags: tuple[Flag, ...] = ()
    marks: pl.Series | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """Rows for shadows: how one tries them, and how what it made of them is logged."""

    n_rows: int
    attempt: Callable[[Served], _Tried]
    log: Callable[[Asked, str, _Tried], None]


class Shadows:
    """Lets the shadows of a choice predict, at most `MOST_ROWS` behind."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="shadow", initializer=_be_nice)
        self._n_behind = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = threading.Event()
        self._failed: set[tuple[str, str]] = set()

    def row(self, asked: Asked, row: Row) -> None:
        """Let shadows predict a row."""
        self._start(asked, _Work(1, partial(self._tried_row, row), partial(self._log_row, row)))

    def batch(self, asked: Asked, rows: pl.DataFrame, places: Sequence[int] | None) -> None:
        """Let shadows predict rows; their places in the request, None for all of it."""
        log = partial(self._log_batch, rows, places)
        self._start(asked, _Work(rows.height, partial(self._tried_rows, rows), log))

    def close(self) -> None:
        """Leave out what has not begun, and the rest of a batch."""
        self._is_closed.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self, asked: Asked, work: _Work) -> None:
        if not asked.choice.shadows:
            return
        if self._n_behind and self._n_behind + work.n_rows > MOST_ROWS:
            self._kit.meters.shadow_dropped(asked.name, work.n_rows)
            return
        self._n_behind += work.n_rows
        task = asyncio.get_running_loop().create_task(self._run(asked, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, asked: Asked, work: _Work) -> None:
        loop, state, name = asyncio.get_running_loop(), asked.state, asked.name
        n_rows, attempt = work.n_rows, work.attempt
        try:
            for label in asked.choice.shadows:
                served = state.versions[name][label]
                found, taken = await loop.run_in_executor(self._executor, _timed, attempt, served)
                state.router.observe(
                    name, asked.choice, version=label, status=found.status, seconds=taken / n_rows
                )
                self._kit.meters.predicted(
                    name, label, arm="shadow", status=found.status, seconds=taken, n_rows=n_rows
                )
                work.log(asked, label, found)
        finally:
            self._n_behind -= n_rows

    def _tried_rows(self, rows: pl.DataFrame, served: Served) -> _Tried:
        """Return what a shadow answers to many rows; its faults are its own."""
        try:
            admitted = served.door.pass_frame(rows)
            size = rows.height if served.model.depends_on_order else BLOCK_ROWS
            blocks = []
            for start in range(0, rows.height, size):
                if self._is_closed.is_set():
                    return _no_answers(rows, served)
                blocks.append(served.predict_frame(admitted.rows.slice(start, size)))
            return _Tried(pl.concat(blocks), "answered", admitted.flags, admitted.marks)
        except Refusal:  # what its door asks for differs; the status says so
            return _no_answers(rows, served)
        except Exception:
            if self._is_first(served):
                LOG.exception(_FAILED, served.name, served.label)
            return _no_answers(rows, served)

    def _tried_row(self, row: Row, served: Served) -> _Tried:
        """Return what a shadow answers; its faults are its own."""
        try:
            passed, flags = served.door.pass_row(row)
            flat = served.predict_row(passed)
            served.shape.of_row(flat)  # refuses what is no number
            return _Tried(flat, flags=flags)
        except Refusal:
            return _Tried({}, "failed")
        except Exception:
            if self._is_first(served):
                LOG.exception(_FAILED, served.name, served.label)
            return _Tried({}, "failed")

    def _is_first(self, served: Served) -> bool:
        """Return whether a version fails for the first time: metrics count the others.

        To tell of each would take time from the answers, thousands of times a second.
        """
        version = (served.name, served.label)
        is_first = version not in self._failed
        self._failed.add(version)
        return is_first

    def _log_row(self, row: Row, asked: Asked, label: str, found: _Tried) -> None:
        if self._kit.log is not None:
            flags = tuple(map(told_flag, found.flags))
            self._kit.log.write(
                Entry(**_told(asked, label, found), inputs=row, outputs=found.outputs, flags=flags)
            )

    def _log_batch(
        self,
        rows: pl.DataFrame,
        places: Sequence[int] | None,
        asked: Asked,
        label: str,
        found: _Tried,
    ) -> None:
        if self._kit.log is not None:
            self._kit.log.write_batch(
                BatchEntry(
                    **_told(asked, label, found),
                    inputs=rows,
                    outputs=found.outputs,
                    places=places,
                    flags=found.marks,
                )
            )


def _told(asked: Asked, label: str, found: _Tried) -> dict[str, Any]:
    call = asked.call
    return {
        "prediction_id": asked.prediction_id,
        "request_id": call.request_id,
        "model": asked.name,
        "version": label,
        "arm": "shadow",
        "at": call.at,
        "seconds": time.perf_counter() - call.started,
        "status": found.status,
        "caller": call.caller.name,
    }


def _timed(attempt: Callable[[Served], _Tried], served: Served) -> tuple[_Tried, float]:
    """Return what was found and the seconds it took, without those it waited for its turn."""
    began = time.perf_counter()
    return attempt(served), time.perf_counter() - began


def _no_answers(rows: pl.DataFrame, served: Served) -> _Tried:
    names = [f"{one.name}_prediction" for one in served.model.document.output_features]
    return _Tried(pl.DataFrame({name: [None] * rows.height for name in names}), "failed")


def _be_nice() -> None:
    """Let this thread take only time that no other wants, where the system has that."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
