"""Fixed: a column says which set each row belongs to.

preprocessing:
  split: {type: fixed, column: part}

The values are the names of the sets, or 0, 1 and 2 for train, validation and test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.data.shares import STANDARD, Folds, sets_series
from ordain.data.splitter import SPLITTERS, TRAIN, Assignment, Splitter, split_column
from ordain.data.table import Table

_SHOWN = 10
_SYNONYMS = {
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "eval": "validation",
    "testing": "test",
    "0": "train",
    "1": "validation",
    "2": "test",
    "0.0": "train",
    "1.0": "validation",
    "2.0": "test",
}


@SPLITTERS.register
class FixedSplitter(Splitter):
    """Reads the sets from a column."""

    type: Literal["fixed"] = "fixed"
    """A column that names the sets."""
    column: str = "split"
    """Column with the names of the sets, or 0, 1, 2; with `k_fold`, with the folds."""
    sets: tuple[str, ...] = ()
    """Names of sets beyond train, validation and test."""
    k_fold: Folds = None
    """Number of folds; the column then holds as many distinct values."""

    def columns(self) -> tuple[str, ...]:
        """Return the column that names the sets."""
        return (self.column,)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return the sets; rows without a value belong to none, which `facts` counts."""
        del seed
        column = split_column(table, self.column, key="column").cast(pl.String)
        names = (*STANDARD, *self.sets)
        written = column.drop_nulls().unique().sort().to_list()
        found = {value: _set(value, names) for value in written}
        self._check_known([value for value, name in found.items() if name is None], names)
        places = {value: names.index(name) for value, name in found.items() if name}
        codes = column.replace_strict(places, default=None, return_dtype=pl.Int64)
        array = codes.fill_null(-1).to_numpy()
        if not (array == names.index(TRAIN)).any():
            raise DataError(
                f"the column `{self.column}` puts no row into 'train'; it holds "
                f"{', '.join(repr(value) for value in written[:10]) or 'no value'}"
            )
        facts = {"values": {value: names[place] for value, place in places.items()}}
        missing = int(np.count_nonzero(array < 0))
        return Assignment(
            sets_series(array, names), facts | ({"rows_without_set": missing} if missing else {})
        )

    def assign_folds(self, table: Table, *, seed: int) -> pl.Series:
        """Return folds numbered in the order of the column's values."""
        del seed
        if self.k_fold is None:
            raise UsageError("`split.k_fold` is not set")
        column = split_column(table, self.column, key="column")
        values = column.drop_nulls().unique().sort()
        if len(values) != self.k_fold:
            raise DataError(
                f"`k_fold: {self.k_fold}` needs {self.k_fold} distinct values in the column "
                f"`{self.column}`, which has {len(values)}"
            )
        folds = column.cast(pl.String).replace_strict(
            values.cast(pl.String), np.arange(len(values)), default=None, return_dtype=pl.Int32
        )
        return folds.alias("fold")

    def _check_known(self, unknown: Sequence[str], names: tuple[str, ...]) -> None:
        if not unknown:
            return
        close = nearest(unknown[0].strip(), names)
        hint = f" Did you mean '{close}'?" if close and len(unknown) == 1 else ""
        shown = ", ".join(f"'{value}'" for value in unknown[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        which = "which name no sets" if len(unknown) > 1 else "which names no set"
        own = ", ".join((*self.sets, *(value.strip() for value in unknown[:_SHOWN])))
        raise DataError(
            f"the column `{self.column}` holds {shown}{more}, {which}.{hint}\n"
            f"  Sets: {', '.join(names)} (or 0, 1, 2).\n"
            f"  Fix: sets: [{own}], "
            f"if {'they are sets of their own' if len(unknown) > 1 else 'it is a set of its own'}"
        )


def _set(value: str, names: tuple[str, ...]) -> str | None:
    """Return the set that a value names, or None."""
    text = value.strip()
    candidates = (text, text.lower(), _SYNONYMS.get(text.lower(), ""))
    return next((candidate for candidate in candidates if candidate in names), None)
