"""One delimited file on its way: what is declared, what was detected, its text in blocks."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from ordain.data.delimited import lines, types
from ordain.data.delimited.dialect import Dialect


@dataclass(frozen=True)
class Options:
    """What is declared of a delimited file; None where it is to be detected."""

    separator: str | None
    encoding: str | None
    quote: str | None
    header: bool | None
    names: tuple[str, ...] | None
    null_values: tuple[str, ...]
    decimal: str
    types: Mapping[str, str]
    ragged: Literal["error", "report"]
    skip_rows: int
    comment: str | None
    max_line_bytes: int


@dataclass
class Block:
    """Whole records of a file, all of them or some that follow each other.

    Attributes:
        content: UTF-8 text.
        path: the file, where the block is all of it and the text is as it stands there.
        first_line: number of its first line in the file, from 1.
    """

    content: bytes | mmap.mmap
    path: Path | None = None
    first_line: int = 1
    records: lines.Records | None = None


@dataclass
class Job:
    """A file and what is known of it so far.

    Attributes:
        blocks: gives its records in blocks, from the start, each time it is called.
        guesses: what the head says of each column.
        problems: what was found of the file as a whole.
    """

    name: str
    options: Options
    dialect: Dialect
    blocks: Callable[[], Iterator[Block]]
    guesses: dict[str, types.Guess] = field(default_factory=dict)
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def texts(self) -> list[pl.DataType]:
        """Every column as text."""
        return [pl.String()] * len(self.dialect.names)


def parse_block(
    job: Job, block: Block, dtypes: Sequence[pl.DataType], *, is_lenient: bool = False
) -> pl.DataFrame:
    """Return the rows of a block as Polars reads them.

    Raises:
        ComputeError: a value is not of its type, a line has too many fields, the text is not UTF-8
            or its quotes are wrong.
    """
    is_first = block.first_line == 1
    dialect, options = job.dialect, job.options
    has_header = dialect.has_header and is_first
    source: Path | bytes = bytes(block.content) if block.path is None else block.path
    if not is_first and not _starts_whole(job, block, n_columns=len(dtypes)):
        # Polars counts columns by the first line, so a line that may be short goes below another.
        header = dialect.separator * (len(dtypes) - 1) + dialect.newline
        source, has_header = header.encode() + bytes(block.content), True
    frame = pl.read_csv(
        source,
        has_header=has_header,
        separator=dialect.separator,
        quote_char=dialect.quote or None,
        eol_char=dialect.newline,
        skip_lines=options.skip_rows if is_first else 0,
        comment_prefix=options.comment,
        infer_schema=False,
        schema_overrides=list(dtypes),
        new_columns=list(dialect.names),
        decimal_comma=options.decimal == ",",
        truncate_ragged_lines=is_lenient or options.ragged == "report",
        raise_if_empty=False,
        glob=False,
    )
    if frame.width > len(dtypes):
        raise pl.exceptions.ComputeError("found more fields than defined in 'Schema'")
    return frame


def _starts_whole(job: Job, block: Block, *, n_columns: int) -> bool:
    """Return whether the first line of a block is plainly a record with all fields."""
    dialect = job.dialect
    line = bytes(block.content[: block.content.find(dialect.newline.encode()) + 1])
    if not line.strip() or job.options.comment or line.count(dialect.quote.encode() or b"\0") % 2:
        return False
    found = lines.scan_records(
        line, separator=dialect.separator, quote=dialect.quote, newline=dialect.newline
    )
    return int(found.n_fields[0]) == n_columns


def records_of(job: Job, block: Block) -> lines.Records:
    """Return the records of a block, without the header and comment lines."""
    if block.records is None:
        content, dialect = block.content, job.dialect
        found = lines.scan_records(
            content, separator=dialect.separator, quote=dialect.quote, newline=dialect.newline
        )
        numbers = found.lines + (block.first_line - 1)
        wanted = numbers > job.options.skip_rows
        if job.options.comment:
            mark = job.options.comment.encode()
            is_comment = [content[start : start + len(mark)] == mark for start in found.starts]
            wanted &= ~np.array(is_comment, dtype=bool)
        n_above = int(dialect.has_header and block.first_line == 1)
        chosen = np.flatnonzero(wanted)[n_above:]
        block.records = lines.Records(
            found.starts[chosen], found.ends[chosen], found.n_fields[chosen], numbers[chosen]
        )
    return block.records
