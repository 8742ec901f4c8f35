"""What is wrong with a delimited file: an error that names the lines, or a counted problem."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import DataError
from ordain.data.delimited import lines, types
from ordain.data.delimited.dialect import fitting_separator, sample_lines
from ordain.data.delimited.job import Block, Job, records_of

_NO_QUOTE_FIX = "`quote: ''` reads quotes as plain characters"
_SHOWN = 3
_CONTROLS = [chr(i) for i in (*range(9), *range(14, 26))]
_FEW_CONTROLS = 0.02
"""Share of control characters that a text may hold at most."""
_LOOKED_AT = 1 << 16
"""Bytes in which another separator is looked for."""


class Problems:
    """Counted faults of the blocks of a file, those of one kind added up."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}

    def add(self, kind: str, *, count: int, examples: list[dict[str, Any]], fix: str) -> None:
        """Count a fault, with some of its examples."""
        problem = self._found.setdefault(
            kind, {"kind": kind, "count": 0, "examples": [], "fix": fix}
        )
        problem["count"] += count
        problem["examples"] = (problem["examples"] + examples)[:_SHOWN]

    def to_list(self) -> list[dict[str, Any]]:
        """Return one entry a kind."""
        return list(self._found.values())


def find_ragged(
    job: Job, block: Block, *, is_long: bool
) -> tuple[npt.NDArray[np.int64], list[dict[str, Any]]]:
    """Return which records of a block have too many or too few fields, and up to three of them."""
    records, width = records_of(job, block), len(job.dialect.names)
    is_wrong = (
        records.n_fields > width if is_long else (records.n_fields < width) & ~records.is_blank()
    )
    chosen = np.flatnonzero(is_wrong)
    return chosen, lines.examples(memoryview(block.content), records, chosen)


def ragged_error(job: Job, *, is_long: bool) -> DataError:
    """Return the error for lines with too many or too few fields, counted over the whole file."""
    count, found = 0, []
    for block in job.blocks():
        chosen, examples = find_ragged(job, block, is_long=is_long)
        count += len(chosen)
        found += examples
    shown, width = lines.describe(found[:_SHOWN]), len(job.dialect.names)
    more, effect = (
        ("more", "drops the fields past the last column")
        if is_long
        else ("fewer", "reads the fields that are not there as missing")
    )
    return DataError(
        f"'{job.name}' has {count} line(s) with {more} fields than the {width} columns "
        f"of its header:\n{shown}\n"
        f"  Fix: {_other_separator(job)}mend the lines, quote fields that hold "
        f"'{job.dialect.separator}', or write `ragged: report`, which {effect} and counts them,\n"
        f"       as in `source: {{type: csv, path: {job.name}, ragged: report}}`"
    )


def _other_separator(job: Job) -> str:
    """Return the advice to declare another separator, where one fits the header and all rows."""
    dialect = job.dialect
    block = next(iter(job.blocks()), None)
    if block is None:
        return ""
    text = bytes(block.content[:_LOOKED_AT]).decode("utf-8", "ignore")
    sample = sample_lines(
        text,
        is_whole=len(block.content) <= _LOOKED_AT,
        newline=dialect.newline,
        comment=job.options.comment,
    )[job.options.skip_rows :]
    other = fitting_separator(sample, quote=dialect.quote, but=dialect.separator)
    if other is None:
        return ""
    shown = "\\t" if other == "\t" else other
    return f'write `separator: "{shown}"`, which gives every line the same number of fields; or '


def has_opening_quotes(job: Job) -> bool:
    """Return whether any field of the file starts with a quote."""
    opening = re.escape(job.dialect.quote.encode())
    separator = re.escape(job.dialect.separator.encode())
    pattern = rb"(?:^|[\r\n" + separator + rb"])\s*" + opening
    return any(re.search(pattern, block.content) for block in job.blocks())


def stray_quotes(job: Job) -> dict[str, Any]:
    """Return the problem of quotes that open no field and were read as plain characters."""
    count, examples = 0, []
    for block in job.blocks():
        count += lines.count_bytes(block.content, job.dialect.quote)
        examples += _odd_quotes(job, block)[:_SHOWN]
    return {
        "kind": "stray_quotes",
        "count": count,
        "examples": examples[:_SHOWN],
        "fix": "no field starts with a quote, so quotes were read as plain characters; "
        "`quote: ''` says so",
    }


def quote_error(job: Job) -> DataError:
    """Return the error for quotes that are not closed, naming the lines that may be at fault."""
    count, found = 0, []
    for block in job.blocks():
        odd = _odd_quotes(job, block)
        count += len(odd)
        found += odd[:_SHOWN]
    shown = "\n".join(f"  line {e['line']}: {e['text']}" for e in found[:_SHOWN])
    return DataError(
        f"'{job.name}' has a quote that is not closed or stands inside a field; "
        f"{count} line(s) have an odd number of quotes:\n{shown}\n"
        f"  Fix: close the quote or double it, or write {_NO_QUOTE_FIX}"
    )


def empty_error(path: Path) -> DataError:
    """Return the error for a file without a line of data."""
    return DataError(
        f"'{path.name}' is empty: it holds no line of data\n"
        "  Fix: give a file with a line of names and at least one row"
    )


def is_binary(text: str) -> bool:
    """Return whether what was decoded of a file's head is no text: full of control characters."""
    head = text[:_LOOKED_AT]
    return sum(map(head.count, _CONTROLS)) > _FEW_CONTROLS * len(head)


def binary_error(path: Path) -> DataError:
    """Return the error for a file that is no text."""
    return DataError(
        f"'{path.name}' is no text: its bytes are no characters that a table is written in\n"
        "  Fix: name a file of delimited text, JSON, Parquet, Excel or Arrow; "
        "or declare its `encoding`, such as utf-16-le"
    )


def no_rows_error(job: Job) -> DataError:
    """Return the error for a file that is only a header."""
    names = job.dialect.names
    return DataError(
        f"'{job.name}' has a header and no rows: it names {len(names)} columns "
        f"({', '.join(names[:5])}{' ...' if len(names) > 5 else ''})\n"  # noqa: PLR2004
        "  Fix: give a file with at least one row below the header"
    )


def typing_problems(findings: types.Findings) -> list[dict[str, Any]]:
    """Return what typing the columns met, as problems."""
    problems: list[dict[str, Any]] = []
    if findings.spellings:
        problems.append(
            {
                "kind": "missing_spellings",
                "count": sum(sum(counts.values()) for counts in findings.spellings.values()),
                "examples": [
                    {"column": name, "values": counts}
                    for name, counts in list(findings.spellings.items())[:_SHOWN]
                ],
                "columns": {n: sum(c.values()) for n, c in findings.spellings.items()},
                "fix": "read as missing; `null_values` lists the spellings ([] for none)",
            }
        )
    problems += [
        {
            "kind": "mixed_types",
            **found,
            "fix": f"most values are numbers and these are not, so the column is text; "
            f"`types: {{{found['column']}: number}}` reads them as missing, "
            f"`null_values` can name them",
        }
        for found in findings.mixed
    ]
    problems += [
        {
            "kind": "not_parsed",
            **found,
            "fix": "values that are not of the declared type are missing",
        }
        for found in findings.unparsed
    ]
    return problems


def _odd_quotes(job: Job, block: Block) -> list[dict[str, Any]]:
    found = lines.odd_quotes(block.content, quote=job.dialect.quote, newline=job.dialect.newline)
    return [{**one, "line": one["line"] + block.first_line - 1} for one in found]
