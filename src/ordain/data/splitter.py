"""The contract of a splitter: it gives every row the name of its set."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ordain.core.component import Component, Registry
from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.data.table import Table

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True)
class Assignment:
    """What a splitter decided.

    Attributes:
        sets: an enumeration column [N] with the name of each row's set, or null for a row that
            belongs to none (such as the gap of a datetime split). ``train``, ``validation`` and
            ``test`` are always among its categories.
        facts: of this kind of split: cut dates, number of groups, bins ...; plain JSON.
    """

    sets: pl.Series
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the sets that have rows, in their order."""
        present = set(self.sets.drop_nulls().unique().cast(pl.String).to_list())
        dtype = self.sets.dtype
        every = dtype.categories.to_list() if isinstance(dtype, pl.Enum) else sorted(present)
        return [name for name in every if name in present]


class Splitter(Component):
    """Gives every row the name of its set, without looking at anything but declared columns.

    The pipeline asks `columns` for what the plan must read, then calls `assign` once per run, or
    `assign_fold` once for each of the folds where `k_fold` is set.
    """

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Return the columns that decide; the plan reads only these."""

    @abstractmethod
    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return each row's set.

        Raises:
            DataError: too few rows for the sets, a column that cannot be used.
        """

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return each row's fold, 0 to `k_fold` - 1 [N]; null for a row that belongs to none.

        Raises:
            UsageError: this kind of split has no folds, or `k_fold` is not set.
            DataError: fewer rows, or groups, than folds.
        """
        del table, seed
        raise UsageError(
            f"a '{self.type}' split has no folds; `k_fold` goes with random, stratify, fixed, "
            "group, datetime"
        )

    def assign_fold(self, table: Table, fold: int, *, seed: int) -> Assignment:
        """Return the sets of one fold: it tests, and all others train.

        Raises:
            UsageError, DataError: as `assign_folds`.
        """
        return fold_assignment(self.assign_folds(table, seed=seed), fold)


SPLITTERS: Registry[Splitter] = Registry(
    "splitter",
    Splitter,
    package="ordain.data.splitters",
)


def split_column(table: Table, name: str, *, key: str) -> pl.Series:
    """Return a column that decides a split.

    Args:
        table: the rows.
        name: of the column.
        key: the key that names it, for the message.

    Raises:
        DataError: the table has no such column.
    """
    names: Sequence[str] = table.schema.names()
    if name not in names:
        close = nearest(name, names)
        hint = f" Did you mean `{close}`?" if close else ""
        raise DataError(f"`split.{key}` names the column `{name}`, which is not in the data.{hint}")
    return table.column(name)


def fold_assignment(folds: pl.Series, fold: int) -> Assignment:
    """Return the sets of one fold: it tests, all others train; rows without a fold have no set.

    A validation set, where one is wanted, is cut from the training rows by `holdout`.
    """
    kinds = pl.Enum([TRAIN, VALIDATION, TEST])
    sets = folds.to_frame("fold").select(
        pl.when(pl.col("fold") == fold)
        .then(pl.lit(TEST, dtype=kinds))
        .when(pl.col("fold").is_not_null())
        .then(pl.lit(TRAIN, dtype=kinds))
        .alias("set")
    )
    return Assignment(sets.to_series(), {"fold": fold})
