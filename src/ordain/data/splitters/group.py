"""Group: rows that belong together (of one customer, one patient) stay in one set.

preprocessing:
  split: {type: group, column: patient_id, stratify: diagnosis}
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import UsageError
from ordain.core.randomness import generator
from ordain.data.classes import row_classes
from ordain.data.grouplabels import place_groups
from ordain.data.labels import Stratify, names_of
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    Folds,
    Probabilities,
    Repeats,
    Sets,
    Shares,
    require_rows,
    sets_series,
)
from ordain.data.splitter import SPLITTERS, Assignment, Splitter, split_column
from ordain.data.table import Table


@SPLITTERS.register
class GroupSplitter(Splitter):
    """Deals out whole groups, shuffled, until each set has about its share of the rows."""

    type: Literal["group"] = "group"
    """Whole groups."""
    column: str
    """Column that names each row's group; rows without a value are one group."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of the rows for train, validation and test; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, 'train' among them, in place of `probabilities`."""
    stratify: Stratify = None
    """Column, or list of columns, whose classes each set has in about equal shares, as far as whole
    groups allow."""
    k_fold: Folds = None
    """Number of folds, each of which tests once, to judge the recipe beside the sets."""
    repeats: Repeats = 1
    """Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer."""

    def columns(self) -> tuple[str, ...]:
        """Return the column of the groups, then those to stratify by."""
        return (self.column, *names_of(self.stratify))

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return sets that share no group; the order of the rows does not matter."""
        shares = Shares.of(self)
        codes, sizes = self._groups(table)
        order = generator(seed, "split", "group").permutation(len(sizes))
        if self.stratify:
            placed = self._stratified(table, codes, order, shares=shares.values)
        else:
            placed = np.empty(len(sizes), dtype=np.int64)
            placed[order] = _deal(sizes[order], shares)
        per_set = np.bincount(placed, minlength=len(shares.names))
        facts = {
            "n_groups": len(sizes),
            "largest_group": int(sizes.max()),
            "groups": {n: int(c) for n, c in zip(shares.names, per_set, strict=True)},
        }
        return Assignment(sets_series(placed[codes], shares.names), facts)

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return folds that share no group: large groups first, each to the smallest fold."""
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        codes, sizes = self._groups(table)
        require_rows(len(sizes), self.k_fold, what="groups")
        shuffled = generator(seed, "folds", "group").permutation(len(sizes))
        if self.stratify:
            even = np.full(self.k_fold, 1 / self.k_fold)
            placed = self._stratified(table, codes, shuffled, shares=even)
            return pl.Series("fold", placed[codes]).cast(pl.Int32)
        order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
        folds = np.empty(len(sizes), dtype=np.int32)
        filled = np.zeros(self.k_fold, dtype=np.int64)
        for group in order:
            smallest = int(np.argmin(filled))
            folds[group] = smallest
            filled[smallest] += sizes[group]
        return pl.Series("fold", folds[codes])

    def _stratified(
        self,
        table: Table,
        groups: npt.NDArray[np.int64],
        order: npt.NDArray[np.int64],
        *,
        shares: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.int64]:
        classes = [
            row_classes(split_column(table, name, key="stratify"), bins=None).codes
            for name in names_of(self.stratify)
        ]
        return place_groups(groups, classes, order=order, shares=shares)

    def _groups(self, table: Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return each row's group, numbered in the order of the names [N], and the sizes [G]."""
        column = split_column(table, self.column, key="column").cast(pl.String)
        names = column.unique().sort(nulls_last=True)
        codes = (
            pl.DataFrame({"group": column})
            .join(
                pl.DataFrame({"group": names, "code": np.arange(len(names))}),
                on="group",
                how="left",
                nulls_equal=True,
                maintain_order="left",
            )["code"]
            .to_numpy()
        )
        return codes, np.bincount(codes, minlength=len(names))


def _deal(sizes: npt.NDArray[np.int64], shares: Shares) -> npt.NDArray[np.int64]:
    """Return the set of each group, in the order given; every set gets one where there are enough.

    A group goes to the set in whose stretch of the rows its middle lies.
    """
    ranks = shares.ranks()
    if len(sizes) <= len(ranks):
        return np.asarray(ranks[: len(sizes)])
    middles = (np.cumsum(sizes) - sizes / 2) / sizes.sum()
    placed = np.searchsorted(shares.borders(), middles, side="right")
    placed = np.minimum(placed, len(shares.names) - 1).astype(np.int64)
    counts = np.bincount(placed, minlength=len(shares.names))
    for i in ranks:
        if counts[i]:
            continue
        giver = int(np.argmax(counts))
        mine = np.flatnonzero(placed == giver)
        placed[mine[np.argmin(sizes[mine])]] = i
        counts[giver] -= 1
        counts[i] += 1
    return np.asarray(placed)
