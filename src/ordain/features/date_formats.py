"""Formats of dates: compiled to a strict pattern that Polars and Python match alike.

A format is one of `strftime`, with ASCII digits and years from 1000 to 2999, or `epoch_s`,
`epoch_ms`, `epoch_us`: seconds, milli-, microseconds since 1970.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ordain.core.errors import UsageError
from ordain.features.fixed_width import Layout

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
_MONTH_NUMBER = {name[:3]: at + 1 for at, name in enumerate(_MONTHS)}
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
class CompiledFormat:
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
        compile_format(text)
    return text


def with_iso(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats and, as a last resort, those of ISO 8601.

    Not behind `%Y-%d-%m`, whose unreadable days would be read with day and month swapped.
    """
    if any(name.startswith("%Y-%d") for name in formats):
        return tuple(formats)
    return (*formats, *(name for name in ISO_FORMATS if name not in formats))


@functools.lru_cache(maxsize=256)
def compile_format(text: str) -> CompiledFormat:
    """Return the pattern of a format of `strftime`.

    Raises:
        UsageError: see `check_format`.
    """
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
    return CompiledFormat(rust, re.compile(pattern), polars + more, suffix)


@functools.lru_cache(maxsize=256)
def layout_of(name: str) -> Layout | None:
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


def parts_to_moment(parts: Mapping[str, str]) -> dt.datetime | None:
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


def _full_year(two_digits: int) -> int:
    return two_digits + (2000 if two_digits < 70 else 1900)  # noqa: PLR2004 - as in POSIX
