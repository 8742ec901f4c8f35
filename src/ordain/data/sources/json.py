"""JSON: an array of objects, or an object of columns.

data:
  source: customers.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes
from ordain.data.delimited.unpack import read_packed
from ordain.data.fingerprint import digest_files
from ordain.data.locations import compression_of, find_files
from ordain.data.nested import records_frame
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport

_LIMIT = 1 << 31


@SOURCES.register
class JsonSource(Source):
    """JSON files."""

    type: Literal["json"] = "json"
    """JSON: an array of objects, or an object whose values are columns of one length."""
    path: str
    """File, glob or folder; relative to the folder of the config."""

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes."""
        files = digest_files(find_files(self.path, root=self._root))
        return digest_bytes(b"json", files.encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows; nested objects become columns named ``outer.inner``."""
        paths = find_files(self.path, root=self._root)
        parsed = [records_frame(_load(path), name=path.name) for path in paths]
        stacked = stack_frames(
            {path.name: one.frame.lazy() for path, one in zip(paths, parsed, strict=True)}
        )
        problems = [problem for one in parsed for problem in one.problems]
        report = ReadReport(
            source=self.path,
            format="json",
            details={"files": len(paths)},
            n_rows=sum(one.frame.height for one in parsed),
            problems=(*problems, *stacked.problems),
        )
        return stacked.frame, report


def _load(path: Path) -> list[dict[str, Any]]:
    try:
        value = json.loads(_content(path))
    except UnicodeDecodeError as error:
        raise DataError(f"'{path.name}' is not valid UTF-8 at byte {error.start}") from error
    except ValueError as error:
        raise DataError(
            f"'{path.name}' is not valid JSON: {error}\n"
            "  Fix: mend the file, or write `format: jsonl` if each line is an object"
        ) from error
    if isinstance(value, dict):
        value = _rows_of_columns(value, path.name)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise DataError(f"'{path.name}' must hold an array of objects, one a row")
    if not value:
        raise DataError(f"'{path.name}' is empty: it holds no row")
    return value


def _content(path: Path) -> bytes:
    compression = compression_of(path) if path.stat().st_size else ""
    if not compression:
        return path.read_bytes()
    return read_packed(path, compression, max_line_bytes=_LIMIT)


def _rows_of_columns(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    columns = {key: item for key, item in value.items() if isinstance(item, list)}
    lengths = {len(item) for item in columns.values()}
    if len(columns) < len(value) or len(lengths) != 1:
        lists = [key for key, item in value.items() if isinstance(item, list)]
        hint = f" The rows may stand under '{lists[0]}'." if len(lists) == 1 else ""
        raise DataError(
            f"'{name}' holds an object whose values are not columns of one length.{hint}\n"
            "  Fix: write an array of objects, one a row"
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
