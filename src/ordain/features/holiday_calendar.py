"""Public holidays of a country or a part of it, as days since 1970.

The days of the training years are kept in the encoding, with enough years around them that dates
from one year before to five years after need no library, and a newer library does not change them.
Days of other years are asked of the library `holidays` when such a year is met; its version stands
in the encoding.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ordain.core.component import Spec
from ordain.core.errors import MissingExtraError, UsageError

Ints = npt.NDArray[np.int64]
HolidayPart = Literal["is_holiday", "days_to_holiday", "days_since_holiday"]

FARTHEST = 366
"""Days to a holiday at most; also where none is known."""
_YEARS = (1900, 2100)
_YEARS_BEFORE, _YEARS_AHEAD = 2, 6  # a date looks one year to either side
_FIRST_DAY = dt.date(1970, 1, 1).toordinal()


class HolidayCalendar(Spec):
    """Holidays of a place, those of some years kept."""

    place: str
    """Country, such as `DE`, or part of one, such as `US/CA`."""
    version: str
    """Version of the library that the days come from."""
    first_year: int
    """First year whose days are kept."""
    last_year: int
    """Last year whose days are kept."""
    days: tuple[int, ...]
    """Holidays of the years kept, as days since 1970, ascending."""

    @classmethod
    def of(cls, place: str, *, first_year: int, last_year: int) -> Self:
        """Return the calendar that keeps the years of training and those around them.

        Raises:
            UsageError: the place is not known.
            MissingExtraError: the library is not installed.
        """
        check_place(place)
        first = min(max(first_year - _YEARS_BEFORE, _YEARS[0]), _YEARS[1])
        last = min(max(last_year + _YEARS_AHEAD, first), _YEARS[1])
        days = [day for year in range(first, last + 1) for day in _ask(place, year)]
        version = str(_library().__version__)
        return cls(place=place, version=version, first_year=first, last_year=last, days=tuple(days))

    def days_of(self, year: int) -> tuple[int, ...]:
        """Return the holidays of a year as days since 1970, ascending."""
        if self.first_year <= year <= self.last_year:
            return _by_year(self.days).get(year, ())
        return _ask(self.place, year) if _YEARS[0] <= year <= _YEARS[1] else ()

    def near(self, years: list[int]) -> list[int]:
        """Return the holidays of years and of those before and after them, ascending."""
        wanted = sorted({near for year in years for near in (year - 1, year, year + 1)})
        return [day for year in wanted for day in self.days_of(year)]


def holiday_array(days: Ints, calendar: HolidayCalendar, part: HolidayPart) -> Ints:
    """Return 0 or 1, or whole days [N], of days since 1970 [N]."""
    known = np.array(calendar.near(_years(days)), dtype=np.int64)
    if len(known) == 0:
        return np.full(len(days), 0 if part == "is_holiday" else FARTHEST, dtype=np.int64)
    at = np.searchsorted(known, days, side="left")
    ahead = np.where(at < len(known), known[np.minimum(at, len(known) - 1)] - days, FARTHEST)
    if part == "is_holiday":
        return np.asarray(ahead == 0, dtype=np.int64)
    if part == "days_to_holiday":
        return np.asarray(np.minimum(ahead, FARTHEST), dtype=np.int64)
    at = np.searchsorted(known, days, side="right") - 1
    behind = np.where(at >= 0, days - known[np.maximum(at, 0)], FARTHEST)
    return np.asarray(np.minimum(behind, FARTHEST), dtype=np.int64)


def without_holidays(days: Ints, calendar: HolidayCalendar) -> npt.NDArray[np.bool_]:
    """Return True for days [N] of a year whose holidays are not known."""
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    unknown = [year for year in np.unique(years).tolist() if not calendar.days_of(year)]
    return np.isin(years, unknown)


def check_place(place: str) -> None:
    """Check that holidays of a place are known.

    Raises:
        UsageError: they are not; the message has the nearest name.
        MissingExtraError: the library is not installed.
    """
    from ordain.core.diagnostics import nearest

    known: dict[str, list[str]] = _library().list_supported_countries()
    country, _, part = place.partition("/")
    if country not in known:
        close = nearest(country, known)
        hint = f"; nearest: '{close}'" if close else ""
        raise UsageError(
            f"no holidays are known of the country '{country}'{hint}.\n"
            "  Fix: give its code of two letters, such as 'DE', or 'US/CA' for a part of it"
        )
    if part and part not in known[country]:
        close = nearest(part, known[country])
        hint = f"; nearest: '{country}/{close}'" if close else ""
        parts = ", ".join(known[country]) or "none"
        raise UsageError(
            f"no holidays are known of '{place}'{hint}.\n  Fix: parts of {country}: {parts}"
        )


def is_available() -> bool:
    """Return whether the library is installed."""
    import importlib.util

    return importlib.util.find_spec("holidays") is not None


def _years(days: Ints) -> list[int]:
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    return [year + 1970 for year in np.unique(years).tolist()]


@functools.lru_cache(maxsize=64)
def _by_year(days: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for day in days:
        found.setdefault(dt.date.fromordinal(day + _FIRST_DAY).year, []).append(day)
    return {year: tuple(kept) for year, kept in found.items()}


@functools.lru_cache(maxsize=4_096)
def _ask(place: str, year: int) -> tuple[int, ...]:
    country, _, part = place.partition("/")
    found = _library().country_holidays(country, subdiv=part or None, years=[year])
    days = (day.toordinal() - _FIRST_DAY for day in found if day.year == year)
    return tuple(sorted(days))


def _library() -> Any:
    try:
        import holidays
    except ImportError as error:
        raise MissingExtraError.for_package(
            "holidays", extra="dates", purpose="holidays"
        ) from error
    return holidays
