"""Where predictions go: files, standard output, tables of databases.

A sink takes blocks of rows in their order. What it has taken it can be asked for again after the
process was killed, so that a job goes on where it stopped; the result appears whole, under its
name, when the last block is in.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import polars as pl

from ordain.core.errors import StoreError, UsageError
from ordain.core.files import (
    TEMPORARY_PREFIX,
    atomic_file,
    read_json,
    store_errors,
    try_lock,
    write_json,
)

FORMATS = (".csv", ".jsonl", ".parquet", ".arrow")
_JOB, _LOCK, _NOTE = "job.json", "lock", "ordain"
_WIDTH = 6
_COLUMNAR = frozenset({".parquet", ".arrow"})


class Sink(ABC):
    """Takes blocks of rows, in a `with` block.

    The caller looks at `n_done` first, gives the rows behind it with `write`, and calls `finish`
    once all are in. `write` returns when the rows outlive the process.

    Attributes:
        n_done: rows that an earlier attempt at the same job has written.
        told: what that attempt noted of each of its blocks.
    """

    n_done: int = 0
    told: Sequence[Mapping[str, Any]] = ()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of what is open; what was written stays for a next attempt."""
        self.close()

    def open(self) -> None:  # noqa: B027 - the standard output is open
        """Find what an earlier attempt has written, or begin."""

    def close(self) -> None:  # noqa: B027 - the standard output stays open
        """Let go of what is open."""

    @abstractmethod
    def write(self, rows: pl.DataFrame, note: Mapping[str, Any]) -> None:
        """Write the next block, with plain data to find again beside it.

        Raises:
            StoreError: it cannot be written.
        """

    @abstractmethod
    def finish(self) -> None:
        """Give the result its name, and clear what stood for it.

        Raises:
            StoreError: it cannot be written.
        """


class StreamSink(Sink):
    """CSV on the standard output; it cannot be gone on with."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._write = CsvWriter(file or sys.stdout.buffer)

    def write(self, rows: pl.DataFrame, note: Mapping[str, Any]) -> None:
        """Print the next block."""
        del note
        self._write(rows)

    def finish(self) -> None:
        """Do nothing more."""


class FileSink(Sink):
    """A file, made of parts that stand beside it until the last is in.

    Args:
        output: a `.csv`, `.jsonl`, `.parquet` or `.arrow` file.
        job: digest of all that decides the rows; parts of another job are deleted.
        is_fresh: delete parts of the same job too.

    Raises:
        UsageError: another process writes the same file.
    """

    def __init__(self, output: Path, *, job: str, is_fresh: bool = False) -> None:
        self.output = output
        self.folder = parts_folder(output)
        self._job, self._is_fresh = job, is_fresh
        self._stack = ExitStack()
        self._is_locked = False
        self._parts: list[Path] = []

    def open(self) -> None:
        """Take the lock, and see which parts there are."""
        with store_errors(self.output):
            self.folder.mkdir(exist_ok=True)
        if not self._stack.enter_context(try_lock(self.folder / _LOCK)):
            raise UsageError(
                f"another process is writing '{self.output}'\n"
                "  Fix: wait for it, or name another file"
            )
        self._is_locked = True
        job = self.folder / _JOB
        known = _read_quietly(job)
        if self._is_fresh or known != {"job": self._job}:
            for path in self.folder.glob("part-*"):
                path.unlink()
            write_json(job, {"job": self._job})
        for path in self.folder.glob(f"{TEMPORARY_PREFIX}*"):
            path.unlink()
        self._parts = sorted(self.folder.glob("part-*"))
        self.told = [json.loads(pl.read_parquet_metadata(path)[_NOTE]) for path in self._parts]
        self.n_done = sum(_n_rows(path) for path in self._parts)

    def close(self) -> None:
        """Free the lock; where no part stands, there is nothing to go on with."""
        if self._is_locked and not self._parts:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._stack.close()

    def write(self, rows: pl.DataFrame, note: Mapping[str, Any]) -> None:
        """Write the next block as a part of its own."""
        path = self.folder / f"part-{len(self._parts):0{_WIDTH}}.parquet"
        # Through memory: Polars keeps a full disk to itself where the last kilobytes do not fit.
        content = io.BytesIO()
        rows.write_parquet(content, compression="lz4", metadata={_NOTE: json.dumps(note)})
        with atomic_file(path) as file:
            file.write(content.getbuffer())
        self._parts.append(path)

    def finish(self) -> None:
        """Write the file from its parts, one at a time, and delete them."""
        with store_errors(self.output):
            if self.output.suffix in _COLUMNAR:
                whole = self.folder / f"whole{self.output.suffix}"
                _join(self._parts, whole)
                whole.replace(self.output)
            else:
                with atomic_file(self.output) as file, _writer(file, self.output.suffix) as write:
                    for path in self._parts:
                        write(pl.read_parquet(path, glob=False))
            self._parts = []


def check_format(output: Path | None) -> None:
    """Refuse a file of a kind that is not written, or in a folder that is not there.

    Raises:
        UsageError: says what is possible.
    """
    if output is not None and output.suffix not in FORMATS:
        raise UsageError(
            f"'{output}' cannot be written\n  Possible: a file that ends in {', '.join(FORMATS)}, "
            "or a table as in sqlite:///a.db::TABLE"
        )
    if output is not None and output.is_dir():
        raise UsageError(f"'{output}' is a folder\n  Fix: name a file in it")
    if output is not None and not output.parent.is_dir():
        raise UsageError(
            f"'{output}' cannot be written: there is no folder '{output.parent}'\n"
            f"  Fix: mkdir -p {output.parent}, or name a file in a folder that is there"
        )


def parts_folder(output: Path) -> Path:
    """Return where the parts of a file stand until it is whole."""
    return output.absolute().with_name(f".{output.name}.parts")


def write_rows(frame: pl.DataFrame, output: Path | None) -> None:
    """Write rows to a file of one of `FORMATS`, or as CSV to the standard output.

    Raises:
        UsageError: an output of another kind.
    """
    check_format(output)
    if output is None:
        CsvWriter(sys.stdout.buffer)(frame)
        return
    with atomic_file(output) as file, _writer(file, output.suffix) as write:
        write(frame)


def _join(parts: Sequence[Path], whole: Path) -> None:
    """Write a columnar file from parts, and look whether its end is there.

    The end is written last, and Polars keeps it to itself where the disk is too full for that.
    """
    rows = pl.scan_parquet(list(parts), glob=False)
    is_parquet = whole.suffix == ".parquet"
    if is_parquet:
        rows.sink_parquet(whole, maintain_order=True)
    else:
        rows.sink_ipc(whole, maintain_order=True, compression="uncompressed")
    with whole.open("rb") as file:
        os.fsync(file.fileno())
    try:
        (pl.scan_parquet if is_parquet else pl.scan_ipc)(whole, glob=False).select(
            pl.len()
        ).collect()
    except pl.exceptions.PolarsError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(whole)) from error


@contextmanager
def _writer(file: IO[bytes], suffix: str) -> Iterator[Callable[[pl.DataFrame], None]]:
    if suffix == ".csv":
        yield CsvWriter(file)
        return

    def through_memory(block: pl.DataFrame) -> None:
        content = io.BytesIO()
        if suffix == ".jsonl":
            block.write_ndjson(content)
        elif suffix == ".parquet":
            block.write_parquet(content)
        else:
            block.write_ipc(content, compression="uncompressed")
        file.write(content.getbuffer())

    yield through_memory


def _n_rows(path: Path) -> int:
    found: int = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
    return found


def _read_quietly(path: Path) -> Any:
    try:
        return read_json(path)
    except StoreError:
        return None


class CsvWriter:
    """Writes blocks as CSV with one header; lists as JSON text."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_first = True

    def __call__(self, block: pl.DataFrame) -> None:
        """Write a block."""
        content = io.BytesIO()
        plain_lists(block).write_csv(content, include_header=self._is_first)
        self._file.write(content.getbuffer())
        self._is_first = False


def plain_lists(block: pl.DataFrame) -> pl.DataFrame:
    """Return rows with lists as JSON text, which a cell of text can hold."""
    lists = [name for name, dtype in block.schema.items() if dtype.is_nested()]
    return block.with_columns(map(_as_json, lists))


def _as_json(name: str) -> pl.Expr:
    text = pl.struct(pl.col(name).alias("_")).struct.json_encode()
    inside = text.str.strip_prefix('{"_":').str.strip_suffix("}")
    return pl.when(pl.col(name).is_null()).then(None).otherwise(inside).alias(name)
