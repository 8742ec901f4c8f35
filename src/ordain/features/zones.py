"""The clock of a place: how far it is from UTC at an instant.

Offsets come from the IANA database by `zoneinfo`, year by year for the years met, as a table of the
seconds at which the clock changes. A column and a single value look into the same table. Years 1
and 9999, where a shift would leave the calendar, have the offset of the year beside them.
"""

from __future__ import annotations

import datetime as dt
import functools
from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError

Ints = npt.NDArray[np.int64]

_UNITS = 1_000_000
_DAY_SECONDS = 86_400
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_YEARS = (2, 9998)


def check_zone(name: str) -> None:
    """Check that there is a time zone of this name.

    Raises:
        UsageError: there is none; the message has the nearest name.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    from ordain.core.diagnostics import nearest

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = available_timezones()
        close = nearest(name, known)
        hint = f"; nearest: '{close}'" if close else ""
        fix = "write a name such as 'Europe/Paris'" if known else "pip install tzdata"
        raise UsageError(f"there is no time zone '{name}'{hint}.\n  Fix: {fix}") from error


def local_units(units: Ints, zone: str) -> Ints:
    """Return the clock of a zone for instants in UTC, both microseconds since 1970 [N]."""
    if len(units) == 0:
        return units
    years = np.unique(units.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64))
    tables = [_changes(zone, year + 1970) for year in years.tolist()]
    starts = np.array([start for found, _ in tables for start in found], dtype=np.int64)
    offsets = np.array([offset for _, found in tables for offset in found], dtype=np.int64)
    at = np.searchsorted(starts, units // _UNITS, side="right") - 1
    result: Ints = units + offsets[at] * _UNITS
    return result


def local_unit(unit: int, year: int, zone: str) -> int:
    """Return the clock for one instant, of whose year in UTC we know, as `local_units` gives it."""
    starts, offsets = _changes(zone, year)
    return unit + offsets[bisect_right(starts, unit // _UNITS) - 1] * _UNITS


@functools.lru_cache(maxsize=4_096)
def _changes(zone: str, year: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the seconds since 1970 from which an offset holds, and the offsets, of a year."""
    first = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * _DAY_SECONDS
    known = min(max(year, _YEARS[0]), _YEARS[1])
    if known != year:
        beside = (dt.datetime(known, 1, 1, tzinfo=dt.UTC) - _EPOCH).days * _DAY_SECONDS
        return (first,), (_offset(zone, beside),)
    n_days = (dt.date(year + 1, 1, 1) - dt.date(year, 1, 1)).days
    starts, offsets = [first], [_offset(zone, first)]
    for day in range(n_days):
        low, high = first + day * _DAY_SECONDS, first + (day + 1) * _DAY_SECONDS
        offset = _offset(zone, high)
        if offset == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _offset(zone, middle) == offset else (middle, high)
        starts.append(high)
        offsets.append(offset)
    return tuple(starts), tuple(offsets)


def _offset(zone: str, seconds: int) -> int:
    from zoneinfo import ZoneInfo

    there = (_EPOCH + dt.timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if there is None else round(there.total_seconds())
