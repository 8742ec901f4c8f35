"""Datetime: the past trains, the future tests.

preprocessing:
  split: {type: datetime, column: ordered_at, gap: 7d}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.core.errors import DataError, UsageError
from ordain.data.dates import parse_dates
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    STANDARD,
    Folds,
    Probabilities,
    Sets,
    Shares,
    sets_series,
)
from ordain.data.splitter import SPLITTERS, TEST, TRAIN, Assignment, Splitter, split_column
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
    gap: Annotated[str, Field(pattern=_DURATION, examples=["7d", "12h", "1mo"])] | None = None
    """Time left out before each later set, such as 7d, 12h or 1mo, so that what a row knows of its
    own future does not reach into it."""
    k_fold: Folds = None
    """Number of folds, to judge the recipe beside the sets: the rows, in order of time, are cut
    into one block more, and each block but the first is tested by a model of all before it."""
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
            codes = self._leave_gap(times, codes, starts, shares.names)
            facts["rows_in_gap"] = int(np.count_nonzero((codes < 0) & is_dated))
        if missing := int(np.count_nonzero(~is_dated)):
            facts["rows_without_date"] = missing
        return Assignment(sets_series(codes, shares.names), facts)

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return the fold that tests a row; null for the first block, which only ever trains."""
        del seed
        blocks = self._blocks(table)[1]
        return pl.Series("fold", blocks - 1).set(pl.Series(blocks < 1), None).cast(pl.Int32)

    def assign_fold(self, table: Table, fold: int, *, seed: int) -> Assignment:
        """Return the sets of one fold: it tests, what lies before it trains, less the gap."""
        del seed
        times, blocks = self._blocks(table)
        is_test = blocks == fold + 1
        codes = np.where(is_test, STANDARD.index(TEST), -1)
        codes[(blocks >= 0) & (blocks <= fold)] = STANDARD.index(TRAIN)
        facts: dict[str, Any] = {"fold": fold}
        if self.gap:
            edge = times.filter(pl.Series(is_test)).min()
            codes = self._leave_gap(times, codes, {TEST: edge}, STANDARD)
            facts["rows_in_gap"] = int(np.count_nonzero((blocks >= 0) & (blocks <= fold))) - int(
                np.count_nonzero(codes == STANDARD.index(TRAIN))
            )
        return Assignment(sets_series(codes, STANDARD), facts)

    def times(self, table: Table) -> pl.Series:
        """Return the moment of each row, or the number that grows with time [N]."""
        return self._times(split_column(table, self.column, key="column"))[0]

    def _blocks(self, table: Table) -> tuple[pl.Series, npt.NDArray[np.int64]]:
        """Return times, and the block of each row, 0 to `k_fold`; -1 without a date."""
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        times = self.times(table)
        is_dated = times.is_not_null().to_numpy()
        n_blocks = self.k_fold + 1
        n_moments = times.n_unique() - bool(times.null_count())
        if n_moments < n_blocks:
            raise DataError(
                f"`k_fold: {self.k_fold}` needs at least {n_blocks} distinct moments in "
                f"`{self.column}`, and there are {n_moments}"
            )
        even = Shares((), {str(block): 1 / n_blocks for block in range(n_blocks)})
        blocks = _cut(times.to_physical().fill_null(0).to_numpy(), is_dated, even)
        if len(np.unique(blocks[is_dated])) < n_blocks:
            raise DataError(
                f"`k_fold: {self.k_fold}`: too many rows of `{self.column}` share one moment for "
                f"{n_blocks} blocks of like size\n  Fix: a smaller `k_fold`"
            )
        return times, blocks

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
        names: Sequence[str],
    ) -> npt.NDArray[np.int64]:
        result = codes.copy()
        for name, start in starts.items():
            later = names.index(name)
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
