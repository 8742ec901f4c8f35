"""JSON lines: one object a line, plain, ``.gz`` or ``.zst``.

data:
  source: events/*.jsonl
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Literal

import polars as pl

from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes
from ordain.data.delimited.lines import check_line_length
from ordain.data.delimited.unpack import read_packed
from ordain.data.fingerprint import digest_files
from ordain.data.jsonlines import Lines, load_lines, stream_lines
from ordain.data.locations import compression_of, find_files
from ordain.data.nested import Records, flatten, records_frame
from ordain.data.source import SOURCES, Source
from ordain.data.spill import Spill
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport

_MAX_LINE_BYTES = 1 << 26


@SOURCES.register
class JsonLinesSource(Source):
    """Files with one JSON object a line."""

    type: Literal["jsonl"] = "jsonl"
    """JSON lines."""
    aliases = ("ndjson",)
    path: str
    """File, glob or folder; relative to the folder of the config."""

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes."""
        files = digest_files(find_files(self.path, root=self._root))
        return digest_bytes(b"jsonl", files.encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows; nested objects become columns named ``outer.inner``."""
        paths = find_files(self.path, root=self._root)
        spill = self._spill_for(paths)
        parsed = [_read(path, spill) for path in paths]
        stacked = stack_frames(
            {path.name: one.frame for path, one in zip(paths, parsed, strict=True)}
        )
        problems = [problem for one in parsed for problem in one.problems]
        report = ReadReport(
            source=self.path,
            format="jsonl",
            details={"files": len(paths)},
            n_rows=sum(one.n_rows for one in parsed),
            problems=(*problems, *stacked.problems),
        )
        return stacked.frame, report


def _read(path: Path, spill: Spill | None) -> Lines:
    if spill is not None:
        lines = stream_lines(path, spill, max_line_bytes=_MAX_LINE_BYTES)
        if lines is not None:
            return lines
    records = _read_whole(path)
    return Lines(records.frame.lazy(), records.frame.height, records.problems)


def _read_whole(path: Path) -> Records:
    size = path.stat().st_size
    compression = compression_of(path) if size else ""
    if compression:
        content = read_packed(path, compression, max_line_bytes=_MAX_LINE_BYTES)
    else:
        content = path.read_bytes() if size <= _MAX_LINE_BYTES else _checked(path)
    if not content.strip():
        raise DataError(f"'{path.name}' is empty: it holds no row")
    try:
        frame = pl.read_ndjson(content, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return records_frame(load_lines(content, path.name), name=path.name)
    # Polars turns values of unlike kinds in one column into text or null; rows tell the truth.
    if any(dtype in (pl.String(), pl.Null()) or dtype.is_nested() for dtype in frame.dtypes):
        return flatten(frame)
    return Records(frame)


def _checked(path: Path) -> bytes:
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        check_line_length(content, limit=_MAX_LINE_BYTES, name=path.name)
        return bytes(content)
