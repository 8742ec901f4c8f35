"""Ends segments: a file of columns for each, rows of a database; one file an hour in the end.

    python -m ordain.serving.log.finish SEGMENT... HOUR...

finishes segments and merges the files of hours, as `Finisher` does where they are large.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections import deque
from pathlib import Path

import polars as pl

from ordain.core.errors import OrdainError, StoreError
from ordain.core.files import TEMPORARY_PREFIX, atomic_file, try_lock
from ordain.serving.log.apart import Apart, be_unobtrusive
from ordain.serving.log.place import HOUR, OUTCOMES, Sink
from ordain.serving.log.rows import META, frame_of, outcomes_of, stacked
from ordain.serving.log.rows import OUTCOMES as OUTCOME_COLUMNS
from ordain.serving.log.segment import SUFFIX, is_abandoned, read_segment

PARQUET = ".parquet"
TORN, UNREADABLE = "torn", "unreadable"
"""What the names of files end with that were put aside."""
SMALL_BYTES = 32 << 20
"""Files of this size are left as they are; smaller ones are merged."""
MERGE_BYTES = 64 << 20
"""Files are merged up to this size together: they are held in memory, ten times as large."""
MANY_FILES = 50
"""Small files of an hour from which they are merged before it is over."""
_OVER_SECONDS = 3600.0 + 300.0
_LEFT_OVER_SECONDS = 300.0
_LOOK_SECONDS = 60.0
_DATABASE_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
_AT_ONCE = 200
"""Segments of one go: a call of the system takes so many names and not any number."""


class Finisher:
    """Does what can wait: it is called by the thread of a log, never by the server itself.

    Args:
        sink: where to.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._ended: deque[Path] = deque()
        self._hours: deque[Path] = deque()
        self._doing: list[Path] = []
        self._apart = Apart("ordain.serving.log.finish", _do)
        self._looked_at = time.monotonic()
        self._not_before = 0.0

    def take_segment(self, path: Path) -> None:
        """Take over a segment that is not written any more."""
        self._ended.append(path)

    def take_frame(self, frame: pl.DataFrame, path: Path) -> None:
        """Keep a frame at once, as a file of its own; it is on the disk on return."""
        write_parquet(frame, path)
        if self._sink.url:
            self._ended.append(path)

    def adopt(self) -> None:
        """Take over what killed processes have left."""
        if not self._sink.folder.is_dir():
            return
        for path in sorted(self._sink.folder.glob(f"*/*/*{SUFFIX}")):
            if is_abandoned(path):
                self._ended.append(path)
        if self._sink.url:
            self._ended.extend(sorted(self._sink.folder.glob(f"*/*/*{PARQUET}")))
        for path in self._sink.folder.glob(f"*/*/{TEMPORARY_PREFIX}*"):
            if time.time() - path.stat().st_mtime > _LEFT_OVER_SECONDS:
                path.unlink(missing_ok=True)

    def work(self) -> None:
        """Finish what has ended, and merge the files of hours that are over.

        Raises:
            OrdainError: a file or the database cannot be written; it is tried again later.
        """
        if self._sink.url:
            self._ship_ended()
            return
        self._finish_ended()
        if time.monotonic() - self._looked_at > _LOOK_SECONDS:
            self._looked_at = time.monotonic()
            for stream in (*self._sink.streams(), OUTCOMES):
                hours = self._sink.hours(stream, since=time.time() - 86_400)
                self._hours.extend(folder for folder in hours if to_merge(folder))

    def settle(self) -> None:
        """Finish what has ended, without waiting for a database that was away a moment ago.

        Raises:
            OrdainError: a file or the database cannot be written; the next process tries again.
        """
        if self._sink.url:
            self._not_before = 0.0
            self._ship_ended()
            return
        self._hours.clear()
        self._not_before = 0.0
        while self._ended or self._apart.is_busy:
            self._finish_ended(waits=True)

    def _finish_ended(self, *, waits: bool = False) -> None:
        """Finish segments, or merge an hour, if nothing else is being finished."""
        try:
            self._apart.look(waits=waits)
            if self._apart.is_busy or time.monotonic() < self._not_before:
                return
            ended = [path for path in self._ended if path.suffix == SUFFIX]
            self._doing, self._ended = ended[:_AT_ONCE], deque(ended[_AT_ONCE:])
            if not self._doing and self._hours:
                self._doing = [self._hours.popleft()]
            self._apart.do(self._doing)
        except Exception:
            # Whatever it was: what was not put aside is tried again, but not at once.
            self._ended.extend(one for one in self._doing if one.suffix == SUFFIX and one.exists())
            self._doing = []
            self._not_before = time.monotonic() + _AGAIN_SECONDS
            raise

    def _ship_ended(self) -> None:
        while self._ended and time.monotonic() >= self._not_before:
            try:
                self._ship(self._ended[0])
            except OrdainError:  # it stays the first in line
                self._not_before = time.monotonic() + _DATABASE_SECONDS
                raise
            self._ended.popleft()

    def _ship(self, path: Path) -> None:
        from ordain.serving.log.database import ship

        assert self._sink.url is not None, "the caller has looked"
        with try_lock(path.parent / ".shipping") as is_free:
            if is_free and path.exists() and (path.suffix != SUFFIX or is_abandoned(path)):
                ship(path, self._sink.url, is_outcomes=path.parent.parent.name == OUTCOMES)
                path.unlink(missing_ok=True)


def _do(path: Path) -> None:
    """Merge an hour, or finish a segment; one that cannot be read is put aside."""
    if path.suffix != SUFFIX:
        merge_hour(path)
        return
    # Looked at again: one that was made a moment ago has no lock yet, and seems to be left over.
    if not is_abandoned(path):
        return
    try:
        finish_segment(path)
    except pl.exceptions.PolarsError as error:
        path.rename(path.with_suffix(f".{UNREADABLE}"))
        raise StoreError(f"{path} cannot be read and was put aside: {error}") from error


def finish_segment(path: Path) -> None:
    """Make a segment that nobody writes any more a Parquet file; a torn end is put aside.

    A process that is killed between the two leaves both; rows that stand twice are read once.
    """
    if not path.exists():
        return
    contents = read_segment(path)
    if contents.payload:
        is_outcomes = path.parent.parent.name == OUTCOMES
        frame = (outcomes_of if is_outcomes else frame_of)(contents.payload)
        write_parquet(frame, path.with_suffix(PARQUET))
    if contents.n_torn_bytes:
        path.rename(path.with_suffix(f".{TORN}"))
    else:
        path.unlink(missing_ok=True)


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame so that it is whole and on the disk, or not there."""
    with atomic_file(path) as file:
        frame.write_parquet(file, compression="zstd", compression_level=3)


def to_merge(folder: Path, *, now: float | None = None) -> list[Path]:
    """Return the small files of an hour that are to become one; none mostly.

    Of the hour that runs they are merged once there are many.
    """
    sizes = {path: _size(path) for path in sorted(folder.glob(f"*{PARQUET}"))}
    small = [path for path, size in sizes.items() if size < SMALL_BYTES]
    began = dt.datetime.strptime(folder.name, HOUR).replace(tzinfo=dt.UTC).timestamp()
    is_over = (time.time() if now is None else now) - began > _OVER_SECONDS
    files, total = [], 0
    for path in small:
        total += sizes[path]
        if total <= MERGE_BYTES:
            files.append(path)
    return files if len(files) >= (2 if is_over else MANY_FILES) else []


def merge_hour(folder: Path, *, now: float | None = None) -> int:
    """Make one file of the small ones of an hour, and return how many it was made of.

    A process that is killed meanwhile leaves some rows twice; they are read once.
    """
    files = to_merge(folder, now=now)
    if not files:
        return 0
    with try_lock(folder / ".merging") as is_free:
        if not is_free or not all(path.exists() for path in files):
            return 0
        schema = OUTCOME_COLUMNS if folder.parent.name == OUTCOMES else META
        merged = stacked([pl.read_parquet(path) for path in files], schema)
        write_parquet(merged, folder / f"hour-{time.time_ns():x}{PARQUET}")
        for path in files:
            path.unlink()
    return len(files)


def _size(path: Path) -> int:
    """Return the size of a file; of one that another process has just merged, 0."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def main() -> None:
    """Finish the segments and merge the hours that the call names; code 1 where one cannot be."""
    be_unobtrusive()
    is_done = True
    for name in sys.argv[1:]:
        try:
            _do(Path(name))
        except OrdainError as error:
            is_done = False
            sys.stderr.write(f"{error.message}\n")
    sys.exit(0 if is_done else 1)


if __name__ == "__main__":
    main()
