"""What a log forgets: hours that are older than declared, or that no longer fit.

    log: {keep_days: 30, keep_bytes: 20_000_000_000}

Whole hours are removed, the oldest first, by one worker at a time. An hour that is still written
to, or holds rows that are no file of columns yet, is left for later. Each removal is a line in
`removed.jsonl` beside the models, written before it is done.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ordain.config.deployment import PredictionLogging
from ordain.core.errors import StoreError
from ordain.core.files import store_errors, try_lock
from ordain.serving.log.place import HOUR, OUTCOMES, Sink
from ordain.serving.log.segment import SUFFIX

LOG = logging.getLogger("ordain.serving")
AUDIT = "removed.jsonl"
LOOK_SECONDS = 300.0
"""Seconds between looks."""
_DAY = 86_400.0
_HOUR_SECONDS = 3_600.0
_SETTLED_SECONDS = 300.0


@dataclass(frozen=True)
class Hour:
    """The folder of one hour of a model, or of outcomes.

    Attributes:
        ended: seconds since 1970.
        n_bytes: of its files.
        is_settled: whether all of it is in files of columns.
    """

    path: Path
    ended: float
    n_bytes: int
    is_settled: bool


class Retention:
    """Removes what is kept no longer; it is called by the thread of a log.

    Args:
        sink: whose log.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._days: float | None = None
        self._bytes: int | None = None
        self._looked_at = 0.0

    def adopt(self, logging: PredictionLogging) -> None:
        """Keep rows for as long as is declared from now on."""
        self._days, self._bytes = logging.keep_days, logging.keep_bytes
        self._looked_at = 0.0

    def work(self) -> None:
        """Remove what is to be removed, when it is time to look.

        Raises:
            StoreError: files or the database cannot be changed.
        """
        now = time.monotonic()
        if (self._days or self._bytes) and (
            not self._looked_at or now - self._looked_at > LOOK_SECONDS
        ):
            self._looked_at = now
            self.sweep()

    def sweep(self, *, now: float | None = None) -> int:
        """Remove what is older than declared, or does not fit; return how many hours or rows.

        Raises:
            StoreError: files or the database cannot be changed.
        """
        now = time.time() if now is None else now
        before = None if self._days is None else now - self._days * _DAY
        if self._sink.url:
            return self._sweep_database(before)
        if not self._sink.folder.is_dir():
            return 0
        with try_lock(self._sink.folder / ".sweeping") as is_free:
            if not is_free:
                return 0
            return self._sweep_folder(before, now)

    def _sweep_folder(self, before: float | None, now: float) -> int:
        hours = sorted(hours_of(self._sink, now=now), key=lambda hour: hour.ended)
        n_bytes = sum(hour.n_bytes for hour in hours)
        n_removed = 0
        for hour in hours:
            is_old = before is not None and hour.ended <= before
            is_too_much = self._bytes is not None and n_bytes > self._bytes
            if not (is_old or is_too_much):
                continue
            if not hour.is_settled:
                continue
            line = _line(hour, "keep_days" if is_old else "keep_bytes", now)
            is_told = self._is_written(line)
            if not _remove(hour.path):
                continue
            if not is_told:  # the disk was full: there is room now
                self._write(line)
            n_bytes -= hour.n_bytes
            n_removed += 1
        return n_removed

    def _sweep_database(self, before: float | None) -> int:
        from ordain.serving.log.database import forget

        assert self._sink.url is not None, "the caller has looked"
        if before is None:
            return 0
        n_rows = forget(self._sink.url, before=before)
        if n_rows:
            self._write({"at": time.time(), "why": "keep_days", "before": before, "rows": n_rows})
            LOG.info("%d rows of the prediction log were removed: keep_days", n_rows)
        return n_rows

    def _is_written(self, line: dict[str, object]) -> bool:
        LOG.info("the prediction log is cut: %s", line)
        try:
            self._write(line)
        except StoreError:
            return False
        return True

    def _write(self, line: dict[str, object]) -> None:
        path = self._sink.folder / AUDIT
        with store_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())


def _line(hour: Hour, why: str, now: float) -> dict[str, object]:
    return {
        "at": now,
        "why": why,
        "stream": hour.path.parent.name,
        "hour": hour.path.name,
        "bytes": hour.n_bytes,
    }


def hours_of(sink: Sink, *, now: float | None = None) -> list[Hour]:
    """Return the hours of a log in a folder, those of outcomes too."""
    now = time.time() if now is None else now
    found = []
    for stream in (*sink.streams(), OUTCOMES):
        for path in sink.hours(stream):
            began = dt.datetime.strptime(path.name, HOUR).replace(tzinfo=dt.UTC).timestamp()
            n_bytes, names = 0, []
            for file in path.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    n_bytes += file.stat().st_size
                    names.append(file.name)
            ended = began + _HOUR_SECONDS
            is_settled = now > ended + _SETTLED_SECONDS and not any(
                name.endswith(SUFFIX) for name in names
            )
            found.append(Hour(path, ended, n_bytes, is_settled))
    return found


def _remove(folder: Path) -> bool:
    """Delete an hour; files that come meanwhile stay, and the folder with them.

    Returns:
        whether it was done; not while another process merges it.
    """
    with store_errors(folder), try_lock(folder / ".merging") as is_free:
        if not is_free:
            return False
        for file in list(folder.iterdir()):
            if file.suffix != SUFFIX:  # a worker that lags behind has begun to write there
                file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
    return True
