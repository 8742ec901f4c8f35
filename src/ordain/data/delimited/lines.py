"""The line structure of delimited text, looked at only where a parse failed or left gaps.

All arithmetic is on whole blocks of bytes: which line ends and separators stand outside quotes
follows from the parity of the quotes before them.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import DataError

_BLOCK = 1 << 23
_SHOWN = 120


@dataclass(frozen=True)
class Records:
    """Every record of a delimited file; a record may span lines where a quoted field does.

    Attributes:
        starts: offset of the first byte of each record [R].
        ends: offset past its last byte, line end not included [R].
        n_fields: number of fields [R]; a blank line has one.
        lines: number of the line each starts on, the first line is 1 [R].
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    n_fields: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]

    def is_blank(self) -> npt.NDArray[np.bool_]:
        """Return which records are empty lines [R]."""
        return np.asarray(self.ends == self.starts)


def scan_records(
    content: bytes | mmap.mmap | memoryview, *, separator: str, quote: str, newline: str
) -> Records:
    """Return all records of UTF-8 text."""
    data = np.frombuffer(content, dtype=np.uint8)
    marks = {"separator": ord(separator), "newline": ord(newline), "quote": ord(quote or "\0")}
    newlines, separators, all_newlines = [], [], []
    is_inside = False
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        ends = np.flatnonzero(block == marks["newline"])
        commas = np.flatnonzero(block == marks["separator"])
        quotes = np.flatnonzero(block == marks["quote"]) if quote else np.empty(0, np.int64)
        all_newlines.append(ends + start)
        newlines.append(_outside(ends, quotes, is_inside=is_inside) + start)
        separators.append(_outside(commas, quotes, is_inside=is_inside) + start)
        is_inside ^= bool(len(quotes) % 2)
    return _records(
        data, np.concatenate(newlines), np.concatenate(separators), np.concatenate(all_newlines)
    )


def count_bytes(content: bytes | mmap.mmap | memoryview, character: str) -> int:
    """Return how often a one-byte character occurs, block by block."""
    data = np.frombuffer(content, dtype=np.uint8)
    return sum(
        int(np.count_nonzero(data[start : start + _BLOCK] == ord(character)))
        for start in range(0, len(data), _BLOCK)
    )


def examples(
    content: bytes | mmap.mmap | memoryview, records: Records, chosen: npt.NDArray[np.int64]
) -> list[dict[str, Any]]:
    """Return up to three of the chosen records: line number, number of fields, shortened text."""
    return [
        {
            "line": int(records.lines[i]),
            "fields": int(records.n_fields[i]),
            "text": shorten(
                bytes(content[records.starts[i] : records.ends[i]][: 4 * _SHOWN]).decode(
                    "utf-8", "replace"
                )
            ),
        }
        for i in chosen[:3]
    ]


def odd_quotes(content: bytes | mmap.mmap, *, quote: str, newline: str) -> list[dict[str, Any]]:
    """Return every line with an odd number of quotes: its number and its shortened text."""
    data = np.frombuffer(content, dtype=np.uint8)
    ends = np.append(np.flatnonzero(data == ord(newline)), len(data))
    quotes = np.flatnonzero(data == ord(quote))
    counts = np.diff(np.searchsorted(quotes, ends), prepend=0)
    found = []
    for line in np.flatnonzero(counts % 2):
        start = int(ends[line - 1]) + 1 if line else 0
        text = bytes(content[start : int(ends[line])][: 4 * _SHOWN]).decode("utf-8", "replace")
        found.append({"line": int(line) + 1, "text": shorten(text)})
    return found


def shorten(text: str) -> str:
    """Return at most 120 characters of a text, with an ellipsis where it was longer."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def describe(found: Sequence[dict[str, Any]]) -> str:
    """Return the lines of a message that shows some records."""
    return "\n".join(f"  line {e['line']} ({e['fields']} fields): {e['text']}" for e in found)


def check_line_length(content: Any, *, limit: int, name: str) -> None:
    """Refuse text with a line longer than a limit, reading next to nothing of it.

    Args:
        content: bytes or a memory map; anything with `rfind`.
        limit: bytes.
        name: of the file, for the message.

    Raises:
        DataError: a line is longer.
    """
    start, size = 0, len(content)
    while size - start > limit:
        end = content.rfind(b"\n", start, start + limit)
        if end < 0:
            line = count_bytes(memoryview(content)[:start], "\n") + 1
            raise line_too_long(name, line=line, limit=limit)
        start = end + 1


def line_too_long(name: str, *, line: int, limit: int) -> DataError:
    """Return the error for a line longer than the limit."""
    return DataError(
        f"line {line} of '{name}' is longer than {limit:,} bytes: the file is not a table with one "
        "row a line, or a quote is not closed.\n"
        "  Fix: mend that line, or raise `max_line_bytes`"
    )


def _outside(
    positions: npt.NDArray[np.int64], quotes: npt.NDArray[np.int64], *, is_inside: bool
) -> npt.NDArray[np.int64]:
    if not len(quotes):
        return positions[:0] if is_inside else positions
    parity = (np.searchsorted(quotes, positions) + int(is_inside)) % 2
    return np.asarray(positions[parity == 0])


def _records(
    data: npt.NDArray[np.uint8],
    newlines: npt.NDArray[np.int64],
    separators: npt.NDArray[np.int64],
    all_newlines: npt.NDArray[np.int64],
) -> Records:
    ends = newlines
    if not len(ends) or ends[-1] != len(data) - 1:
        ends = np.append(ends, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1))
    before = np.searchsorted(separators, ends)
    n_fields = np.diff(before, prepend=0) + 1
    lines = np.searchsorted(all_newlines, starts) + 1
    is_carriage = (ends > starts) & (data[np.maximum(ends - 1, 0)] == ord("\r"))
    return Records(starts, ends - is_carriage, n_fields, lines)
