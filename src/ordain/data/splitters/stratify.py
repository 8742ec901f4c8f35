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
from ordain.data.classes import Classes, row_classes
from ordain.data.labels import names_of, stratified, stratified_folds
from ordain.data.shares import (
    DEFAULT_PROBABILITIES,
    Folds,
    Probabilities,
    Repeats,
    Sets,
    Shares,
    require_rows,
)
from ordain.data.splitter import SPLITTERS, Assignment, Splitter, split_column
from ordain.data.table import Table


@SPLITTERS.register
class StratifySplitter(Splitter):
    """Deals out the rows of each class by the shares."""

    type: Literal["stratify"] = "stratify"
    """Classes in equal shares."""
    column: str | Annotated[tuple[str, ...], Field(min_length=1)]
    """Column that holds the classes, or a number to be cut into bins; of a list of columns, each is
    balanced by itself, not their combinations."""
    bins: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Ranges of equally many rows to cut numbers into; 10 where a column is a measurement."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of train, validation and test; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, 'train' among them, in place of `probabilities`."""
    k_fold: Folds = None
    """Number of folds, each of which tests once, to judge the recipe beside the sets."""
    repeats: Repeats = 1
    """Times the rows are dealt to folds anew, which makes the judgement of `k_fold` surer."""

    def columns(self) -> tuple[str, ...]:
        """Return the columns of the classes."""
        return names_of(self.column)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return the sets; a class of one row trains, which `facts` reports."""
        random = generator(seed, "split", "stratify")
        return stratified(self._classes(table), Shares.of(self), random=random)

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return folds that each have every class in equal shares."""
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        require_rows(table.n_rows, self.k_fold)
        random = generator(seed, "folds", "stratify")
        return stratified_folds(self._classes(table), self.k_fold, random=random)

    def _classes(self, table: Table) -> dict[str, Classes]:
        names = self.columns()
        columns = {name: split_column(table, name, key="column") for name in names}
        return {
            name: row_classes(
                column, bins=self.bins if len(names) == 1 or column.dtype.is_numeric() else None
            )
            for name, column in columns.items()
        }
