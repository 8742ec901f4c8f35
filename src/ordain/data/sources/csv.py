"""Delimited text: CSV, TSV and their kin, plain, ``.gz`` or ``.zst``; one file, a glob, a folder.

Encoding, separator, quoting and header are detected and reported; every one can be declared.
Nothing is lost in silence: ragged lines, blank lines, spellings of missing, mixed columns and
foreign bytes are named with their line.

    data:
      source: sales/*.csv
      separator: ";"
      decimal: ","
      null_values: [NA, "-"]
      types: {zip: text}
"""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from ordain.core.hashing import digest_bytes, digest_json
from ordain.data.delimited.job import Options
from ordain.data.delimited.parse import check_file, parse_file
from ordain.data.fingerprint import digest_files
from ordain.data.locations import find_files
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport

Character = Annotated[str, Field(min_length=1, max_length=1)]

NULL_VALUES = (
    "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NULL", "null", "NaN", "nan", "None", "?",
)  # fmt: skip


@SOURCES.register
class CsvSource(Source):
    """Delimited text files."""

    type: Literal["csv"] = "csv"
    """Delimited text."""
    path: str
    """File, glob or folder; relative to the folder of the config."""
    separator: Character | None = None
    """Character between fields; detected among comma, semicolon, tab, bar and colon."""
    encoding: str | None = None
    """Encoding as Python names it, or `utf-8-lossy`; detected, cp1252 where it is not UTF-8."""
    quote: Annotated[str, Field(max_length=1)] | None = None
    """Character around fields; a double quote unless declared, an empty string for none."""
    header: bool | None = None
    """Whether the first line names the columns; detected."""
    names: tuple[str, ...] | None = None
    """Names of the columns, in place of those of the header or for a file without one."""
    null_values: tuple[str, ...] = NULL_VALUES
    """Spellings read as missing in every column; an empty field always is."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of numbers."""
    types: dict[str, Literal["text", "integer", "number", "boolean"]] = Field(default_factory=dict)
    """Types of columns where the inferred one is not wanted; what does not parse is counted."""
    ragged: Literal["error", "report"] = "error"
    """Whether lines with too many or too few fields stop reading, or are mended and counted."""
    skip_rows: Annotated[int, Field(ge=0)] = 0
    """Lines to pass over before the header."""
    comment: Annotated[str, Field(min_length=1, max_length=5)] | None = None
    """Start of lines to pass over."""
    max_line_bytes: Annotated[int, Field(ge=1024)] = 1 << 24
    """Longest line that is read, in bytes; a longer one is an error."""

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes and of the options."""
        options = self.model_dump(exclude={"path", "type"})
        paths = find_files(self.path, root=self._root)
        for path in paths:
            check_file(path, limit=self.max_line_bytes)
        files = digest_files(paths)
        return digest_bytes(b"csv", files.encode(), digest_json(options).encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows of all files, in order of their names, and what reading found."""
        paths = find_files(self.path, root=self._root)
        options = Options(**self.model_dump(exclude={"path", "type"}))
        spill = self._spill_for(paths)
        parsed = [parse_file(path, options=options, spill=spill) for path in paths]
        stacked = stack_frames(
            {path.name: one.frame for path, one in zip(paths, parsed, strict=True)}
        )
        problems = [problem for one in parsed for problem in one.problems]
        details = dict(parsed[0].details)
        if len(paths) > 1:
            details["files"] = len(paths)
        report = ReadReport(
            source=self.path,
            format="csv",
            details=details,
            n_rows=sum(one.n_rows for one in parsed),
            problems=(*problems, *stacked.problems),
        )
        return stacked.frame, report
