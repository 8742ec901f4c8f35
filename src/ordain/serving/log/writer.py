"""Writes a log in the background: a bounded queue, segments that survive, files when they are done.

The event loop only appends to a queue. A thread takes what is there a few times a second, writes it
as one frame a segment, has it on the disk once a second, and ends segments by the hour: each
becomes a Parquet file, or rows of a database. Nothing waits for the thread; what the queue cannot
hold is dropped and counted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ordain.config.deployment import PredictionLogging
from ordain.core.errors import OrdainError
from ordain.serving.contracts import BatchEntry, Entry, Outcome
from ordain.serving.log.fields import Fields
from ordain.serving.log.finish import PARQUET, Finisher
from ordain.serving.log.place import OUTCOMES, Sink
from ordain.serving.log.retention import Retention
from ordain.serving.log.rows import (
    META,
    batch_frame,
    entry_line,
    is_sampled,
    outcome_line,
    stacked,
)
from ordain.serving.log.segment import SUFFIX, Segment

LOG = logging.getLogger("ordain.serving")
WRITE_SECONDS = 0.1
"""Seconds between writes."""
SYNC_SECONDS = 1.0
"""Seconds after which what was written is on the disk."""
SEGMENT_BYTES = 32 << 20
"""Size at which a segment is ended before its hour is over."""
RETRY_SECONDS = 2.0
"""Seconds until what could not be written is tried again."""
_MOST_HOURS = 1_000

Item = Entry | BatchEntry | Outcome


@dataclass
class LogCounts:
    """What became of the rows of a worker.

    Attributes:
        taken: into the queue.
        dropped: since the queue was full.
        left_out: by `sample`.
        written: to a segment or a file.
        flushed: of those taken, rows that are on the disk or were left out; none of these is lost
            when the process is killed.
        unwritable: with values that are no data; left out.
        failures: writes that failed and are tried again.
    """

    taken: int = 0
    dropped: int = 0
    left_out: int = 0
    written: int = 0
    flushed: int = 0
    unwritable: int = 0
    failures: int = 0


class LogWriter:
    """The thread of one worker, for its predictions and the outcomes it is told.

    Args:
        sink: where to.
        sample: share of predictions that is kept.
        redact: fields that are never kept.
        queue_rows: rows that may wait.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        sample: float = 1.0,
        redact: Sequence[str] = (),
        queue_rows: int = 100_000,
    ) -> None:
        self.sink, self._sample, self._redact = sink, sample, frozenset(redact)
        self._most = queue_rows
        self.counts = LogCounts()
        self.problem = ""
        self._queue: deque[tuple[Item, int]] = deque()
        self._n_done = 0
        self._name = f"{os.getpid()}-{time.time_ns():x}"
        self._n_files = 0
        self._open: dict[Path, Segment] = {}
        self._frames: dict[Path, list[pl.DataFrame]] = {}
        self._hours: dict[tuple[str, int], Path] = {}
        self._synced_at = time.monotonic()
        self._finisher = Finisher(sink)
        self._fields = Fields()
        self._retention = Retention(sink)
        self._is_ending = False
        self._wake = threading.Event()
        self._flushed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="ordain-log", daemon=True)
        self._thread.start()

    def adopt(self, logging: PredictionLogging) -> None:
        """Keep rows as is declared from now on, those that wait too; the place stays."""
        self._sample, self._redact = logging.sample, frozenset(logging.redact)
        self._most = logging.queue_rows
        self._retention.adopt(logging)

    def put(self, item: Item, n_rows: int = 1) -> bool:
        """Take rows over, and return whether there was room; never waits."""
        counts = self.counts
        if counts.taken - self._n_done + n_rows > self._most or self._is_ending:
            counts.dropped += n_rows
            return False
        counts.taken += n_rows
        self._queue.append((item, n_rows))
        return True

    def flush(self, timeout: float = 10.0) -> bool:
        """Return once all that was taken so far is on the disk, or false where that took too long.

        Call it off the event loop.
        """
        wanted = self.counts.taken
        with self._flushed:
            self._synced_at = 0.0
            self._wake.set()
            return self._flushed.wait_for(lambda: self.counts.flushed >= wanted, timeout)

    def close(self, timeout: float = 60.0) -> None:
        """Write what is held, end every file, and stop."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        self._guarded(self._finisher.adopt)
        while not self._is_ending or self._queue:
            self._wake.wait(WRITE_SECONDS)
            self._wake.clear()
            if not self._guarded(self._turn) and self._is_ending:
                break
            # After a turn that failed too: where the disk is full it makes the room.
            self._guarded(self._retention.work)
        self._guarded(self._end_all)
        self._guarded(self._finisher.settle)

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Do some work; what goes wrong is told and counted, and the thread lives on."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the log must not end while the server goes on
            self.counts.failures += 1
            message = error.message if isinstance(error, OrdainError) else repr(error)
            if message != self.problem:
                LOG.warning("the prediction log cannot be written: %s", message)
            self.problem = message
            if not self._is_ending:
                time.sleep(RETRY_SECONDS)
            return False
        return True

    def _turn(self) -> None:
        """Write what waits, have it on the disk when it is time, end what is old."""
        taken = list(self._queue)
        if taken:
            self._write(taken)
            # Only now: what could not be written stays at the front of the queue.
            for _ in taken:
                self._queue.popleft()
            n_rows = sum(n for _, n in taken)
            self._n_done += n_rows
        if time.monotonic() - self._synced_at >= SYNC_SECONDS:
            self._sync()
            self._end_old()
            self._finisher.work()
            self.problem = ""

    def _write(self, taken: Sequence[tuple[Item, int]]) -> None:
        lines: dict[Path, list[bytes]] = {}
        entries = [item for item, _ in taken if isinstance(item, Entry)]
        rows: list[Entry | Outcome] = [item for item, _ in taken if isinstance(item, Outcome)]
        rows.extend(self._sampled(entries))
        for item in rows:
            stream = item.model if isinstance(item, Entry) else OUTCOMES
            folder = self._hour(stream, item.at)
            lines.setdefault(folder, []).extend(self._line(item, folder))
        for folder, written in lines.items():
            if written:
                self._append(folder, written)
        for batch, _ in taken:
            if isinstance(batch, BatchEntry):
                self._write_batch(batch)

    def _hour(self, stream: str, at: float) -> Path:
        """Return the folder of an hour: worked out once, for it is asked of every row."""
        key = (stream, int(at // 3600))
        folder = self._hours.get(key)
        if folder is None:
            if len(self._hours) > _MOST_HOURS:
                self._hours.clear()
            folder = self._hours[key] = self.sink.hour(stream, at)
        return folder

    def _line(self, item: Entry | Outcome, folder: Path) -> list[bytes]:
        """Return the line of an item; none of one with values that are no data."""
        try:
            if isinstance(item, Entry):
                item = self._fields.row(item, folder, self._redact)
                return [entry_line(item, self._redact)]
            return [outcome_line(item, self._redact)]
        except (TypeError, ValueError):  # it must not keep the others from being written
            self.counts.unwritable += 1
            return []

    def _sampled(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        if self._sample >= 1 or not entries:
            return entries
        kept = is_sampled(pl.Series([entry.prediction_id for entry in entries]), self._sample)
        found = [entry for entry, is_kept in zip(entries, kept, strict=True) if is_kept]
        self.counts.left_out += len(entries) - len(found)
        return found

    def _append(self, folder: Path, rows: Sequence[bytes]) -> None:
        segment = self._open.get(folder)
        if segment is None:
            segment = self._open[folder] = Segment(self._path(folder, SUFFIX))
        try:
            segment.append(b"\n".join(rows) + b"\n", len(rows))
        except OrdainError:
            # Its end is torn: what comes next goes to another file.
            self._end(folder)
            raise
        self.counts.written += len(rows)
        if segment.n_bytes >= SEGMENT_BYTES:
            segment.sync()
            self._end(folder)

    def _write_batch(self, entry: BatchEntry) -> None:
        folder = self._hour(entry.model, entry.at)
        try:
            frame = batch_frame(self._fields.batch(entry, folder, self._redact), self._redact)
        except pl.exceptions.PolarsError:
            self.counts.unwritable += len(entry.outputs)
            return
        if self._sample < 1:
            n_before = len(frame)
            frame = frame.filter(is_sampled(frame["prediction_id"], self._sample))
            self.counts.left_out += n_before - len(frame)
        if len(frame):
            self._frames.setdefault(folder, []).append(frame)

    def _path(self, folder: Path, suffix: str) -> Path:
        self._n_files += 1
        return folder / f"{self._name}-{self._n_files}{suffix}"

    def _write_frames(self) -> None:
        """Write the rows of batches, one file an hour and model."""
        for folder in list(self._frames):
            try:
                frames = [stacked(self._frames[folder], META)]
            except pl.exceptions.PolarsError:  # one that fits no other must not keep them waiting
                frames = self._frames[folder]
            for frame in frames:
                self._finisher.take_frame(frame, self._path(folder, PARQUET))
                self.counts.written += len(frame)
            del self._frames[folder]

    def _sync(self) -> None:
        self._write_frames()
        for segment in self._open.values():
            segment.sync()
        self._synced_at = time.monotonic()
        with self._flushed:
            self.counts.flushed = self._n_done
            self._flushed.notify_all()

    def _end_old(self) -> None:
        """End segments of hours that are over; those of a database once a second."""
        now = time.time()
        for folder in list(self._open):
            is_current = self.sink.hour(folder.parent.name, now) == folder
            if self.sink.url or not is_current:
                self._end(folder)

    def _end_all(self) -> None:
        self._sync()
        for folder in list(self._open):
            self._end(folder)

    def _end(self, folder: Path) -> None:
        segment = self._open.pop(folder)
        with contextlib.suppress(OSError):
            segment.close()
        self._finisher.take_segment(segment.path)


class PredictionFiles:
    """The log of predictions, as the server is given it.

    Args:
        writer: of this worker.
    """

    def __init__(self, writer: LogWriter) -> None:
        self.writer = writer

    def write(self, entry: Entry) -> None:
        """Take one prediction over."""
        self.writer.put(entry)

    def write_batch(self, entry: BatchEntry) -> None:
        """Take the predictions of many rows over."""
        self.writer.put(entry, len(entry.outputs))

    def adopt(self, logging: PredictionLogging) -> None:
        """Keep predictions as is declared from now on."""
        self.writer.adopt(logging)

    def close(self) -> None:
        """Write what is held and end."""
        self.writer.close()
