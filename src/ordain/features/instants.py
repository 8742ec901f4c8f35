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
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ordain.core.errors import UsageError
from ordain.features.facts import unusable_value, wrong_kind
from ordain.features.fixed_width import Layout, read_fixed
from ordain.features.labels import BLANKS, is_not_a_time, naive_utc
from ordain.features.zones import local_unit, local_units

EPOCH_FACTORS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Microseconds of one unit."""

ISO_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d",
    *(
        f"%Y-%m-%d{sign}%H:%M{rest}"
        for sign in "T "
        for rest in (":%S%z", ":%S.%f", ":%S.%f%z", "", "%z")
    ),
)
"""What the same instant may be written as by another program than the one that wrote training."""

_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - instants are UTC without a zone
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_INTEGRAL_LIMIT = 2.0**53

_TWO_DIGITS = {
    "m": "(?:0[1-9]|1[0-2])",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "H": "(?:[01][0-9]|2[0-3])",
    "I": "(?:0[1-9]|1[0-2])",
}
_LOOSE = {
    "m": "(?:0?[1-9]|1[0-2])",
    "d": "(?:[12][0-9]|3[01]|0?[1-9])",
    "H": "(?:1[0-9]|2[0-3]|0?[0-9])",
    "I": "(?:1[0-2]|0?[1-9])",
}
_FIXED = {
    "Y": "[12][0-9]{3}",
    "y": "[0-9]{2}",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": "[0-9]{1,9}",
    "p": "[AaPp][Mm]",
    "z": "(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])",
    "b": "(?i:" + "|".join(name[:3] for name in _MONTHS) + ")",
    "B": "(?i:" + "|".join(_MONTHS) + ")",
    "a": "(?i:" + "|".join(name[:3] for name in _DAYS) + ")",
    "A": "(?i:" + "|".join(_DAYS) + ")",
}
_SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%e": "%d"}


@dataclass(frozen=True)
class _Compiled:
    """A format as the pattern of both engines and what Polars parses with."""

    pattern: str
    python: re.Pattern[str]
    polars: str
    suffix: str


def check_format(text: str) -> str:
    """Return the format if it can be read.

    Raises:
        UsageError: a directive is unknown, or the parts do not make a date.
    """
    if text not in EPOCH_FACTORS:
        _compile(text)
    return text


def with_iso(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats and, as a last resort, those of ISO 8601.

    Not behind `%Y-%d-%m`, whose unreadable days would be read with day and month swapped.
    """
    if any(name.startswith("%Y-%d") for name in formats):
        return tuple(formats)
    return (*formats, *(name for name in ISO_FORMATS if name not in formats))


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
    layout = _layout(formats[0]) if formats else None
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
    layout = _layout(name)
    if layout is None:
        parsed = _parse_loosely(text, name)
        return _on_clock(parsed, zone if "%z" in name else None)
    found = read_fixed(text, layout)
    left = (found.is_null() & text.is_not_null()).arg_true()
    return found.scatter(left, _parse_loosely(text.gather(left), name)) if len(left) else found


def _parse_loosely(text: pl.Series, name: str) -> pl.Series:
    form = _compile(name)
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


@functools.lru_cache(maxsize=256)
def _compile(text: str) -> _Compiled:
    for short, long in _SHORT.items():
        text = text.replace(short, long)
    pieces = re.findall(r"%[-#]?[A-Za-z%]|[^%]+|%", text)
    names = [piece[-1] if piece[0] == "%" and len(piece) > 1 else "" for piece in pieces]
    _check_directives(text, pieces, names)
    pattern = ""
    polars = ""
    for at, (piece, name) in enumerate(zip(pieces, names, strict=True)):
        if not name:
            pattern += re.escape(piece)
            polars += piece
        elif name == "%":
            pattern += "%"
            polars += "%%"
        else:
            # Two numbers side by side can only be told apart by a fixed width.
            is_tight = (at > 0 and names[at - 1] != "") or (
                at + 1 < len(names) and names[at + 1] != ""
            )
            loose = _TWO_DIGITS if is_tight else _LOOSE
            pattern += f"(?P<{name}>{_FIXED.get(name) or loose[name]})"
            polars += {"z": "%#z", "f": "%f"}.get(name, f"%{name}")
    polars = polars.replace(".%f", "%.f")
    suffix, more = _complete(set(names))
    rust = "^" + pattern.replace("(?P<", "(?P<") + "$"
    return _Compiled(rust, re.compile(pattern), polars + more, suffix)


def _complete(names: set[str]) -> tuple[str, str]:
    """Return what has to be put behind text and format so that both name a whole instant."""
    suffix = more = ""
    for has, directive, value in (
        (bool(names & {"m", "b", "B"}), "%m", "01"),
        ("d" in names, "%d", "01"),
        ("M" in names or not names & {"H", "I"}, "%M", "00"),
    ):
        if not has:
            suffix += f" {value}"
            more += f" {directive}"
    return suffix, more


def _check_directives(text: str, pieces: list[str], names: list[str]) -> None:
    known = {*_FIXED, *_LOOSE, "%", ""}
    allowed = ", ".join(f"%{name}" for name in sorted({*_FIXED, *_LOOSE}))
    wrong = [
        piece
        for piece, name in zip(pieces, names, strict=True)
        if name not in known or piece == "%"
    ]
    if wrong:
        raise UsageError(
            f"`datetime_format` '{text}' has the unknown part '{wrong[0]}'. Possible: {allowed}, "
            f"and epoch_s, epoch_ms, epoch_us."
        )
    used = [name for name in names if name not in {"", "%"}]
    if len(used) != len(set(used)) or {"Y", "y"} <= set(used):
        raise UsageError(f"`datetime_format` '{text}' names a part twice.")
    if not {"Y", "y"} & set(used):
        raise UsageError(f"`datetime_format` '{text}' has no year: add %Y (four digits) or %y.")
    if ("I" in used) != ("p" in used):
        raise UsageError(f"`datetime_format` '{text}': %I (12 hours) and %p (AM, PM) go together.")
    if "f" in used and ".%f" not in text:
        raise UsageError(f"`datetime_format` '{text}': %f must stand behind a point, as in %S.%f.")


@functools.lru_cache(maxsize=256)
def _layout(name: str) -> Layout | None:
    """Return where the digits of a format of fixed width stand, None for any other format."""
    for short, long in _SHORT.items():
        name = name.replace(short, long)
    fields: dict[str, tuple[int, int]] = {}
    literals: dict[int, int] = {}
    at = 0
    for piece in re.findall(r"%[A-Za-z]|[^%]|%", name):
        width = {"Y": 4}.get(piece[-1], 2)
        if piece[0] == "%":
            if piece[-1] not in {"Y", "m", "d", "H", "M", "S"}:
                return None
            fields[piece[-1]] = (at, width)
            at += width
        elif piece.isascii():
            literals[at] = ord(piece)
            at += 1
        else:
            return None
    return Layout(fields, literals, at) if {"Y", "m", "d"} <= fields.keys() else None


def _text_reader(name: str, zone: str | None) -> Callable[[str], dt.datetime | None]:
    if name in EPOCH_FACTORS:
        factor = EPOCH_FACTORS[name]
        is_whole = re.compile("[+-]?[0-9]{1,18}").fullmatch
        return lambda text: (
            _turned(_from_microseconds(int(text) * factor), zone) if is_whole(text) else None
        )
    match = _compile(name).python.fullmatch

    clock = zone if "%z" in name else None

    def read(text: str) -> dt.datetime | None:
        found = match(text)
        return None if found is None else _turned(_build(found.groupdict()), clock)

    return read


def _build(parts: dict[str, str]) -> dt.datetime | None:
    """Return the instant of a format's parts, None where the calendar has no such day."""
    get = parts.get
    year = int(parts["Y"]) if "Y" in parts else _full_year(int(parts["y"]))
    named = get("b") or get("B")
    month = _MONTH_NUMBER[named[:3].lower()] if named else int(get("m", "1"))
    hour = int(get("H", "0"))
    if "I" in parts:
        hour = int(parts["I"]) % 12 + (12 if parts["p"][0] in "pP" else 0)
    fraction = int(get("f", "0")[:6].ljust(6, "0"))
    try:
        moment = dt.datetime(  # noqa: DTZ001 - the offset is subtracted below
            year, month, int(get("d", "1")), hour, int(get("M", "0")), int(get("S", "0")), fraction
        )
    except ValueError:
        return None
    weekday = get("a") or get("A")
    if weekday and _DAYS[moment.weekday()][:3] != weekday[:3].lower():
        return None
    zone = get("z", "Z")
    if zone == "Z":
        return moment
    offset = dt.timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment - offset if zone[0] == "+" else moment + offset


_MONTH_NUMBER = {name[:3]: at + 1 for at, name in enumerate(_MONTHS)}


def _full_year(two_digits: int) -> int:
    return two_digits + (2000 if two_digits < 70 else 1900)  # noqa: PLR2004 - as in POSIX
