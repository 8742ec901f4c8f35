"""Dates and time stamps: calendar parts, cycles, and time since the first training row.

    input_features:
      - name: pickup
        type: date
        preprocessing: {datetime_format: "%m/%d/%Y %H:%M", parts: [weekday, hour, elapsed_days]}
      - name: ordered_at
        type: date
        preprocessing: {timezone: Europe/Berlin, holidays: DE/BY}

How text is read stands in `instants.py`, how its format is inferred in `instant_formats.py`, the
parts in `date_parts.py`, holidays in `holiday_calendar.py`.

All instants are UTC, or with `timezone` the clock of that zone: a value that says its offset is
turned to it, one that does not is of that clock already. Elapsed days are counted on that clock as
well, so that the hour of a change to summer time counts as an hour.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from pydantic import field_validator, model_validator

from ordain.core.errors import UsageError
from ordain.features.date_cells import FIX, cell_reader
from ordain.features.date_formats import check_format, with_iso
from ordain.features.date_parts import (
    DAY,
    DAY_UNITS,
    HOLIDAY_PARTS,
    DateEncoding,
    Part,
    fill_cells,
    infer_parts,
    moment_of,
    part_readers,
)
from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.features.facts import counted, reading_facts, unusable, unusable_value, wrong_kind
from ordain.features.feature import FEATURES, Feature, Form
from ordain.features.filling import (
    InputType,
    check_filling,
    fill_reader,
    fill_values,
    fit_filling,
    unseen_groups,
)
from ordain.features.holiday_calendar import (
    HolidayCalendar,
    check_place,
    is_available,
    without_holidays,
)
from ordain.features.instant_formats import infer_formats
from ordain.features.instants import instant_reader, microseconds, read_instants
from ordain.features.numerals import is_nothing
from ordain.features.scaling import Method, fit_scaling
from ordain.features.step import Step, filled, parsed
from ordain.features.zones import check_zone


@FEATURES.register
class DateFeature(Feature[DateEncoding]):
    """A date or a time stamp."""

    type: Literal["date"] = "date"
    """Type name."""
    aliases = ("datetime", "timestamp")
    missing_value_strategy: Literal[
        "auto",
        "keep",
        "fill_with_const",
        "fill_with_median",
        "fill_with_group_median",
        "fill_with_model",
        "ffill",
        "bfill",
        "drop_row",
        "error",
    ] = "auto"
    """What a missing cell becomes; `keep` leaves NaN, `auto` keeps for trees and else takes the
    median."""
    fill_value: str = ""
    """The date of `fill_with_const`, as text; empty is the median of the training rows."""
    missing_group: str | None = None
    """Column that names a row's group, for `fill_with_group_median`."""
    missing_inputs: dict[str, InputType] | None = None
    """Columns that `fill_with_model` predicts from, with their types; null takes every other
    declared input but texts."""
    datetime_format: str | tuple[str, ...] | None = None
    """How text is read, as in `strftime`, or `epoch_s`, `epoch_ms`, `epoch_us`; several are tried
    in order; null infers them from the training rows."""
    timezone: str | None = None
    """Time zone such as `Europe/Paris` on whose clock parts are read; null is UTC."""
    holidays: str | None = None
    """Country or part of one, such as `DE` or `US/CA`, whose public holidays become parts."""
    parts: Literal["infer"] | tuple[Part, ...] = "infer"
    """What is encoded; `infer` takes the calendar, the time of day and holidays where there are
    such, and elapsed days."""
    cyclic: Literal["auto"] | bool = "auto"
    """Whether parts with a cycle become sine and cosine."""
    normalization: Literal["auto"] | Method | None = "auto"
    """How elapsed days (since the earliest training row) are scaled."""
    missing_indicator: Literal["auto", "if_missing"] | bool = "auto"
    """Whether a last number, 0 or 1, says that the cell was missing; `if_missing` adds it where a
    training row misses."""

    Fitted = DateEncoding
    version = 2

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_filling(self.missing_value_strategy, self.missing_group)
        wanted = [part for part in HOLIDAY_PARTS if part in self.parts]
        if wanted and self.holidays is None:
            raise ValueError(f"the part `{wanted[0]}` needs `holidays`, such as `holidays: DE`")
        return self

    @field_validator("timezone")
    @classmethod
    def _check_zone(cls, value: str | None) -> str | None:
        try:
            if value is not None:
                check_zone(value)
        except UsageError as error:
            raise ValueError(error.message) from error
        return value

    @field_validator("holidays")
    @classmethod
    def _check_place(cls, value: str | None) -> str | None:
        try:
            # A bundle may be read where the library is not: it holds the days it was trained on.
            if value is not None and is_available():
                check_place(value)
        except UsageError as error:
            raise ValueError(error.message) from error
        return value

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
        return self.settled(options, form)

    def fit(
        self, column: pl.Series, *, seed: int, others: pl.DataFrame | None = None
    ) -> DateEncoding:
        """Return formats, parts and origin of the training rows."""
        _require_readable(column)
        own_formats, is_ambiguous = self._formats(column)
        formats = with_iso(own_formats)
        moments = read_instants(column, formats, zone=self.timezone)
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
        encoding = self._encoding(present, formats=formats, facts=facts)
        return self._with_others(column, moments, encoding, others=others, seed=seed)

    def encode(
        self, column: pl.Series, encoding: DateEncoding, others: pl.DataFrame | None = None
    ) -> EncodedColumn:
        """Return a vector [N, W]: the parts in order, then the indicator."""
        moments = read_instants(column, encoding.formats, zone=encoding.timezone)
        missing = moments.is_null()
        if encoding.on_missing == "error" and missing.any():
            raise unusable(column, missing, what="are missing or no dates", fix=FIX)
        if encoding.on_missing in {"ffill", "bfill"}:
            moments = moments.fill_null(
                strategy="forward" if encoding.on_missing == "ffill" else "backward"
            )
        if encoding.filling is not None and missing.any():
            fills = np.rint(fill_values(encoding.filling, others, missing)).astype(np.int64)
            units = moments.to_physical().scatter(missing.arg_true(), fills)
            moments = units.cast(pl.Datetime("us"))
        empty = moments.is_null()
        # A missing instant is computed as the origin and blanked after: no null reaches NumPy.
        stand_in = encoding.origin if encoding.fill is None else encoding.fill
        if empty.any():
            moments = moments.to_physical().fill_null(stand_in).cast(pl.Datetime("us"))
        cells = np.empty((len(column), encoding.shape.width), dtype=np.float32)
        at = fill_cells(cells, moments, encoding)
        if encoding.fill is None:
            cells[empty.to_numpy(), :at] = np.nan
        if encoding.has_indicator:
            cells[:, at] = missing.to_numpy()
        return EncodedColumn(Kind.VECTOR, cells)

    def row(self, encoding: DateEncoding) -> Callable[..., RowValue]:
        """Return the function from a value to its parts."""
        return cell_reader(encoding)

    def steps(self, value: object, encoding: DateEncoding, row: Mapping[str, object]) -> list[Step]:
        """Return the instant that a cell is read as, and what fills it."""
        moment = instant_reader(encoding.formats, zone=encoding.timezone)(value)
        clock = encoding.timezone or "UTC"
        told = [parsed(value, moment, what="a date", how=f"on the clock of {clock}")]
        if moment is None:
            guess = round(fill_reader(encoding.filling)(row)) if encoding.filling else encoding.fill
            told.append(
                filled(
                    None if guess is None else moment_of(guess),
                    on_missing=encoding.on_missing,
                    strategy=self.missing_value_strategy,
                    is_guessed=encoding.filling is not None,
                )
            )
        return told + super().steps(value, encoding, row)

    def encoded_as(self, encoding: DateEncoding) -> str:
        """Return its parts in order."""
        tail = ", then 1 if it was missing" if encoding.has_indicator else ""
        return (
            ", ".join(encoding.parts) + (" as sine and cosine" if encoding.is_cyclic else "") + tail
        )

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
        return read_instants(column, formats, zone=self.timezone).is_null()

    def inspect(
        self, column: pl.Series, encoding: DateEncoding, others: pl.DataFrame | None = None
    ) -> dict[str, Any]:
        """Return counts of missing and unparsed cells, unseen groups, years without holidays."""
        moments = read_instants(column, encoding.formats, zone=encoding.timezone)
        return self._facts(column, moments) | _more_facts(column, moments, encoding, others)

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
        has_time = bool((times % DAY_UNITS != 0).any())
        is_cyclic = self.cyclic is True
        calendar = self._calendar(present)
        parts = self.parts
        if parts == "infer":
            has_holidays = calendar is not None
            parts = infer_parts(is_cyclic=is_cyclic, has_time=has_time, has_holidays=has_holidays)
        if calendar is not None:
            facts["holidays"] = {
                "place": calendar.place,
                "version": calendar.version,
                "years": [calendar.first_year, calendar.last_year],
            }
        method: Method | None = None if self.normalization == "auto" else self.normalization
        elapsed = (times - origin).to_numpy().astype(np.float64) / DAY
        wants = self.missing_indicator
        has_indicator = facts["n_missing"] > 0 if wants == "if_missing" else wants is True
        strategy = self.missing_value_strategy
        encoding = DateEncoding(
            shape=Shape(kind=Kind.VECTOR),
            facts=facts,
            formats=formats,
            parts=parts,
            timezone=self.timezone,
            holidays=calendar,
            is_cyclic=is_cyclic,
            origin=origin,
            scaling=fit_scaling(elapsed, method),
            on_missing=strategy if strategy in {"ffill", "bfill", "error"} else "fill",
            fill=None if strategy == "keep" else self._fill(times, formats, origin),
            has_indicator=has_indicator,
        )
        width = sum(reader.width for reader in part_readers(encoding)) + has_indicator
        return encoding.model_copy(update={"shape": Shape(kind=Kind.VECTOR, width=width)})

    def _calendar(self, present: pl.Series) -> HolidayCalendar | None:
        if self.holidays is None:
            return None
        years = present.dt.year()
        first, last = (years.min(), years.max()) if len(years) else (2000, 2000)
        return HolidayCalendar.of(
            self.holidays,
            first_year=int(first),  # type: ignore[arg-type]
            last_year=int(last),  # type: ignore[arg-type]
        )

    def _with_others(
        self,
        column: pl.Series,
        moments: pl.Series,
        encoding: DateEncoding,
        *,
        others: pl.DataFrame | None,
        seed: int,
    ) -> DateEncoding:
        """Return the encoding with what fills from other columns, and counts that need it."""
        units = moments.to_physical().cast(pl.Float64).fill_null(math.nan).to_numpy()
        otherwise = encoding.origin if encoding.fill is None else encoding.fill
        filling = fit_filling(self, units, others, otherwise=float(otherwise), seed=seed)
        encoding = encoding.model_copy(update={"filling": filling})
        facts = encoding.facts | _more_facts(column, moments, encoding, others)
        return encoding.model_copy(update={"facts": facts})

    def _fill(self, times: pl.Series, formats: tuple[str, ...], origin: int) -> int:
        if self.missing_value_strategy == "fill_with_const" and self.fill_value:
            moment = instant_reader(formats, zone=self.timezone)(self.fill_value)
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


def _more_facts(
    column: pl.Series, moments: pl.Series, encoding: DateEncoding, others: pl.DataFrame | None
) -> dict[str, Any]:
    """Return the counts that need the encoding; those of nothing are left out."""
    missing = moments.is_null()
    found = {"unseen_group": unseen_groups(encoding.filling, others, missing)}
    if encoding.holidays is not None and not missing.all():
        units = moments.to_physical().fill_null(encoding.origin).to_numpy()
        unknown = pl.Series(without_holidays(units // DAY_UNITS, encoding.holidays))
        found["unknown_holidays"] = counted(column, unknown & ~missing)
    return {key: value for key, value in found.items() if value is not None}
