"""Dates and time stamps: calendar parts, cycles, and time since the first training row.

    input_features:
      - name: pickup
        type: date
        preprocessing: {datetime_format: "%m/%d/%Y %H:%M", parts: [weekday, hour, elapsed_days]}

How text is read stands in `instants.py`, how its format is inferred in `instant_formats.py`. All
instants are UTC. A part with a cycle (a weekday, an hour) becomes the sine and cosine of its place
in the cycle, or stays the number it is.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable
from ctypes import c_float
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import field_validator

from ordain.core.errors import UsageError
from ordain.features.encoded import EncodedColumn, FloatArray, Kind, RowValue, Shape
from ordain.features.facts import counted, reading_facts, unusable, unusable_value, wrong_kind
from ordain.features.feature import FEATURES, Encoding, Feature, Form
from ordain.features.instant_formats import infer_formats
from ordain.features.instants import (
    check_format,
    instant_reader,
    microseconds,
    read_instants,
    with_iso,
)
from ordain.features.numerals import is_nothing
from ordain.features.scaling import Method, Scaling, fit_scaling, scale_array, scaler

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
]

_FIX = "set `missing_value_strategy`, or give a date"
_DAY_UNITS = 86_400_000_000
_DAY = float(_DAY_UNITS)
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
    is_cyclic: bool
    """Whether parts with a cycle are encoded as sine and cosine."""
    origin: int
    """Earliest training row, microseconds since 1970."""
    scaling: Scaling
    """How elapsed days are scaled."""
    on_missing: Literal["fill", "ffill", "bfill", "error"] = "fill"
    """What happens to a missing cell before `fill` applies."""
    fill: int | None = None
    """Instant of a missing cell, microseconds since 1970; None leaves its numbers missing."""
    has_indicator: bool = False
    """Whether a last number says that the cell was missing."""


@FEATURES.register
class DateFeature(Feature[DateEncoding]):
    """A date or a time stamp."""

    type: Literal["date"] = "date"
    """Type name."""
    aliases = ("datetime", "timestamp")
    missing_value_strategy: Literal[
        "auto", "keep", "fill_with_const", "fill_with_median", "ffill", "bfill", "drop_row", "error"
    ] = "auto"
    """What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes the
    median."""
    fill_value: str = ""
    """The date of `fill_with_const`, as text; empty is the median of the training rows."""
    datetime_format: str | tuple[str, ...] | None = None
    """How text is read, as in `strftime`, or `epoch_s`, `epoch_ms`, `epoch_us`; several are tried
    in order; null infers them from the training rows."""
    parts: Literal["infer"] | tuple[Part, ...] = "infer"
    """What is encoded; `infer` takes the calendar, the time of day where there is one, and elapsed
    days."""
    cyclic: Literal["auto"] | bool = "auto"
    """Whether parts with a cycle become sine and cosine."""
    normalization: Literal["auto"] | Method | None = "auto"
    """How elapsed days (since the earliest training row) are scaled."""
    missing_indicator: Literal["auto", "if_missing"] | bool = "auto"
    """Whether a last number, 0 or 1, says that the cell was missing; `if_missing` adds it where a
    training row misses."""

    Fitted = DateEncoding

    @field_validator("datetime_format")
    @classmethod
    def _check_format(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for text in (value,) if isinstance(value, str) else value or ():
            try:
                check_format(text)
            except UsageError as error:
                raise ValueError(error.message) from error
        return value

    def settle(self, form: Form | None) -> tuple[Self, dict[str, str]]:
        """Return the options without `auto`, with reasons."""
        options: dict[str, tuple[Any, str]]
        if form is Form.TREES:
            options = {
                "missing_value_strategy": ("keep", "trees split on missing"),
                "cyclic": (False, "trees cut a cycle where they like"),
                "normalization": (None, "the order decides in trees"),
                "missing_indicator": (False, "trees see NaN"),
            }
        else:
            options = {
                "missing_value_strategy": ("fill_with_median", "the middle of time is neutral"),
                "cyclic": (True, "the end of a cycle is near its start"),
                "normalization": (
                    "zscore" if form is Form.LINEAR else "robust",
                    "weights compare on a unit scale",
                ),
                "missing_indicator": ("if_missing", "the median alone would hide it"),
            }
        chosen = {key: pair for key, pair in options.items() if getattr(self, key) == "auto"}
        settled = self.model_copy(update={key: option for key, (option, _) in chosen.items()})
        return settled, {key: reason for key, (_, reason) in chosen.items()}

    def fit(self, column: pl.Series, *, seed: int) -> DateEncoding:  # noqa: ARG002 - nothing is drawn
        """Return formats, parts and origin of the training rows."""
        _require_readable(column)
        own_formats, is_ambiguous = self._formats(column)
        formats = with_iso(own_formats)
        moments = read_instants(column, formats)
        facts = self._facts(column, moments)
        bad = moments.is_null() & ~is_nothing(column)
        if bad.any() and moments.null_count() == len(moments):
            raise unusable(
                column,
                bad,
                what="cannot be read as dates",
                fix='set `datetime_format`, such as "%d.%m.%Y %H:%M"',
            )
        facts["formats"] = list(own_formats)
        if is_ambiguous:
            facts["ambiguous_format"] = f"day and month could be swapped; read as {formats[0]}"
        present = moments.drop_nulls()
        if len(present):
            facts |= {"earliest": present.min().isoformat(), "latest": present.max().isoformat()}  # type: ignore[union-attr]
        return self._encoding(present, formats=formats, facts=facts)

    def encode(self, column: pl.Series, encoding: DateEncoding) -> EncodedColumn:
        """Return a vector [N, W]: the parts in order, then the indicator."""
        moments = read_instants(column, encoding.formats)
        missing = moments.is_null()
        if encoding.on_missing == "error" and missing.any():
            raise unusable(column, missing, what="are missing or no dates", fix=_FIX)
        if encoding.on_missing in {"ffill", "bfill"}:
            moments = moments.fill_null(
                strategy="forward" if encoding.on_missing == "ffill" else "backward"
            )
        empty = moments.is_null()
        # A missing instant is computed as the origin and blanked after: no null reaches NumPy.
        stand_in = encoding.origin if encoding.fill is None else encoding.fill
        if empty.any():
            moments = moments.to_physical().fill_null(stand_in).cast(pl.Datetime("us"))
        cells = np.empty((len(column), encoding.shape.width), dtype=np.float32)
        at = _fill_cells(cells, moments, encoding)
        if encoding.fill is None:
            cells[empty.to_numpy(), :at] = np.nan
        if encoding.has_indicator:
            cells[:, at] = missing.to_numpy()
        return EncodedColumn(Kind.VECTOR, cells)

    def row(self, encoding: DateEncoding) -> Callable[[object], RowValue]:
        """Return the function from a value to its parts."""
        read = instant_reader(encoding.formats)
        readers = [reader.read_one for reader in _readers(encoding)]
        tail, missing_tail = ((0.0,), (1.0,)) if encoding.has_indicator else ((), ())
        fails = encoding.on_missing == "error"

        def numbers(moment: dt.datetime) -> tuple[float, ...]:
            cells: list[float] = []
            for read_part in readers:
                cells += read_part(moment)
            return tuple(cells)

        if encoding.fill is None:
            missing = (math.nan,) * (encoding.shape.width - len(tail)) + missing_tail
        else:
            missing = numbers(_moment(encoding.fill)) + missing_tail

        def cell(value: object) -> RowValue:
            moment = read(value)
            if moment is not None:
                return numbers(moment) + tail
            if fails:
                raise unusable_value("date", value, what="is missing or no date", fix=_FIX)
            return missing

        return cell

    def rows_to_drop(
        self,
        column: pl.Series,
        encoding: DateEncoding | None = None,
        *,
        only_missing: bool = False,  # noqa: ARG002 - nothing else is dropped
    ) -> pl.Series | None:
        """Return True where the date is missing or cannot be read."""
        if self.missing_value_strategy != "drop_row":
            return None
        if encoding is None:
            _require_readable(column)
        formats = with_iso(self._formats(column)[0]) if encoding is None else encoding.formats
        return read_instants(column, formats).is_null()

    def inspect(self, column: pl.Series, encoding: DateEncoding) -> dict[str, Any]:
        """Return counts of missing and unparsed cells."""
        return self._facts(column, read_instants(column, encoding.formats))

    def _formats(self, column: pl.Series) -> tuple[tuple[str, ...], bool]:
        if self.datetime_format is None:
            found = infer_formats(column)
            return found.formats, found.is_ambiguous
        given = self.datetime_format
        return (given,) if isinstance(given, str) else given, False

    def _facts(self, column: pl.Series, moments: pl.Series) -> dict[str, Any]:
        missing = moments.is_null()
        unparsed = missing & ~is_nothing(column)
        return reading_facts(column, missing=missing, unparsed=counted(column, unparsed))

    def _encoding(
        self, present: pl.Series, *, formats: tuple[str, ...], facts: dict[str, Any]
    ) -> DateEncoding:
        times = present.to_physical()
        origin = int(times.min()) if len(times) else 0  # type: ignore[arg-type]
        has_time = bool((times % _DAY_UNITS != 0).any())
        is_cyclic = self.cyclic is True
        parts = self.parts if self.parts != "infer" else _infer_parts(is_cyclic, has_time=has_time)
        method: Method | None = None if self.normalization == "auto" else self.normalization
        elapsed = (times - origin).to_numpy().astype(np.float64) / _DAY
        wants = self.missing_indicator
        has_indicator = facts["n_missing"] > 0 if wants == "if_missing" else wants is True
        strategy = self.missing_value_strategy
        encoding = DateEncoding(
            shape=Shape(kind=Kind.VECTOR),
            facts=facts,
            formats=formats,
            parts=parts,
            is_cyclic=is_cyclic,
            origin=origin,
            scaling=fit_scaling(elapsed, method),
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "fill",
            fill=None if strategy == "keep" else self._fill(times, formats, origin),
            has_indicator=has_indicator,
        )
        width = sum(reader.width for reader in _readers(encoding)) + has_indicator
        return encoding.model_copy(update={"shape": Shape(kind=Kind.VECTOR, width=width)})

    def _fill(self, times: pl.Series, formats: tuple[str, ...], origin: int) -> int:
        if self.missing_value_strategy == "fill_with_const" and self.fill_value:
            moment = instant_reader(formats)(self.fill_value)
            if moment is None:
                raise unusable_value(
                    "date",
                    self.fill_value,
                    what="of `fill_value` is no date",
                    fix="write it as 2024-12-31 or in the column's format",
                )
            return microseconds(moment)
        ordered = times.sort()
        return int(ordered[len(ordered) // 2]) if len(ordered) else origin


def _require_readable(column: pl.Series) -> None:
    dtype = column.dtype
    is_time_alone = dtype == pl.Time or isinstance(dtype, pl.Duration)
    if is_time_alone or dtype.is_nested() or dtype in {pl.Boolean, pl.Binary, pl.Object}:
        raise wrong_kind(column, type_name="date", fix="derive a date from it first")
    if dtype.is_decimal():
        raise wrong_kind(column, type_name="date", fix="cast it to whole seconds first")


def _infer_parts(is_cyclic: bool, *, has_time: bool) -> tuple[Part, ...]:  # noqa: FBT001
    if is_cyclic:
        return (*_CYCLES, *(("time_of_day",) if has_time else ()), "elapsed_days")
    return (*_PLAIN, *(_PLAIN_TIME if has_time else ()), "elapsed_days")


def _moment(units: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=units)  # noqa: DTZ001


@dataclass(frozen=True)
class _Reader:
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


def _readers(encoding: DateEncoding) -> list[_Reader]:
    return [
        _elapsed(encoding)
        if part == "elapsed_days"
        else _cycle(part)
        if encoding.is_cyclic and _CALENDAR[part][3]
        else _number(part, encoding)
        for part in encoding.parts
    ]


def _fill_cells(cells: FloatArray, moments: pl.Series, encoding: DateEncoding) -> int:
    """Write all parts, in order, and return how many columns they take.

    Parts of the day and parts of the time of day are computed once for every day and second in the
    range of the column, and looked up.
    """
    units = moments.to_physical().to_numpy()
    days = units // _DAY_UNITS
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    is_short = last - first < max(len(days), _FEW_DAYS)
    at = 0
    for kind, group in itertools.groupby(_readers(encoding), key=_kind):
        readers = list(group)
        where = slice(at, at + sum(reader.width for reader in readers))
        if kind == "clock":
            seconds = (units - days * _DAY_UNITS) // 1_000_000
            cells[:, where] = _table(readers, _every(0, 86_400, 1_000_000))[seconds]
        elif kind == "calendar" and is_short:
            cells[:, where] = _table(readers, _every(first, last + 1, _DAY_UNITS))[days - first]
        else:
            cells[:, where] = _table(readers, moments)
        at = where.stop
    return at


def _kind(reader: _Reader) -> str:
    if reader.part == "elapsed_days":
        return "elapsed"
    return "clock" if reader.part in _CLOCK else "calendar"


def _table(readers: list[_Reader], moments: pl.Series) -> FloatArray:
    return np.hstack([reader.read_column(moments) for reader in readers])


def _every(start: int, stop: int, units: int) -> pl.Series:
    return pl.Series(np.arange(start, stop, dtype=np.int64) * units).cast(pl.Datetime("us"))


def _column_part(moments: pl.Series, part: str) -> pl.Series:
    if part == "time_of_day":
        return moments.dt.hour().cast(pl.Int32) * 60 + moments.dt.minute().cast(pl.Int32)
    return getattr(moments.dt, _CALENDAR[part][0])()  # type: ignore[no-any-return]


def _number(part: Part, encoding: DateEncoding) -> _Reader:
    _, get, first, length = _CALENDAR[part]
    shift, span = 0.0, 1.0
    if encoding.scaling.method is not None:
        # A model that wants scaled numbers gets a cycle as 0 to 1 and years in decades.
        shift, span = (
            (float(first), length - 1.0) if length else (float(_moment(encoding.origin).year), 10.0)
        )

    def read_column(moments: pl.Series) -> FloatArray:
        values = _column_part(moments, part).to_numpy().astype(np.float64)
        return ((values - shift) / span).astype(np.float32)[:, None]

    return _Reader(
        part, 1, read_column, lambda moment: (c_float((get(moment) - shift) / span).value,)
    )


def _cycle(part: Part) -> _Reader:
    # Looked up, not computed: vector and scalar sines differ in the last bit.
    _, get, first, length = _CALENDAR[part]
    angles = [2.0 * math.pi * step / length for step in range(length)]
    table = np.array([(math.sin(a), math.cos(a)) for a in angles], dtype=np.float32)
    pairs = [tuple(pair) for pair in table.tolist()]
    return _Reader(
        part,
        2,
        lambda moments: table[_column_part(moments, part).to_numpy().astype(np.int64) - first],
        lambda moment: pairs[get(moment) - first],
    )


def _elapsed(encoding: DateEncoding) -> _Reader:
    origin, scaling, scale = encoding.origin, encoding.scaling, scaler(encoding.scaling)

    def read_column(moments: pl.Series) -> FloatArray:
        gap = (moments.to_physical() - origin).to_numpy().astype(np.float64) / _DAY
        return scale_array(gap, scaling).astype(np.float32)[:, None]

    def read_one(moment: dt.datetime) -> tuple[float, ...]:
        return (c_float(scale(float(microseconds(moment) - origin) / _DAY)).value,)

    return _Reader("elapsed_days", 1, read_column, read_one)
