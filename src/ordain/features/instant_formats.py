"""Which formats a column of dates is written in, found from its training rows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import polars as pl

from ordain.features.date_formats import EPOCH_FACTORS
from ordain.features.instants import instant_reader, read_instants

_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f")
_ISO_TIMES = (
    "T%H:%M:%S",
    "T%H:%M:%S.%f",
    "T%H:%M",
    "T%H:%M:%S%z",
    "T%H:%M:%S.%f%z",
    " %H:%M:%S%z",
    " %H:%M:%S.%f%z",
)
_NUMERIC = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d-%m-%y",
)
_NAMED = (
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%b/%Y",
)
_OTHER = (
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y%m%dT%H%M%S",
    "%Y-%m",
    "%b %Y",
    "%B %Y",
    "%m/%Y",
    "%Y",
)

CANDIDATES: tuple[str, ...] = (
    *("%Y-%m-%d" + time for time in (*_TIMES, *_ISO_TIMES)),
    *(date + time for date in _NUMERIC[1:] for time in _TIMES),
    *(date + time for date in _NAMED for time in _TIMES[:3]),
    *_OTHER,
)
"""In order of preference where two read as many values."""

_SAMPLE = 2_000
_FIRST = 40
_MOST_FORMATS = 8
_EPOCH_RANGE = (100_000_000, 4_200_000_000)
"""Seconds taken for a date without being told: 1973 to 2103."""


@dataclass(frozen=True)
class Formats:
    """What was found.

    Attributes:
        formats: in the order they are tried.
        is_ambiguous: day and month could be the other way round in every value.
    """

    formats: tuple[str, ...]
    is_ambiguous: bool = False


def infer_formats(column: pl.Series) -> Formats:
    """Return the formats that read the present values of a column; none where none does.

    Day before month or month before day is decided by the values (`25/12/2019`); where no value
    tells, `/` is read as month first, `-` and `.` as day first, and the result is ambiguous.
    """
    if column.dtype.is_temporal() or column.dtype in {pl.Null, pl.Boolean}:
        return Formats(())
    texts = _texts(column)
    left, is_ambiguous = texts, False
    chosen: list[str] = []
    banned: set[tuple[str, str]] = set()
    while len(left) and len(chosen) < _MOST_FORMATS:
        sample = left.gather_every(max(1, len(left) // _SAMPLE)).head(_SAMPLE)
        counts = {name: _n_read(sample, name) for name in _worth_trying(sample)}
        is_ambiguous |= _ban_losers(counts, banned)
        usable = {name: n for name, n in counts.items() if n and _order(name) not in banned}
        if not usable:
            break
        best = max(usable, key=lambda name: usable[name])
        chosen.append(best)
        left = left.filter(read_instants(left, [best]).is_null())
    return Formats(tuple(chosen), is_ambiguous)


def _texts(column: pl.Series) -> pl.Series:
    if column.dtype.is_float():
        # An epoch may have a fraction; what it counts is told by its whole part.
        present = column.fill_nan(None).drop_nulls()
        column = present.filter(present.is_finite()).floor().cast(pl.Int64, strict=False)
    return column.cast(pl.String).drop_nulls().unique().sort()


def _candidates(sample: pl.Series) -> tuple[str, ...]:
    numbers = sample.cast(pl.Int64, strict=False)
    if numbers.null_count() > len(sample) // 2:
        return CANDIDATES
    # Digits alone: an epoch only where its years are plausible.
    low, high = _EPOCH_RANGE
    epochs = []
    for name, factor in EPOCH_FACTORS.items():
        scale = 1_000_000 // factor
        inside = numbers.is_between(low * scale, high * scale)
        if inside.sum() * 2 > len(sample):
            epochs.append(name)
    return (*epochs, "%Y%m%d", "%Y%m%d%H%M%S", "%Y")


def _worth_trying(sample: pl.Series) -> tuple[str, ...]:
    """Return the candidates that read one of the first few values; all of them if none does."""
    names = _candidates(sample)
    first = sample.gather_every(max(1, len(sample) // _FIRST)).head(_FIRST).to_list()
    found = []
    for name in names:
        read = instant_reader([name])
        if any(read(text) is not None for text in first):
            found.append(name)
    return tuple(found) or names


def _n_read(sample: pl.Series, name: str) -> int:
    return len(sample) - read_instants(sample, [name]).null_count()


def _order(name: str) -> tuple[str, str]:
    """Return separator and order of a numeric date: ``("/", "md")``; empty where it has none."""
    for order in ("md", "dm"):
        for separator in "/-.":
            if name.startswith(f"%{order[0]}{separator}%{order[1]}"):
                return separator, order
    return "", ""


def _ban_losers(counts: dict[str, int], banned: set[tuple[str, str]]) -> bool:
    """Ban the order of day and month that reads fewer values; return whether both read as many."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for name, count in counts.items():
        sums[_order(name)] += count
    is_tied = False
    for separator in "/-.":
        month_first, day_first = sums[separator, "md"], sums[separator, "dm"]
        if {(separator, "md"), (separator, "dm")} & banned or not (month_first or day_first):
            continue
        if month_first == day_first:
            is_tied = True
        wins_month = month_first > day_first or (month_first == day_first and separator == "/")
        banned.add((separator, "dm" if wins_month else "md"))
    return is_tied
