"""Datetime: the past trains, the future tests.

preprocessing:
  split: {type: datetime, column: ordered_at, gap: 7d}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.core.errors import DataError
from ordain.data.dates import parse_dates
from ordain.data.shares import DEFAULT_PROBABILITIES, Probabilities, Sets, Shares, sets_series
from ordain.data.splitter import SPLITTERS, Assignment, Splitter, split_column
from ordain.data.table import Table

_DURATION = r"^(\d+(y|q|mo|w|d|h|m|s|ms|us))+$"


@SPLITTERS.register
class DatetimeSplitter(Splitter):
    """Cuts the rows, in order of time, at the shares; rows of one moment stay together."""

    type: Literal["datetime"] = "datetime"
    """Order of time."""
    column: str
    """Column of dates, moments, text that holds them, or numbers that grow with time."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of train, validation and test, the earliest first; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, the earliest first, 'train' among them."""
    gap: Annotated[str, Field(pattern=_DURATION)] | None = None
    """Time left out before each later set, such as 7d, 12h or 1mo, so that what a row knows of its
    own future does not reach into it."""
    datetime_format: str | None = None
    """Format of dates in text, in the codes of strftime; found where not declared."""

    def columns(self) -> tuple[str, ...]:
        """Return the column of the time."""
        return (self.column,)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return the sets; rows without a date or within a gap belong to none, and are counted."""
        del seed
        column = split_column(table, self.column, key="column")
        times, facts = self._times(column)
        is_dated = times.is_not_null().to_numpy()
        if not is_dated.any():
            raise DataError(f"the column `{self.column}` has no date to split by")
        shares = Shares.of(self)
        physical = times.to_physical().fill_null(0).to_numpy()
        codes = np.where(is_dated, _cut(physical, is_dated, shares), -1)
        starts = _starts(times, codes, shares)
        facts["starts"] = {name: str(start) for name, start in starts.items()}
        if self.gap:
            codes = self._leave_gap(times, codes, starts, shares)
            facts["rows_in_gap"] = int(np.count_nonzero((codes < 0) & is_dated))
        if missing := int(np.count_nonzero(~is_dated)):
            facts["rows_without_date"] = missing
        return Assignment(sets_series(codes, shares.names), facts)

    def _times(self, column: pl.Series) -> tuple[pl.Series, dict[str, Any]]:
        if column.dtype.is_numeric():
            if self.gap:
                raise DataError(
                    f"`split.gap` needs dates, and the column `{self.column}` is {column.dtype}"
                )
            return column, {}
        dates = parse_dates(column, format=self.datetime_format)
        facts: dict[str, Any] = {"format": dates.format} if dates.format else {}
        if dates.unparsed:
            if dates.unparsed == column.count():
                shown = ", ".join(f"'{one['value']}'" for one in dates.examples)
                raise DataError(
                    f"no value of `{self.column}` is a date in the format "
                    f"'{dates.format}': {shown}\n"
                    '  Fix: datetime_format: "%d/%m/%Y", in the codes of strftime'
                )
            facts["unparsed"] = {"count": dates.unparsed, "examples": list(dates.examples)}
        return dates.values, facts

    def _leave_gap(
        self,
        times: pl.Series,
        codes: npt.NDArray[np.int64],
        starts: dict[str, Any],
        shares: Shares,
    ) -> npt.NDArray[np.int64]:
        result = codes.copy()
        for name, start in starts.items():
            later = shares.names.index(name)
            edge = pl.Series([start], dtype=times.dtype).dt.offset_by(f"-{self.gap}")[0]
            result[(codes < later) & (times > edge).fill_null(value=False).to_numpy()] = -1
        return result


def _cut(
    times: npt.NDArray[Any], is_dated: npt.NDArray[np.bool_], shares: Shares
) -> npt.NDArray[np.int64]:
    """Return the set of each row: that of the share in which the first row of its moment lies."""
    moments, inverse, sizes = np.unique(times[is_dated], return_inverse=True, return_counts=True)
    ends = np.cumsum(shares.counts(int(sizes.sum())))
    firsts = np.cumsum(sizes) - sizes
    of_moment = np.searchsorted(ends, firsts + sizes / 2, side="right")
    of_moment = np.minimum(of_moment, len(shares.names) - 1)
    if len(moments) <= np.count_nonzero(shares.values > 0):
        of_moment = np.sort(shares.ranks()[: len(moments)])
    codes = np.full(len(times), -1, dtype=np.int64)
    codes[is_dated] = of_moment[inverse]
    return codes


def _starts(times: pl.Series, codes: npt.NDArray[np.int64], shares: Shares) -> dict[str, Any]:
    """Return the first moment of each set but the earliest."""
    frame = pl.DataFrame({"time": times, "set": codes}).filter(pl.col("set") >= 0)
    firsts = frame.group_by("set").agg(pl.col("time").min()).sort("set").rows()
    return {shares.names[code]: first for code, first in firsts[1:]}
