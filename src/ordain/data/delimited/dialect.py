"""What a delimited file is like: encoding, separator, quoting, header; found from its first bytes.

Detection looks at the first 256 KiB only; what it finds is reported and every finding can be
declared instead. What the head cannot show, such as a wrong byte far below, is found by the
strict parse that follows.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

HEAD_BYTES = 1 << 18
_SEPARATORS = (",", ";", "\t", "|", ":")
_SAMPLE_LINES = 200
_ODD_HEADER = 0.8
"""What a separator counts for whose first line is not as wide as the rows."""


@dataclass(frozen=True)
class Dialect:
    r"""How a delimited file is written.

    Attributes:
        encoding: as Python names it, with ``utf-8-bom`` for UTF-8 with a byte order mark and
            ``utf-8-lossy`` for UTF-8 whose wrong bytes are replaced.
        separator: one character.
        quote: one character, or an empty string where quotes are plain characters.
        newline: ``\n`` or, for files of old Macs, ``\r``.
        has_header: whether the first line names the columns.
        names: column names as used: unique and not empty.
        renamed: columns whose name in the file is empty or stands twice, position to new name.
    """

    encoding: str
    separator: str
    quote: str
    newline: str
    has_header: bool
    names: tuple[str, ...]
    renamed: dict[int, str] = field(default_factory=dict)


def detect_separator(sample: Sequence[str], *, quote: str, prior: str) -> str:
    """Return the separator under which most sample lines have the same number of fields above one.

    Args:
        sample: the first lines of the file, without line ends.
        quote: the quote character, or an empty string.
        prior: what wins a draw, and what is used where no candidate occurs.

    A first line that is not as wide as the others counts against a separator.
    """
    best, best_score = prior, (0.0, 0)
    for separator in dict.fromkeys((prior, *_SEPARATORS)):
        widths = [len(row) for row in split_lines(sample, separator=separator, quote=quote) if row]
        if not widths:
            continue
        width, count = Counter(widths).most_common(1)[0]
        if width < 2:  # noqa: PLR2004
            continue
        # A colon stands in times and a blank in texts: a wide, steady width must win by much.
        share = count / len(widths) * (0.5 if separator == ":" else 1.0)
        # Decimal commas give every row, but not the header, one width under the comma too.
        if widths[0] != width:
            share *= _ODD_HEADER
        score = (round(share, 1), width)
        if score > best_score:
            best, best_score = separator, score
    return best


def fitting_separator(sample: Sequence[str], *, quote: str, but: str) -> str | None:
    """Return a separator, other than the one in use, under which all lines are equally wide."""
    for separator in _SEPARATORS:
        widths = {len(row) for row in split_lines(sample, separator=separator, quote=quote) if row}
        if separator != but and len(widths) == 1 and min(widths) > 1:
            return separator
    return None


def detect_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first of some parsed rows names the columns.

    It does not where it repeats or leaves out a value among texts that recur below, or where
    every column of numbers starts with a number; numbers that count up by one (years) are names.
    """
    first, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not body:
        return not all(_is_number(cell) for cell in first if cell)
    columns = list(zip(*body, strict=True))
    numeric = [i for i, column in enumerate(columns) if _is_numeric(column)]
    if numeric:
        heads = [first[i].strip() for i in numeric]
        if not all(_is_number(head) for head in heads):
            return True
        return _counts_up(heads)
    present = [cell for cell in first if cell.strip()]
    if len(set(present)) < len(present):
        return False
    recurring = sum(cell in column for cell, column in zip(first, columns, strict=True) if cell)
    return recurring <= len(present) / 2


def split_lines(sample: Sequence[str], *, separator: str, quote: str) -> list[list[str]]:
    """Return the fields of some lines; a quoted field may hold separators and line ends."""
    reader = csv.reader(
        io.StringIO("\n".join(sample)),
        delimiter=separator,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    try:
        return list(reader)
    except csv.Error:
        return [line.split(separator) for line in sample]


def unique_names(raw: Sequence[str]) -> tuple[tuple[str, ...], dict[int, str]]:
    """Return column names that are unique and not empty, and which positions were renamed.

    A name that stands twice gets ``_2``, ``_3`` ... from its second place on; an empty one becomes
    ``column_`` with its place, counted from one.
    """
    taken = {name.strip() for name in raw}
    names: list[str] = []
    renamed: dict[int, str] = {}
    for position, name in enumerate(raw):
        stripped = name.strip()
        base = stripped or f"column_{position + 1}"
        chosen, count = base, 1
        while chosen in names or (chosen != stripped and chosen in taken):
            count += 1
            chosen = f"{base}_{count}"
        if chosen != stripped:
            renamed[position] = chosen
        names.append(chosen)
    return tuple(names), renamed


def sample_lines(text: str, *, is_whole: bool, newline: str, comment: str | None) -> list[str]:
    """Return up to 200 first lines that are whole, without blank and comment lines."""
    lines = text.split(newline)
    if not is_whole and len(lines) > 1:
        lines.pop()
    kept = (line.rstrip("\r") for line in lines[: 4 * _SAMPLE_LINES])
    wanted = [line for line in kept if line and not (comment and line.startswith(comment))]
    return wanted[:_SAMPLE_LINES]


def typical_width(rows: Sequence[Sequence[str]]) -> int:
    """Return the usual number of fields of some parsed rows."""
    return int(median(len(row) for row in rows)) if rows else 0


def _is_number(cell: str) -> bool:
    try:
        float(cell.strip().replace(",", "."))
    except ValueError:
        return False
    return True


def _is_numeric(column: Sequence[str]) -> bool:
    present = [cell for cell in column if cell.strip()]
    return bool(present) and sum(map(_is_number, present)) > 0.8 * len(present)


def _counts_up(heads: Sequence[str]) -> bool:
    if len(heads) < 2 or not all(head.isdigit() for head in heads):  # noqa: PLR2004
        return False
    values = [int(head) for head in heads]
    return all(b - a == 1 for a, b in pairwise(values))
