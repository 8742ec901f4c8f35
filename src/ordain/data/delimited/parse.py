"""One delimited file, parsed: Polars' own reader first, a closer look only where it objects.

The head settles the dialect and the types; then the whole file is parsed once, strictly. If that
fails, the fault is found and named: a line with too many fields, a byte that is not UTF-8, a
quote that is not closed. A value that does not fit the type of the head sends all columns through
text, so that none is lost.
"""

from __future__ import annotations

import codecs
import contextlib
import mmap
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from ordain.core.errors import DataError
from ordain.data.delimited import dialect as dialects
from ordain.data.delimited import encoding as encodings
from ordain.data.delimited import lines, types
from ordain.data.delimited.dialect import Dialect
from ordain.data.delimited.unpack import read_packed
from ordain.data.locations import compression_of

_GUESS_ROWS = 1000
_NO_QUOTE_FIX = "`quote: ''` reads quotes as plain characters"


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


@dataclass(frozen=True)
class Parsed:
    """A file in memory: rows, what was detected, what was found wrong."""

    frame: pl.DataFrame
    details: dict[str, Any]
    problems: tuple[dict[str, Any], ...]


@dataclass
class _Job:
    """One file on its way: its bytes, what is known of them, what was found so far."""

    name: str
    content: bytes | mmap.mmap
    path: Path | None
    options: Options
    dialect: Dialect
    findings: types.Findings = field(default_factory=types.Findings)
    problems: list[dict[str, Any]] = field(default_factory=list)
    records: lines.Records | None = None
    guesses: dict[str, types.Guess] = field(default_factory=dict)


def parse_file(path: Path, *, options: Options) -> Parsed:
    """Return the rows of one file, with every fault named.

    Raises:
        DataError: the file is empty, has a line that is too long, ragged lines while `ragged` is
            ``error``, an open quote, or bytes that belong to no single encoding.
    """
    compression = compression_of(path) if path.stat().st_size else ""
    with contextlib.ExitStack() as stack:
        content: bytes | mmap.mmap
        if compression:
            content = read_packed(path, compression, max_line_bytes=options.max_line_bytes)
        else:
            content = stack.enter_context(_mapped(path))
            lines.check_line_length(content, limit=options.max_line_bytes, name=path.name)
        job = _open_job(path, content, is_packed=bool(compression), options=options)
        frame = _tidy(job, _read(job))
        details = _details(job, compression)
        return Parsed(frame, details, tuple(job.problems))


def check_file(path: Path, *, limit: int) -> None:
    """Refuse a plain file with a line longer than a limit in bytes, before it is read.

    Raises:
        DataError: a line is longer.
    """
    if path.stat().st_size > limit and not compression_of(path):
        with _mapped(path) as content:
            lines.check_line_length(content, limit=limit, name=path.name)


@contextlib.contextmanager
def _mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _open_job(path: Path, content: bytes | mmap.mmap, *, is_packed: bool, options: Options) -> _Job:
    head = bytes(content[: dialects.HEAD_BYTES])
    if not head.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        raise _empty(path)
    is_whole = len(content) == len(head)
    encoding = options.encoding or encodings.detect_encoding(head, is_whole=is_whole)
    problems: list[dict[str, Any]] = []
    source: Path | None = None if is_packed else path
    if encoding == "unknown":
        encoding = encodings.single_byte_encoding(content, path.name, problems)
    if encoding not in ("utf-8", "utf-8-bom", "utf8", "ascii", "us-ascii"):
        content, source = encodings.decode(bytes(content), encoding).encode(), None
    dialect = _detect(content, path, encoding=encoding, options=options)
    return _Job(path.name, content, source, options, dialect, problems=problems)


def _detect(content: bytes | mmap.mmap, path: Path, *, encoding: str, options: Options) -> Dialect:
    head = bytes(content[: dialects.HEAD_BYTES]).removeprefix(codecs.BOM_UTF8)
    text = head.decode("utf-8", "ignore")
    newline = "\n" if "\n" in text or "\r" not in text else "\r"
    if options.skip_rows:
        text = text.split(newline, options.skip_rows)[-1]
    is_whole = len(content) <= dialects.HEAD_BYTES
    sample = dialects.sample_lines(
        text, is_whole=is_whole, newline=newline, comment=options.comment
    )
    quote = '"' if options.quote is None else options.quote
    suffixes = {suffix.lower() for suffix in path.suffixes}
    prior = "\t" if suffixes & {".tsv", ".tab"} else ","
    separator = options.separator or dialects.detect_separator(sample, quote=quote, prior=prior)
    rows = [row for row in dialects.split_lines(sample, separator=separator, quote=quote) if row]
    if not rows:
        raise _empty(path)
    has_header = dialects.detect_header(rows) if options.header is None else options.header
    if options.names is not None:
        raw: Sequence[str] = options.names
    else:
        raw = rows[0] if has_header else [""] * dialects.typical_width(rows)
    names, renamed = dialects.unique_names(raw)
    return Dialect(encoding, separator, quote, newline, has_header, names, renamed)


def _read(job: _Job) -> pl.DataFrame:
    """Return the frame, typed; the order of attempts is that of the module's docstring."""
    job.guesses = guesses = _guess_types(job)
    declared = types.declared_types(job.options.types, job.dialect.names)
    fast = [_fast_type(guessed, declared.get(name)) for name, guessed in guesses.items()]
    try:
        frame = _parse(job, fast)
    except pl.exceptions.ComputeError as error:
        frame = _read_after_failure(job, str(error), fast)
    frame = types.blank_out(frame, null_values=job.options.null_values, findings=job.findings)
    columns = [
        _finish(job, column, guesses[column.name], declared.get(column.name))
        for column in frame.iter_columns()
    ]
    return pl.DataFrame(columns)


def _guess_types(job: _Job) -> dict[str, types.Guess]:
    head = bytes(job.content[: dialects.HEAD_BYTES])
    if len(head) < len(job.content):
        head = head[: head.rfind(job.dialect.newline.encode()) + 1]
    texts = [pl.String()] * len(job.dialect.names)
    try:
        sample = _parse(job, texts, source=head, is_lenient=True)
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


def _parse(
    job: _Job,
    dtypes: Sequence[pl.DataType],
    *,
    source: Path | bytes | None = None,
    is_lenient: bool = False,
) -> pl.DataFrame:
    if source is None:
        source = job.path or bytes(job.content)
    if isinstance(source, Path) and job.dialect.encoding == "utf-8-lossy":
        source = bytes(job.content)
    frame = pl.read_csv(
        source,
        has_header=job.dialect.has_header,
        separator=job.dialect.separator,
        quote_char=job.dialect.quote or None,
        eol_char=job.dialect.newline,
        skip_lines=job.options.skip_rows,
        comment_prefix=job.options.comment,
        infer_schema=False,
        schema_overrides=list(dtypes),
        new_columns=list(job.dialect.names),
        decimal_comma=job.options.decimal == ",",
        truncate_ragged_lines=is_lenient or job.options.ragged == "report",
        raise_if_empty=False,
        glob=False,
    )
    if frame.width > len(dtypes):
        raise pl.exceptions.ComputeError("found more fields than defined in 'Schema'")
    return frame


def _read_after_failure(job: _Job, message: str, fast: Sequence[pl.DataType]) -> pl.DataFrame:
    texts = [pl.String()] * len(fast)
    if "utf-8" in message or "utf8" in message:
        return _read_other_encoding(job, texts)
    if "more fields" in message:
        raise _ragged_error(job, is_long=True)
    try:
        return _parse(job, texts)
    except pl.exceptions.ComputeError as error:
        inner = str(error)
    if "utf-8" in inner or "utf8" in inner:
        return _read_other_encoding(job, texts)
    if "more fields" in inner:
        raise _ragged_error(job, is_long=True)
    return _read_unquoted(job, texts, inner)


def _read_other_encoding(job: _Job, texts: Sequence[pl.DataType]) -> pl.DataFrame:
    encoding = encodings.single_byte_encoding(job.content, job.name, job.problems)
    job.content = encodings.decode(bytes(job.content), encoding).encode()
    job.path = None
    job.dialect = replace(job.dialect, encoding=encoding)
    return _read_after_failure(job, "", texts)


def _read_unquoted(job: _Job, texts: Sequence[pl.DataType], message: str) -> pl.DataFrame:
    """Read quotes as plain characters where no field starts with one; else name the lines."""
    quote, separator = job.dialect.quote, job.dialect.separator
    if not quote:
        raise DataError(f"'{job.name}' cannot be parsed: {message.splitlines()[0]}")
    opening = re.escape(quote.encode())
    pattern = rb"(?:^|[\r\n" + re.escape(separator.encode()) + rb"])\s*" + opening
    if re.search(pattern, job.content):
        raise _quote_error(job)
    count = lines.count_bytes(job.content, quote)
    job.problems.append(
        {
            "kind": "stray_quotes",
            "count": count,
            "examples": lines.odd_quotes(
                job.content, quote=job.dialect.quote, newline=job.dialect.newline
            )[:3],
            "fix": "no field starts with a quote, so quotes were read as plain characters; "
            "`quote: ''` says so",
        }
    )
    job.dialect = replace(job.dialect, quote="")
    return _read_after_failure(job, "", texts)


def _finish(
    job: _Job, column: pl.Series, guessed: types.Guess, declared: pl.DataType | None
) -> pl.Series:
    if column.dtype == pl.String():
        return types.settle(
            column,
            guessed,
            declared=declared,
            decimal=job.options.decimal,
            findings=job.findings,
        )
    if column.dtype == pl.Float64() and "NaN" in job.options.null_values:
        return types.drop_nan(column, job.findings)
    return column


def _tidy(job: _Job, frame: pl.DataFrame) -> pl.DataFrame:
    """Check that no line was short, drop blank lines, and write down what was found."""
    if frame.width > 1 and frame.height:
        frame = _check_short_lines(job, frame)
        if job.options.ragged == "report":
            _note_long_lines(job)
    if not frame.height:
        raise DataError(
            f"'{job.name}' has a header and no rows: it names {frame.width} columns "
            f"({', '.join(frame.columns[:5])}{' ...' if frame.width > 5 else ''})\n"  # noqa: PLR2004
            "  Fix: give a file with at least one row below the header"
        )
    _note_findings(job)
    return frame


def _check_short_lines(job: _Job, frame: pl.DataFrame) -> pl.DataFrame:
    if not frame.to_series(-1).null_count() or _is_rectangular(job, frame):
        return frame
    records = _records(job)
    is_blank = records.is_blank()
    is_short = (records.n_fields < frame.width) & ~is_blank
    if is_short.any():
        if job.options.ragged == "error":
            raise _ragged_error(job, is_long=False)
        _note_ragged(job, np.flatnonzero(is_short), "short_lines", "missing fields read as missing")
    if is_blank.any() and len(is_blank) == frame.height:
        job.problems.append(
            {
                "kind": "blank_lines",
                "count": int(is_blank.sum()),
                "examples": [{"line": int(n)} for n in records.lines[is_blank][:3]],
                "fix": "blank lines are passed over",
            }
        )
        return frame.filter(pl.Series(~is_blank))
    return frame


def _is_rectangular(job: _Job, frame: pl.DataFrame) -> bool:
    """Return whether a count of separators alone proves that every line is whole."""
    if job.options.comment or job.options.skip_rows or job.options.ragged == "report":
        return False
    quote = job.dialect.quote
    if quote and lines.count_bytes(job.content, quote):
        return False
    n_lines = frame.height + job.dialect.has_header
    return lines.count_bytes(job.content, job.dialect.separator) == n_lines * (frame.width - 1)


def _records(job: _Job) -> lines.Records:
    """Return the records below the header, comment lines left out."""
    if job.records is None:
        content, dialect = job.content, job.dialect
        found = lines.scan_records(
            content, separator=dialect.separator, quote=dialect.quote, newline=dialect.newline
        )
        wanted = found.lines > job.options.skip_rows
        if job.options.comment:
            mark = job.options.comment.encode()
            is_comment = [content[start : start + len(mark)] == mark for start in found.starts]
            wanted &= ~np.array(is_comment, dtype=bool)
        chosen = np.flatnonzero(wanted)[int(dialect.has_header) :]
        job.records = lines.Records(
            found.starts[chosen], found.ends[chosen], found.n_fields[chosen], found.lines[chosen]
        )
    return job.records


def _ragged_error(job: _Job, *, is_long: bool) -> DataError:
    records, width = _records(job), len(job.dialect.names)
    is_wrong = (
        records.n_fields > width if is_long else (records.n_fields < width) & ~records.is_blank()
    )
    chosen = np.flatnonzero(is_wrong)
    shown = lines.describe(lines.examples(memoryview(job.content), records, chosen))
    more, effect = (
        ("more", "drops the fields past the last column")
        if is_long
        else ("fewer", "reads the fields that are not there as missing")
    )
    return DataError(
        f"'{job.name}' has {len(chosen)} line(s) with {more} fields than the {width} columns "
        f"of its header:\n{shown}\n"
        f"  Fix: mend the lines, quote fields that hold '{job.dialect.separator}', or write "
        f"`ragged: report`, which {effect} and counts them,\n"
        f"       as in `source: {{type: csv, path: {job.name}, ragged: report}}`"
    )


def _note_ragged(job: _Job, chosen: Any, kind: str, effect: str) -> None:
    job.problems.append(
        {
            "kind": kind,
            "count": len(chosen),
            "examples": lines.examples(memoryview(job.content), _records(job), chosen),
            "fix": effect,
        }
    )


def _empty(path: Path) -> DataError:
    return DataError(
        f"'{path.name}' is empty: it holds no line of data\n"
        "  Fix: give a file with a line of names and at least one row"
    )


def _quote_error(job: _Job) -> DataError:
    found = lines.odd_quotes(job.content, quote=job.dialect.quote, newline=job.dialect.newline)
    shown = "\n".join(f"  line {e['line']}: {e['text']}" for e in found[:3])
    return DataError(
        f"'{job.name}' has a quote that is not closed or stands inside a field; "
        f"{len(found)} line(s) have an odd number of quotes:\n{shown}\n"
        f"  Fix: close the quote or double it, or write {_NO_QUOTE_FIX}"
    )


def _note_findings(job: _Job) -> None:
    findings = job.findings
    if findings.spellings:
        total = sum(sum(counts.values()) for counts in findings.spellings.values())
        job.problems.append(
            {
                "kind": "missing_spellings",
                "count": total,
                "examples": [
                    {"column": name, "values": counts}
                    for name, counts in list(findings.spellings.items())[:3]
                ],
                "columns": {n: sum(c.values()) for n, c in findings.spellings.items()},
                "fix": "read as missing; `null_values` lists the spellings ([] for none)",
            }
        )
    for found in findings.mixed:
        job.problems.append(
            {
                "kind": "mixed_types",
                **found,
                "fix": f"most values are numbers and these are not, so the column is text; "
                f"`types: {{{found['column']}: number}}` reads them as missing, "
                f"`null_values` can name them",
            }
        )
    for found in findings.unparsed:
        job.problems.append(
            {
                "kind": "not_parsed",
                **found,
                "fix": "values that are not of the declared type are missing",
            }
        )


def _details(job: _Job, compression: str) -> dict[str, Any]:
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


def _note_long_lines(job: _Job) -> None:
    chosen = np.flatnonzero(_records(job).n_fields > len(job.dialect.names))
    if len(chosen):
        _note_ragged(job, chosen, "long_lines", "fields past the last column are dropped")
