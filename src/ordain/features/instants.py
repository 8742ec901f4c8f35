"""A raw value read as an instant: a time stamp in UTC, to the microsecond, without a zone.

Where a time zone is declared instants are read on its clock: values that say their offset, and
counts since 1970, are turned to it; all others are of that clock already.

Date and time-stamp columns are taken as they are (zones turned into UTC). Text and whole numbers
are read by formats: those of `strftime`, and `epoch_s`, `epoch_ms`, `epoch_us` (seconds, milli-,
microseconds since 1970). Every format is compiled to a strict pattern with ASCII digits first, so
that a column read by Polars and a value read by Python accept the same texts. Years in text lie in
1000 to 2999. `read_instants` reads a column, `instant_reader` one value; they agree on every value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from ordain.features.date_formats import EPOCH_FACTORS, compile_format, layout_of, parts_to_moment
from ordain.features.facts import unusable_value, wrong_kind
from ordain.features.fixed_width import read_fixed
from ordain.features.labels import BLANKS, is_not_a_time, naive_utc
from ordain.features.zones import local_unit, local_units

_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - instants are UTC without a zone
_INTEGRAL_LIMIT = 2.0**53


def read_instants(
    column: pl.Series, formats: Sequence[str], *, zone: str | None = None
) -> pl.Series:
    """Return Datetime("us") [N], null where missing or unparsed; earlier formats win.

    Args:
        column: dates, time stamps, text, or numbers.
        formats: how text and numbers are read.
        zone: IANA name of the time zone whose clock is wanted; UTC where it is None.

    Raises:
        DataError: the column holds durations or objects, which are no instants.

    >>> read_instants(pl.Series(["2019-03-23", "x"]), ["%Y-%m-%d"]).to_list()
    [datetime.datetime(2019, 3, 23, 0, 0), None]
    """
    dtype = column.dtype
    if isinstance(dtype, pl.Duration) or dtype == pl.Object:
        raise wrong_kind(column, type_name="date", fix="derive a date from it first")
    if isinstance(dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype == pl.String:
        return _read_text(column, formats, zone)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        is_aware = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        return _on_clock(_in_range(naive_utc(column)), zone if is_aware else None)
    epoch = next((EPOCH_FACTORS[name] for name in formats if name in EPOCH_FACTORS), None)
    if dtype.is_float():
        return _read_floats(column.cast(pl.Float64), formats, epoch, zone)
    if dtype.is_integer():
        if epoch is None:
            return _read_text(column.cast(pl.String), formats, zone)
        return _on_clock(_from_units(column.cast(pl.Int64, strict=False), epoch), zone)
    return pl.Series(column.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(column))


def instant_reader(
    formats: Sequence[str], *, zone: str | None = None
) -> Callable[[object], dt.datetime | None]:
    """Return the function that reads one value; None where missing or unparsed."""
    epoch = next((EPOCH_FACTORS[name] for name in formats if name in EPOCH_FACTORS), None)
    readers = [_text_reader(name, zone) for name in formats]

    def read_text(text: str) -> dt.datetime | None:
        text = text.strip(BLANKS)
        for reader in readers:
            found = reader(text)
            if found is not None:
                return found
        return None

    def read(value: object) -> dt.datetime | None:
        if isinstance(value, str):
            return read_text(value)
        if isinstance(value, float | int | np.floating | np.integer | np.bool_):
            return _read_number(value, epoch, read_text, zone=zone)
        if isinstance(value, np.datetime64):
            value = value.astype("datetime64[us]").item()
        if isinstance(value, dt.datetime):
            is_naive = value.tzinfo is None and not is_not_a_time(value)
            return value if is_naive else _turned(_to_utc(value), zone)
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
        _refuse_duration(value)
        return None

    return read


def microseconds(moment: dt.datetime) -> int:
    """Return microseconds since 1970."""
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def _read_text(column: pl.Series, formats: Sequence[str], zone: str | None) -> pl.Series:
    empty = pl.Series(column.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(column))
    layout = layout_of(formats[0]) if formats else None
    found = empty if layout is None else read_fixed(column, layout)
    left = (found.is_null() & column.is_not_null()).arg_true()
    if len(left) == 0 or not formats:
        return found
    text = column.gather(left).str.strip_chars(BLANKS)
    read: pl.Series | None = None
    for name in formats:
        if read is None:
            read = _parse(text, name, zone)
            continue
        rest = (read.is_null() & text.is_not_null()).arg_true()
        if len(rest) == 0:
            break
        read = read.scatter(rest, _parse(text.gather(rest), name, zone))
    assert read is not None, "there is a first format"
    return found.scatter(left, read) if len(left) < len(found) else read.rename(column.name)


def _parse(text: pl.Series, name: str, zone: str | None) -> pl.Series:
    """Return the instants of the texts that one format reads."""
    if name in EPOCH_FACTORS:
        digits = text.set(~text.str.contains(r"^[+-]?[0-9]{1,18}$"), None)
        units = digits.cast(pl.Int64, strict=False)
        return _on_clock(_from_units(units, EPOCH_FACTORS[name]), zone)
    layout = layout_of(name)
    if layout is None:
        parsed = _parse_loosely(text, name)
        return _on_clock(parsed, zone if "%z" in name else None)
    found = read_fixed(text, layout)
    left = (found.is_null() & text.is_not_null()).arg_true()
    return found.scatter(left, _parse_loosely(text.gather(left), name)) if len(left) else found


def _parse_loosely(text: pl.Series, name: str) -> pl.Series:
    form = compile_format(name)
    matches = text.str.contains(form.pattern)
    if not matches.any():
        return pl.Series(text.name, [None], dtype=pl.Datetime("us")).new_from_index(0, len(text))
    if not matches.all():
        text = text.set(~matches, None)
    if form.suffix:
        text = text + form.suffix
    return naive_utc(text.str.to_datetime(form.polars, strict=False, time_unit="us"))


def _from_units(units: pl.Series, factor: int) -> pl.Series:
    usable = units.is_between(_FIRST // factor, _LAST // factor)
    units = units.set(~usable, None) if not usable.all() else units
    return _in_range((units * factor).cast(pl.Datetime("us")))


def _in_range(moments: pl.Series) -> pl.Series:
    usable = moments.to_physical().is_between(_FIRST, _LAST)
    return moments if usable.all() else moments.set(~usable, None)


def _on_clock(moments: pl.Series, zone: str | None) -> pl.Series:
    """Return instants in UTC on the clock of a zone."""
    known = moments.is_not_null()
    if zone is None or not known.any():
        return moments
    units = local_units(moments.filter(known).to_physical().to_numpy(), zone)
    there = pl.Series(units).cast(pl.Datetime("us"))
    return _in_range(moments.scatter(known.arg_true(), there))


def _read_floats(
    column: pl.Series, formats: Sequence[str], epoch: int | None, zone: str | None
) -> pl.Series:
    values = column.to_numpy()
    if epoch is not None:
        with np.errstate(invalid="ignore", over="ignore"):
            units = np.rint(values * epoch)
        usable = np.abs(units) < _LAST
        whole = pl.Series(column.name, np.where(usable, units, 0.0)).cast(pl.Int64)
        return _on_clock(_from_units(whole.set(pl.Series(~usable), None), 1), zone)
    with np.errstate(invalid="ignore"):
        usable = (np.abs(values) < _INTEGRAL_LIMIT) & (np.floor(values) == values)
    whole = pl.Series(column.name, np.where(usable, values, 0.0)).cast(pl.Int64)
    return _read_text(whole.set(pl.Series(~usable), None).cast(pl.String), formats, zone)


def _read_number(
    value: float | np.floating | np.integer | np.bool_,
    epoch: int | None,
    read_text: Callable[[str], dt.datetime | None],
    *,
    zone: str | None,
) -> dt.datetime | None:
    if isinstance(value, bool | np.bool_ | np.timedelta64):
        return None
    if isinstance(value, float | np.floating):
        return _read_float(float(value), epoch, read_text, zone=zone)
    if epoch is None:
        return read_text(str(value))
    return _turned(_from_microseconds(int(value) * epoch), zone)


def _read_float(
    value: float,
    epoch: int | None,
    read_text: Callable[[str], dt.datetime | None],
    *,
    zone: str | None,
) -> dt.datetime | None:
    if epoch is not None:
        units = value * epoch
        return _turned(_from_microseconds(round(units)), zone) if abs(units) < _LAST else None
    if abs(value) < _INTEGRAL_LIMIT and value.is_integer():
        return read_text(str(int(value)))
    return None


def _refuse_duration(value: object) -> None:
    if isinstance(value, dt.timedelta):
        raise unusable_value(
            "date", value, what="is a duration and no date", fix="derive a date from it first"
        )


def _from_microseconds(units: int) -> dt.datetime | None:
    return _EPOCH + dt.timedelta(microseconds=units) if _FIRST <= units <= _LAST else None


def _turned(moment: dt.datetime | None, zone: str | None) -> dt.datetime | None:
    """Return an instant in UTC on the clock of a zone."""
    if moment is None or zone is None:
        return moment
    return _from_microseconds(local_unit(microseconds(moment), moment.year, zone))


def _to_utc(value: dt.datetime) -> dt.datetime | None:
    if is_not_a_time(value):
        return None
    try:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        return None


def _text_reader(name: str, zone: str | None) -> Callable[[str], dt.datetime | None]:
    if name in EPOCH_FACTORS:
        factor = EPOCH_FACTORS[name]
        is_whole = re.compile("[+-]?[0-9]{1,18}").fullmatch
        return lambda text: (
            _turned(_from_microseconds(int(text) * factor), zone) if is_whole(text) else None
        )
    match = compile_format(name).python.fullmatch

    clock = zone if "%z" in name else None

    def read(text: str) -> dt.datetime | None:
        found = match(text)
        return None if found is None else _turned(parts_to_moment(found.groupdict()), clock)

    return read
