"""Leakage between sets: rows of other sets whose inputs are exactly those of a training row.

Hashes of 64 bits decide, one number a row and column by column, so that a table of any width fits
in memory. Of 20 million rows two unlike ones have one hash with probability 0.00001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.data.rowhash import mix
from ordain.data.splitter import TRAIN

Hashes = npt.NDArray[np.uint64]
_BLOCK = 1 << 20


class RowHashes:
    """A hash of each row over columns given one after the other [N]."""

    def __init__(self, n_rows: int) -> None:
        self._total: Hashes = np.zeros(n_rows, dtype=np.uint64)
        self._position = 0

    def add(self, column: pl.Series) -> None:
        """Take one more column into account."""
        if column.dtype.is_nested():
            hashed = column.to_frame().hash_rows(self._position)
        else:
            hashed = column.hash(self._position)
        added = hashed.to_numpy()
        for start in range(0, len(added), _BLOCK):  # what is mixed at once stays small
            part = self._total[start : start + _BLOCK]
            part[:] = mix(part + added[start : start + _BLOCK])
        self._position += 1

    @property
    def values(self) -> Hashes:
        """The hashes [N]."""
        return self._total


def find_duplicates(sets: pl.Series, inputs: Hashes, target: Hashes | None) -> dict[str, Any]:
    """Return, for each set but training, how many of its rows stand in training too.

    Under ``sets``, by name: ``rows``, those whose inputs are a training row's; ``same_target`` and
    ``other_target``, how many of them do and do not have its target; ``share`` of the set's rows;
    ``example``, such a row and its twin, counted from 0. Under ``distinct_in_train`` the number
    of distinct training rows over that of all: where it is low, equal rows are the nature of the
    data, not a leak.

    Args:
        sets: name of each row's set, null for none [N].
        inputs: hash of each row's inputs [N].
        target: hash of each row's target [N].
    """
    codes, kinds = set_codes(sets)
    is_train = codes == (kinds.index(TRAIN) if TRAIN in kinds else len(kinds))
    train = np.sort(inputs[is_train])
    distinct = (np.count_nonzero(train[1:] != train[:-1]) + 1) / len(train) if len(train) else 0.0
    rows = np.flatnonzero(~is_train & (codes >= 0))
    twins = rows[_are_in(train, inputs[rows])]
    del train, rows
    same = twins[:0]
    if target is not None and len(twins):
        # One number stands for inputs and target together.
        pairs = np.sort(_pair(inputs[is_train], target[is_train]))
        same = twins[_are_in(pairs, _pair(inputs[twins], target[twins]))]
        del pairs
    sizes = np.bincount(codes[codes >= 0], minlength=len(kinds))
    n_twins, n_same = (np.bincount(codes[one], minlength=len(kinds)) for one in (twins, same))
    report: dict[str, dict[str, Any]] = {}
    for code, name in sorted(enumerate(kinds), key=lambda one: one[1]):
        if name == TRAIN or not sizes[code]:
            continue
        count, known = int(n_twins[code]), int(n_same[code])
        report[name] = {"rows": count, "share": round(count / int(sizes[code]), 6)}
        if count and target is not None:
            report[name] |= {"same_target": known, "other_target": count - known}
        if count:
            row = int(twins[np.argmax(codes[twins] == code)])
            twin = int(np.argmax((inputs == inputs[row]) & is_train))
            report[name]["example"] = {"row": row, "training_row": twin}
    return {"sets": report, "distinct_in_train": round(float(distinct), 6)}


def set_codes(sets: pl.Series) -> tuple[npt.NDArray[np.int16], list[str]]:
    """Return the place of each row's set among the names, -1 for none [N], and the names."""
    if not isinstance(sets.dtype, pl.Enum):
        sets = sets.cast(pl.Enum(sorted(sets.drop_nulls().unique().cast(pl.String).to_list())))
    codes = sets.to_physical().cast(pl.Int16).fill_null(-1).to_numpy()
    dtype = sets.dtype
    assert isinstance(dtype, pl.Enum), "it was cast to one"
    return codes, dtype.categories.to_list()


def _are_in(ordered: Hashes, values: Hashes) -> npt.NDArray[np.bool_]:
    """Return which of the values are among some that are in order [M]."""
    if not len(ordered):
        return np.zeros(len(values), dtype=np.bool_)
    # In order, the look-ups run through memory one after the other, which is what takes the time.
    order = np.argsort(values)
    places = np.searchsorted(ordered, values[order])
    found = np.empty(len(values), dtype=np.bool_)
    found[order] = ordered[np.minimum(places, len(ordered) - 1)] == values[order]
    return found


def _pair(inputs: Hashes, target: Hashes) -> Hashes:
    return mix(inputs + mix(target))
