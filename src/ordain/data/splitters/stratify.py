"""Stratify: each set has every class, or every range of a number, in equal shares.

preprocessing:
  split: {type: stratify, column: price, bins: 10}
"""

from __future__ import annotations

from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from ordain.core.errors import UsageError
from ordain.core.randomness import generator
from ordain.data.classes import Classes, describe_classes, row_classes
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    Folds,
    Probabilities,
    Sets,
    Shares,
    deal_folds,
    require_rows,
    sets_series,
    spread_classes,
)
from ordain.data.splitter import SPLITTERS, Assignment, Splitter, split_column
from ordain.data.table import Table


@SPLITTERS.register
class StratifySplitter(Splitter):
    """Deals out the rows of each class by the shares."""

    type: Literal["stratify"] = "stratify"
    """Classes in equal shares."""
    column: str
    """Column that holds the classes, or a number to be cut into bins."""
    bins: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Ranges of equally many rows to cut a number into; 10 where the column is a measurement."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of train, validation and test; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, 'train' among them, in place of `probabilities`."""
    k_fold: Folds = None
    """Number of folds, each of which tests once, to judge the recipe beside the sets."""

    def columns(self) -> tuple[str, ...]:
        """Return the column of the classes."""
        return (self.column,)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return the sets; a class of one row trains, which `facts` reports."""
        shares, classes = Shares.of(self), self._classes(table)
        random = generator(seed, "split", "stratify")
        codes = spread_classes(classes.codes, shares, random=random)
        return Assignment(sets_series(codes, shares.names), describe_classes(classes))

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return folds that each have every class in equal shares."""
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        require_rows(table.n_rows, self.k_fold)
        random = generator(seed, "folds", "stratify")
        return deal_folds(self._classes(table).codes, self.k_fold, random=random)

    def _classes(self, table: Table) -> Classes:
        return row_classes(split_column(table, self.column, key="column"), bins=self.bins)
