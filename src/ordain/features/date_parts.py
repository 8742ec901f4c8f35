"""A date's encoding, and its parts: what a column of instants, or one, becomes.

A part with a cycle (a weekday, an hour) becomes the sine and cosine of its place in the cycle, or
stays the number it is. Parts of the day and of the time of day are looked up in tables of the days
and seconds that a column spans. Days to and since a holiday become 1 / (1 + days) where a model
wants scaled numbers.
"""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import math
from collections.abc import Callable
from ctypes import c_float
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from ordain.features.encoded import FloatArray, RowArray
from ordain.features.feature import Encoding
from ordain.features.filling import Filling
from ordain.features.holiday_calendar import HolidayCalendar, HolidayPart, holiday_array
from ordain.features.instants import microseconds
from ordain.features.scaling import Scaling, scale_array, scaler

Part = Literal[
    "year",
    "quarter",
    "month",
    "week",
    "day",
    "weekday",
    "day_of_year",
    "hour",
    "minute",
    "second",
    "time_of_day",
    "elapsed_days",
    HolidayPart,
]
HOLIDAY_PARTS: tuple[HolidayPart, ...] = ("is_holiday", "days_to_holiday", "days_since_holiday")
"""Parts that need a calendar of holidays."""

DAY_UNITS = 86_400_000_000
DAY = float(DAY_UNITS)
_FEW_DAYS = 4_096
_CLOCK = frozenset({"hour", "minute", "second", "time_of_day"})
_PLAIN: tuple[Part, ...] = ("year", "month", "day", "weekday", "day_of_year")
_PLAIN_TIME: tuple[Part, ...] = ("hour", "minute")
_CYCLES: tuple[Part, ...] = ("month", "day", "weekday", "day_of_year")


class DateEncoding(Encoding):
    """What fitting a date found."""

    type: Literal["date"] = "date"
    """Type name."""
    formats: tuple[str, ...]
    """How text and numbers are read, in the order tried; the forms of ISO 8601 come last."""
    parts: tuple[Part, ...]
    """Which parts are encoded, in order."""
    timezone: str | None = None
    """Time zone on whose clock instants are read; None is UTC."""
    holidays: HolidayCalendar | None = None
    """Holidays of a place."""
    is_cyclic: bool
    """Whether parts with a cycle are encoded as sine and cosine."""
    origin: int
    """Earliest training row, microseconds since 1970 on the clock of the zone."""
    scaling: Scaling
    """How elapsed days are scaled."""
    on_missing: Literal["fill", "ffill", "bfill", "error"] = "fill"
    """What happens to a missing cell before `fill` applies."""
    fill: int | None = None
    """Instant of a missing cell, microseconds since 1970; None leaves its numbers missing."""
    filling: Filling | None = None
    """What fills a missing cell from other columns, in place of `fill`."""
    has_indicator: bool = False
    """Whether a last number says that the cell was missing."""


def infer_parts(*, is_cyclic: bool, has_time: bool, has_holidays: bool) -> tuple[Part, ...]:
    """Return the calendar, the time of day and holidays where there are such, and elapsed days."""
    clock: tuple[Part, ...] = _PLAIN_TIME
    if is_cyclic:
        clock = ("time_of_day",)
    return (
        *(_CYCLES if is_cyclic else _PLAIN),
        *(clock if has_time else ()),
        *(HOLIDAY_PARTS if has_holidays else ()),
        "elapsed_days",
    )


def moment_of(units: int) -> dt.datetime:
    """Return the time stamp of microseconds since 1970."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=units)  # noqa: DTZ001


@dataclass(frozen=True)
class Reader:
    """How one part is read: `width` numbers from a column, or from one instant."""

    part: Part
    width: int
    read_column: Callable[[pl.Series], FloatArray]
    read_one: Callable[[dt.datetime], tuple[float, ...]]


_CALENDAR: dict[str, tuple[str, Callable[[dt.datetime], int], int, int]] = {
    # part: method of Polars, the same of Python, first value, length of the cycle
    "year": ("year", lambda m: m.year, 0, 0),
    "quarter": ("quarter", lambda m: (m.month + 2) // 3, 1, 4),
    "month": ("month", lambda m: m.month, 1, 12),
    "week": ("week", lambda m: m.isocalendar()[1], 1, 53),
    "day": ("day", lambda m: m.day, 1, 31),
    "weekday": ("weekday", lambda m: m.isoweekday(), 1, 7),
    "day_of_year": ("ordinal_day", lambda m: m.timetuple().tm_yday, 1, 366),
    "hour": ("hour", lambda m: m.hour, 0, 24),
    "minute": ("minute", lambda m: m.minute, 0, 60),
    "second": ("second", lambda m: m.second, 0, 60),
    "time_of_day": ("", lambda m: m.hour * 60 + m.minute, 0, 1440),
}


def part_readers(encoding: DateEncoding) -> list[Reader]:
    """Return how each part is read, in order."""
    return [_reader(part, encoding) for part in encoding.parts]


def _reader(part: Part, encoding: DateEncoding) -> Reader:
    if part == "elapsed_days":
        return _elapsed(encoding)
    if part in HOLIDAY_PARTS:
        return _holiday(part, encoding)
    is_cycle = encoding.is_cyclic and _CALENDAR[part][3] > 0
    return _cycle(part) if is_cycle else _number(part, encoding)


def fill_cells(cells: FloatArray, moments: pl.Series, encoding: DateEncoding) -> int:
    """Write all parts, in order, and return how many columns they take.

    Parts of the day and parts of the time of day are computed once for every day and second in the
    range of the column, and looked up.
    """
    units = moments.to_physical().to_numpy()
    days = units // DAY_UNITS
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    is_short = last - first < max(len(days), _FEW_DAYS)
    at = 0
    for kind, group in itertools.groupby(part_readers(encoding), key=_kind):
        readers = list(group)
        where = slice(at, at + sum(reader.width for reader in readers))
        if kind == "clock":
            seconds = (units - days * DAY_UNITS) // 1_000_000
            cells[:, where] = _table(readers, _every(0, 86_400, 1_000_000))[seconds]
        elif kind == "calendar" and is_short:
            cells[:, where] = _table(readers, _every(first, last + 1, DAY_UNITS))[days - first]
        else:
            cells[:, where] = _table(readers, moments)
        at = where.stop
    return at


def _kind(reader: Reader) -> str:
    if reader.part == "elapsed_days":
        return "elapsed"
    return "clock" if reader.part in _CLOCK else "calendar"


def _table(readers: list[Reader], moments: pl.Series) -> FloatArray:
    return np.hstack([reader.read_column(moments) for reader in readers])


def _every(start: int, stop: int, units: int) -> pl.Series:
    return pl.Series(np.arange(start, stop, dtype=np.int64) * units).cast(pl.Datetime("us"))


def _column_part(moments: pl.Series, part: str) -> pl.Series:
    if part == "time_of_day":
        return moments.dt.hour().cast(pl.Int32) * 60 + moments.dt.minute().cast(pl.Int32)
    return getattr(moments.dt, _CALENDAR[part][0])()  # type: ignore[no-any-return]


def _number(part: Part, encoding: DateEncoding) -> Reader:
    _, get, first, length = _CALENDAR[part]
    shift, span = 0.0, 1.0
    if encoding.scaling.method is not None:
        # A model that wants scaled numbers gets a cycle as 0 to 1 and years in decades.
        shift, span = (
            (float(first), length - 1.0)
            if length
            else (float(moment_of(encoding.origin).year), 10.0)
        )

    def read_column(moments: pl.Series) -> FloatArray:
        values = _column_part(moments, part).to_numpy().astype(np.float64)
        return ((values - shift) / span).astype(np.float32)[:, None]

    return Reader(
        part, 1, read_column, lambda moment: (c_float((get(moment) - shift) / span).value,)
    )


def _cycle(part: Part) -> Reader:
    # Looked up, not computed: vector and scalar sines differ in the last bit.
    _, get, first, length = _CALENDAR[part]
    angles = [2.0 * math.pi * step / length for step in range(length)]
    table = np.array([(math.sin(a), math.cos(a)) for a in angles], dtype=np.float32)
    pairs = [tuple(pair) for pair in table.tolist()]
    return Reader(
        part,
        2,
        lambda moments: table[_column_part(moments, part).to_numpy().astype(np.int64) - first],
        lambda moment: pairs[get(moment) - first],
    )


def _elapsed(encoding: DateEncoding) -> Reader:
    origin, scaling, scale = encoding.origin, encoding.scaling, scaler(encoding.scaling)

    def read_column(moments: pl.Series) -> FloatArray:
        gap = (moments.to_physical() - origin).to_numpy().astype(np.float64) / DAY
        return scale_array(gap, scaling).astype(np.float32)[:, None]

    def read_one(moment: dt.datetime) -> tuple[float, ...]:
        return (c_float(scale(float(microseconds(moment) - origin) / DAY)).value,)

    return Reader("elapsed_days", 1, read_column, read_one)


def _holiday(part: HolidayPart, encoding: DateEncoding) -> Reader:
    calendar = encoding.holidays
    assert calendar is not None, "the options ask for a place where they name such a part"
    # Far holidays hardly differ: a model that wants scaled numbers gets 1 on the day, then less.
    is_near = encoding.scaling.method is not None and part != "is_holiday"

    def read_days(days: RowArray) -> FloatArray:
        values = holiday_array(days, calendar, part).astype(np.float64)
        cells: FloatArray = (1.0 / (1.0 + values) if is_near else values).astype(np.float32)
        return cells[:, None]

    def read_column(moments: pl.Series) -> FloatArray:
        return read_days(moments.to_physical().to_numpy() // DAY_UNITS)

    @functools.lru_cache(maxsize=4_096)
    def read_day(day: int) -> tuple[float, ...]:
        return tuple(read_days(np.array([day], dtype=np.int64))[0].tolist())

    return Reader(part, 1, read_column, lambda moment: read_day(microseconds(moment) // DAY_UNITS))
