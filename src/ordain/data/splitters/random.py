"""Random: rows are shuffled and dealt out in exact numbers; the default.

preprocessing:
  split: {type: random, probabilities: [0.7, 0.1, 0.2], stratify: churn}
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from ordain.core.errors import UsageError
from ordain.core.randomness import generator
from ordain.data.classes import describe_classes, row_classes
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    Folds,
    Probabilities,
    Sets,
    Shares,
    deal_folds,
    require_rows,
    sets_series,
    shuffle,
    spread_classes,
)
from ordain.data.splitter import SPLITTERS, Assignment, Splitter, split_column
from ordain.data.table import Table


@SPLITTERS.register
class RandomSplitter(Splitter):
    """Deals shuffled rows out to the sets."""

    type: Literal["random"] = "random"
    """Rows at random."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of train, validation and test; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, 'train' among them, in place of `probabilities`."""
    stratify: str | None = None
    """Column whose classes (or bins of a number) each set has in equal shares."""
    k_fold: Folds = None
    """Number of folds, each of which tests once, to judge the recipe beside the sets."""

    def columns(self) -> tuple[str, ...]:
        """Return the column to stratify by, if any."""
        return (self.stratify,) if self.stratify else ()

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return sets of exact sizes; the row order of the table decides who is drawn."""
        shares = Shares.of(self)
        random = generator(seed, "split", "random")
        if self.stratify:
            column = split_column(table, self.stratify, key="stratify")
            classes = row_classes(column, bins=None)
            codes = spread_classes(classes.codes, shares, random=random)
            return Assignment(sets_series(codes, shares.names), describe_classes(classes))
        counts = shares.counts(table.n_rows)
        codes = np.empty(table.n_rows, dtype=np.int16)
        codes[shuffle(table.n_rows, random)] = np.repeat(
            np.arange(len(counts), dtype=np.int16), counts
        )
        return Assignment(sets_series(codes, shares.names))

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return folds of nearly one size, stratified where that is declared."""
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        require_rows(table.n_rows, self.k_fold)
        random = generator(seed, "folds", "random")
        codes = np.zeros(table.n_rows, dtype=np.int64)
        if self.stratify:
            column = split_column(table, self.stratify, key="stratify")
            codes = row_classes(column, bins=None).codes
        return deal_folds(codes, self.k_fold, random=random)
