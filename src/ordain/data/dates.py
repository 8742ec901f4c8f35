"""Dates in text: the format that reads every value, found by trying the usual ones.

A format is never mixed within a column. Where both day-first and month-first read every value,
the text does not say which was meant: that is an error that asks for the format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from ordain.core.errors import DataError

_DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y",
    "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y",
)  # fmt: skip
_TIMES = (
    "", " %H:%M:%S", " %H:%M", "T%H:%M:%S", " %H:%M:%S%.f", "T%H:%M:%S%.f", "T%H:%M",
    " %I:%M %p", " %I:%M:%S %p",
)  # fmt: skip
_ZONES = ("", "Z", "%z", " %z", " UTC")
_SAMPLE = 200


@dataclass(frozen=True)
class Dates:
    """A column as moments.

    Attributes:
        values: microseconds without a time zone, in UTC where the text had one [N].
        format: that read the text; None where the column was no text.
        unparsed: number of present values that are no date in that format.
        examples: up to three of them, with their row counted from 0.
    """

    values: pl.Series
    format: str | None = None
    unparsed: int = 0
    examples: tuple[dict[str, Any], ...] = ()


def parse_dates(column: pl.Series, *, format: str | None = None) -> Dates:  # noqa: A002
    """Return a column of dates, moments or text as moments.

    Args:
        column: dates, moments, or text in any one of the usual formats.
        format: of the text, in the codes of `strftime`; found where None.

    Raises:
        DataError: the column is neither dates nor text, no format reads most of its values, or
            day and month cannot be told apart.
    """
    moment = pl.Datetime("us")
    if column.dtype == pl.Date():
        return Dates(column.cast(moment))
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return Dates(column.cast(moment))
    if column.dtype.base_type() in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String():
        raise DataError(f"the column `{column.name}` is {column.dtype} and holds no dates")
    texts = column.str.strip_chars()
    texts = texts.set(texts == "", None)
    chosen = format or find_format(texts)
    values = _parse(texts, chosen)
    failed = (values.is_null() & texts.is_not_null()).arg_true()
    examples = tuple({"row": int(row), "value": texts[int(row)]} for row in failed.head(3))
    return Dates(values, chosen, len(failed), examples)


def find_format(texts: pl.Series) -> str:
    """Return the format that reads the most values of a text column, and at least half of them.

    Raises:
        DataError: no format does, or two that differ in the place of day and month do alike.
    """
    present = texts.drop_nulls().unique(maintain_order=True)
    if present.is_empty():
        raise DataError(f"the column `{texts.name}` has no value, so it holds no dates")
    step = max(1, len(present) // _SAMPLE)
    sample = present.gather_every(step)
    likely = [one for one in _formats() if _parse(sample.head(20), one).count()]
    counts = {one: _parse(sample, one).count() for one in likely}
    most = max(counts.values(), default=0)
    best = [one for one, count in counts.items() if count == most]
    if most * 2 < len(sample):
        shown = ", ".join(f"'{value}'" for value in sample.head(3))
        raise DataError(
            f"the values of `{texts.name}` are in no date format that is known: {shown}\n"
            '  Fix: datetime_format: "%d/%m/%Y", in the codes of strftime'
        )
    if len(best) > 1:
        counts = {one: _parse(present, one).count() for one in best}
        best = [one for one in best if counts[one] == max(counts.values())]
    if len(best) > 1 and _is_ambiguous(present, best):
        raise DataError(
            f"the dates of `{texts.name}` can be read as '{best[0]}' and as '{best[1]}', such as "
            f"'{present[0]}'\n"
            f'  Fix: datetime_format: "{best[0]}" or datetime_format: "{best[1]}"'
        )
    return best[0]


def _formats() -> list[str]:
    plain = [date + time for date in _DATES for time in _TIMES]
    zoned = [d + t + z for d in _DATES[:2] for t in _TIMES[1:7] for z in _ZONES[1:]]
    return plain + zoned


def _parse(texts: pl.Series, format: str) -> pl.Series:  # noqa: A002
    if "%H" not in format and "%I" not in format:
        return texts.str.to_date(format, strict=False).cast(pl.Datetime("us"))
    if "%z" in format:
        parsed = texts.str.to_datetime(format, strict=False, time_unit="us")
        if isinstance(parsed.dtype, pl.Datetime) and parsed.dtype.time_zone:
            parsed = parsed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return parsed
    return texts.str.to_datetime(format, strict=False, time_unit="us")


def _is_ambiguous(present: pl.Series, formats: list[str]) -> bool:
    first = _parse(present, formats[0])
    return any(not first.equals(_parse(present, other)) for other in formats[1:])
