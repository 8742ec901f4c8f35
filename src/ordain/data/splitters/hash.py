"""Hash: the value of a column alone decides a row's set, so rows stay where they are as data grows.

preprocessing:
  split: {type: hash, column: customer_id}
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ordain.core.errors import DataError
from ordain.data.rowhash import hash_texts, to_unit
from ordain.data.shares import DEFAULT_PROBABILITIES, Probabilities, Sets, Shares, sets_series
from ordain.data.splitter import SPLITTERS, TRAIN, Assignment, Splitter, split_column
from ordain.data.table import Table


@SPLITTERS.register
class HashSplitter(Splitter):
    """Turns each value into a number from 0 to 1 and looks up whose share that is.

    Neither the seed nor the other rows matter. The sizes are near the shares, never exact, and a
    small table may leave a set empty.
    """

    type: Literal["hash"] = "hash"
    """The hash of a column."""
    column: str
    """Column whose value decides, such as an identifier; equal values share a set."""
    probabilities: Probabilities = DEFAULT_PROBABILITIES
    """Shares of train, validation and test; they sum to 1."""
    sets: Sets = None
    """Shares of any named sets, 'train' among them, in place of `probabilities`."""
    salt: str = ""
    """Text hashed with the value; another salt gives another split."""

    def columns(self) -> tuple[str, ...]:
        """Return the column whose value decides."""
        return (self.column,)

    def assign(self, table: Table, *, seed: int) -> Assignment:
        """Return the sets; the seed plays no part."""
        del seed
        shares = Shares.of(self)
        column = split_column(table, self.column, key="column")
        units = to_unit(hash_texts(column, salt=self.salt))
        codes = np.searchsorted(shares.borders(), units, side="right")
        codes = np.minimum(codes, len(shares.names) - 1).astype(np.int64)
        if not (codes == shares.names.index(TRAIN)).any():
            raise DataError(
                f"the values of `{self.column}` put no row into 'train': there are "
                f"{column.n_unique()} distinct values, too few for a hash split"
            )
        facts = {"n_distinct": int(column.n_unique()), "n_missing": int(column.null_count())}
        return Assignment(sets_series(codes, shares.names), facts)
