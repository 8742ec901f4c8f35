"""One delimited file, parsed: Polars' own reader first, a closer look only where it objects.

The head settles the dialect and the types; then the whole file is parsed once, strictly. If that
fails, the fault is found and named: a line with too many fields, a byte that is not UTF-8, a
quote that is not closed. A value that does not fit the type of the head sends all columns through
text, so that none is lost.

A file too large for memory is parsed in the same way, block by block: each attempt goes through
all blocks, and what they hold is put aside as Arrow.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError
from ordain.data.delimited import dialect as dialects
from ordain.data.delimited import encoding as encodings
from ordain.data.delimited import faults, lines, types
from ordain.data.delimited.dialect import Dialect
from ordain.data.delimited.job import Block, Job, Options, parse_block, records_of
from ordain.data.delimited.text import Text, mapped, open_text
from ordain.data.locations import compression_of
from ordain.data.spill import Spill

_GUESS_ROWS = 1000


@dataclass(frozen=True)
class Parsed:
    """A file, parsed: rows, what was detected, what was found wrong."""

    frame: pl.LazyFrame
    n_rows: int
    details: dict[str, Any]
    problems: tuple[dict[str, Any], ...]


def parse_file(path: Path, *, options: Options, spill: Spill | None = None) -> Parsed:
    """Return the rows of one file, with every fault named.

    Args:
        path: of the file.
        options: what is declared of it.
        spill: where the rows are put block by block; None to have all of them in memory.

    Raises:
        DataError: the file is empty, has a line that is too long, ragged lines while `ragged` is
            ``error``, an open quote, or bytes that belong to no single encoding.
    """
    compression = compression_of(path) if path.stat().st_size else ""
    limit = options.max_line_bytes
    with open_text(path, compression, max_line_bytes=limit, spill=spill) as text:
        reading = _Reading(path, text, options, spill)
        frame = reading.read()
        details = _details(reading.job, compression)
        return Parsed(frame, reading.n_rows, details, tuple(reading.all_problems()))


def check_file(path: Path, *, limit: int) -> None:
    """Refuse a plain file with a line longer than a limit in bytes, before it is read.

    Raises:
        DataError: a line is longer.
    """
    if path.stat().st_size > limit and not compression_of(path):
        with mapped(path) as content:
            lines.check_line_length(content, limit=limit, name=path.name)


class _Reading:
    """The attempts to read one file."""

    def __init__(self, path: Path, text: Text, options: Options, spill: Spill | None) -> None:
        self.text, self.spill = text, spill
        self.findings, self.found, self.n_rows = types.Findings(), faults.Problems(), 0
        head = text.head
        if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
            raise faults.empty_error(path)
        problems: list[dict[str, Any]] = []
        encoding = options.encoding or encodings.detect_encoding(head, is_whole=text.is_short)
        if encoding == "unknown":
            encoding = encodings.single_byte_encoding(text.lines, path.name, problems)
        if encoding not in ("utf-8", "utf-8-bom", "utf8", "ascii", "us-ascii"):
            self.text = text.recoded(encoding)
        dialect = _detect(self.text, path, encoding=encoding, options=options)
        self.job = Job(path.name, options, dialect, self._blocks, problems=problems)

    def _blocks(self) -> Any:
        dialect = self.job.dialect
        return self.text.blocks(quote=dialect.quote, newline=dialect.newline)

    def read(self) -> pl.LazyFrame:
        """Return the rows; the order of attempts is that of the module's docstring."""
        job = self.job
        job.guesses = _guess_types(job, self.text)
        declared = types.declared_types(job.options.types, job.dialect.names)
        dtypes = [_fast_type(guess, declared.get(name)) for name, guess in job.guesses.items()]
        while True:
            try:
                rows = self._attempt(dtypes)
                break
            except pl.exceptions.ComputeError as error:
                self._prepare_again(str(error), is_text=dtypes == job.texts)
                dtypes = job.texts
        if not self.n_rows:
            raise faults.no_rows_error(job)
        typed = types.settle(
            rows,
            job.guesses,
            declared=declared,
            decimal=job.options.decimal,
            findings=self.findings,
        )
        # In memory a type is cast once, and not each time a column is asked for.
        is_cast = typed is not rows and self.spill is None
        return typed.collect().lazy() if is_cast else typed

    def all_problems(self) -> list[dict[str, Any]]:
        """Return what was found of the file, its lines and its columns."""
        return [
            *self.job.problems,
            *self.found.to_list(),
            *faults.typing_problems(self.findings),
        ]

    def _attempt(self, dtypes: Sequence[pl.DataType]) -> pl.LazyFrame:
        """Return the rows of all blocks, spellings of missing as null, in the types given."""
        self.findings, self.found, self.n_rows = types.Findings(), faults.Problems(), 0
        # A loop would hold a block by its name while the next one is read.
        kept = list(map(partial(self._rows_of, dtypes), self.job.blocks()))
        return kept[0].lazy() if self.spill is None else self.spill.scan(kept)

    def _rows_of(self, dtypes: Sequence[pl.DataType], block: Block) -> Any:
        frame = self._clean(block, parse_block(self.job, block, dtypes))
        self.n_rows += frame.height
        return frame if self.spill is None else self.spill.keep(frame)

    def _clean(self, block: Block, frame: pl.DataFrame) -> pl.DataFrame:
        options = self.job.options
        frame = types.blank_out(frame, null_values=options.null_values, findings=self.findings)
        if "NaN" in options.null_values:
            frame = types.drop_nan(frame, self.findings)
        if frame.width > 1 and frame.height:
            frame = _check_short_lines(self.job, block, frame, self.found)
            if options.ragged == "report":
                _note_long_lines(self.job, block, self.found)
        return frame

    def _prepare_again(self, message: str, *, is_text: bool) -> None:
        """Mend what made an attempt fail, or name it.

        Raises:
            DataError: the file is at fault.
        """
        job = self.job
        if "utf-8" in message or "utf8" in message:
            encoding = encodings.single_byte_encoding(self.text.lines, job.name, job.problems)
            self.text = self.text.recoded(encoding)
            job.dialect = replace(job.dialect, encoding=encoding)
        elif "more fields" in message:
            raise faults.ragged_error(job, is_long=True)
        elif is_text:
            if not job.dialect.quote:
                raise DataError(f"'{job.name}' cannot be parsed: {message.splitlines()[0]}")
            if faults.has_opening_quotes(job):
                raise faults.quote_error(job)
            job.problems.append(faults.stray_quotes(job))
            job.dialect = replace(job.dialect, quote="")


def _detect(text: Text, path: Path, *, encoding: str, options: Options) -> Dialect:
    decoded = text.head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "ignore")
    newline = "\n" if "\n" in decoded or "\r" not in decoded else "\r"
    if options.skip_rows:
        decoded = decoded.split(newline, options.skip_rows)[-1]
    if faults.is_binary(decoded):
        raise faults.binary_error(path)
    sample = dialects.sample_lines(
        decoded, is_whole=text.is_short, newline=newline, comment=options.comment
    )
    quote = '"' if options.quote is None else options.quote
    suffixes = {suffix.lower() for suffix in path.suffixes}
    prior = "\t" if suffixes & {".tsv", ".tab"} else ","
    separator = options.separator or dialects.detect_separator(sample, quote=quote, prior=prior)
    rows = [row for row in dialects.split_lines(sample, separator=separator, quote=quote) if row]
    if not rows:
        raise faults.empty_error(path)
    has_header = dialects.detect_header(rows) if options.header is None else options.header
    if options.names is not None:
        raw: Sequence[str] = options.names
    else:
        raw = rows[0] if has_header else [""] * dialects.typical_width(rows)
    names, renamed = dialects.unique_names(raw)
    return Dialect(encoding, separator, quote, newline, has_header, names, renamed)


def _guess_types(job: Job, text: Text) -> dict[str, types.Guess]:
    head = text.head
    if not text.is_short:
        head = head[: head.rfind(job.dialect.newline.encode()) + 1]
    try:
        sample = parse_block(job, Block(head), job.texts, is_lenient=True)
    except pl.exceptions.ComputeError:
        return {name: types.Guess(pl.String(), is_known=False) for name in job.dialect.names}
    return types.guess(
        sample.head(_GUESS_ROWS),
        null_values=job.options.null_values,
        decimal=job.options.decimal,
    )


def _fast_type(guessed: types.Guess, declared: pl.DataType | None) -> pl.DataType:
    if declared is not None or guessed.has_spelling or not guessed.is_known:
        return pl.String()
    return guessed.dtype


def _check_short_lines(
    job: Job, block: Block, frame: pl.DataFrame, found: faults.Problems
) -> pl.DataFrame:
    """Check that no line is short, and drop blank lines."""
    if not frame.to_series(-1).null_count() or _is_rectangular(job, block, frame):
        return frame
    chosen, examples = faults.find_ragged(job, block, is_long=False)
    if len(chosen):
        if job.options.ragged == "error":
            raise faults.ragged_error(job, is_long=False)
        fix = "missing fields read as missing"
        found.add("short_lines", count=len(chosen), examples=examples, fix=fix)
    records = records_of(job, block)
    is_blank = records.is_blank()
    if is_blank.any() and len(is_blank) == frame.height:
        shown = [{"line": int(n)} for n in records.lines[is_blank][:3]]
        fix = "blank lines are passed over"
        found.add("blank_lines", count=int(is_blank.sum()), examples=shown, fix=fix)
        return frame.filter(pl.Series(~is_blank))
    return frame


def _is_rectangular(job: Job, block: Block, frame: pl.DataFrame) -> bool:
    """Return whether a count of separators alone proves that every line is whole."""
    if job.options.comment or job.options.skip_rows or job.options.ragged == "report":
        return False
    quote = job.dialect.quote
    if quote and lines.count_bytes(block.content, quote):
        return False
    n_lines = frame.height + (job.dialect.has_header and block.first_line == 1)
    n_separators = lines.count_bytes(block.content, job.dialect.separator)
    return n_separators == n_lines * (frame.width - 1)


def _note_long_lines(job: Job, block: Block, found: faults.Problems) -> None:
    chosen, examples = faults.find_ragged(job, block, is_long=True)
    if len(chosen):
        fix = "fields past the last column are dropped"
        found.add("long_lines", count=len(chosen), examples=examples, fix=fix)


def _details(job: Job, compression: str) -> dict[str, Any]:
    dialect = job.dialect
    details: dict[str, Any] = {
        "encoding": dialect.encoding,
        "separator": dialect.separator,
        "quote": dialect.quote,
        "header": dialect.has_header,
    }
    if compression:
        details["compression"] = compression
    kept = [name for name, one in job.guesses.items() if one.is_identifier]
    if kept:
        details["identifiers_kept_as_text"] = kept
    if dialect.renamed:
        details["renamed_columns"] = {
            str(position + 1): name for position, name in dialect.renamed.items()
        }
    return details
