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
from ordain.data.classes import Classes, row_classes
from ordain.data.labels import Stratify, names_of, stratified, stratified_folds
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    Folds,
    Probabilities,
    Repeats,
    Sets,
    Shares,
    deal_folds,
    require_rows,
    sets_series,
    shuffle,
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
    stratify: Stratify = None
    """Column, or list of columns, whose classes (or bins of a number) each set has in equal shares;
    of several, each is balanced by itself, not their combinations."""
    k_fold: Folds = None
    """Number of folds, each of which tests once, to judge the recipe beside the sets."""
    repeats: Repeats = 1
    """Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer."""

    def columns(self) -> tuple[str, ...]:
        """Return the column to stratify by, if any."""
        return names_of(self.stratify)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return sets of exact sizes; the row order of the table decides who is drawn."""
        shares = Shares.of(self)
        random = generator(seed, "split", "random")
        if self.stratify:
            return stratified(self._classes(table), shares, random=random)
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
        if self.stratify:
            return stratified_folds(self._classes(table), self.k_fold, random=random)
        return deal_folds(np.zeros(table.n_rows, dtype=np.int64), self.k_fold, random=random)

    def _classes(self, table: Table) -> dict[str, Classes]:
        return {
            name: row_classes(split_column(table, name, key="stratify"), bins=None)
            for name in self.columns()
        }
