"""Lines of JSON, parsed block by block where they are too many for memory.

Each block is parsed with the types it shows. Where they differ from block to block, all are
parsed again with the types that hold the values of every block.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError
from ordain.data.delimited.text import Text, open_text
from ordain.data.locations import compression_of
from ordain.data.nested import flatten, union_schema
from ordain.data.spill import Spill


@dataclass(frozen=True)
class Lines:
    """The rows of one file, and what had to be changed for it."""

    frame: pl.LazyFrame
    n_rows: int
    problems: tuple[dict[str, Any], ...] = ()


def stream_lines(path: Path, spill: Spill, *, max_line_bytes: int) -> Lines | None:
    """Return the rows of a file, put aside block by block; nested objects become columns.

    None where a column holds values so unlike that Polars reads them in no one type: the rows
    must be looked at one by one then, all at once.

    Raises:
        DataError: a line is too long or is no JSON object; it is named.
    """
    compression = compression_of(path) if path.stat().st_size else ""
    with open_text(path, compression, max_line_bytes=max_line_bytes, spill=spill) as text:
        kept: list[Path] = []
        schemas: list[dict[str, pl.DataType]] = []
        n_rows = 0
        for frame in _frames(text, None):
            if frame is None:
                return None
            schemas.append(dict(frame.schema))
            kept.append(spill.keep(flatten(frame).frame))
            n_rows += frame.height
        if not n_rows:
            raise DataError(f"'{path.name}' is empty: it holds no row")
        schema: dict[str, pl.DataType] = {}
        for one in schemas:
            schema = union_schema(schema, one)
        if any(one != schema for one in schemas):
            for file in kept:
                file.unlink()
            frames = list(_kept_again(text, schema, spill))
            if None in frames:
                return None
            kept = [file for file in frames if file is not None]
        return Lines(spill.scan(kept), n_rows)


def load_lines(
    content: bytes | mmap.mmap, name: str, *, first_line: int = 1
) -> list[dict[str, Any]]:
    """Return one mapping a line, blank lines left out.

    Raises:
        DataError: a line is no JSON object; it is named.
    """
    rows = []
    for number, line in enumerate(bytes(content).split(b"\n"), first_line):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"line {number} of '{name}' is not valid JSON: {error}") from error
        if not isinstance(row, dict):
            raise DataError(f"line {number} of '{name}' must be an object, one a row")
        rows.append(row)
    return rows


def _kept_again(text: Text, schema: dict[str, pl.DataType], spill: Spill) -> Iterator[Path | None]:
    for frame in _frames(text, schema):
        yield None if frame is None else spill.keep(flatten(frame).frame)


def _frames(text: Text, schema: dict[str, pl.DataType] | None) -> Iterator[pl.DataFrame | None]:
    """Return the blocks of a file as frames; None for one that Polars cannot read."""
    for first_line, content in text.lines():
        if not bytes(content).strip():
            continue
        try:
            yield pl.read_ndjson(bytes(content), schema=schema, infer_schema_length=None)
        except pl.exceptions.PolarsError:
            load_lines(content, text.name, first_line=first_line)
            yield None
