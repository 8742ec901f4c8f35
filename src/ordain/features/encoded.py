"""Encoded columns: the arrays that models learn from.

| kind | `values` | `offsets` | `weights` |
| --- | --- | --- | --- |
| scalar | float32 [N, W]: the number (NaN: missing), then indicators, 0 or 1 | | |
| vector | float32 [N, W]: W numbers of one meaning (calendar parts, SVD of text) | | |
| index | int32 [N]: 0 to cardinality - 1 | | |
| tokens | int32 [total]: ids 0 to cardinality - 1, rows laid end to end | int64 [N + 1] | |
| bag | int32 [total]: bucket ids, ascending in a row | int64 [N + 1] | float32 [total] |

Row i of a ragged kind is ``values[offsets[i]:offsets[i + 1]]``; an empty row is allowed.
All arrays are C-contiguous, so a slice of rows of a dense kind is a view.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ordain.core.component import Spec

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
RowArray = npt.NDArray[np.int64]

RowValue = float | int | tuple[float, ...] | list[int] | tuple[list[int], list[float]]
"""One encoded cell: float (scalar, W = 1), tuple of floats (scalar with W > 1, vector),
int (index), list of ints (tokens), or (ids, weights) (bag)."""


class Kind(StrEnum):
    """What an encoded column's arrays mean; see the table at the top of this file."""

    SCALAR = "scalar"
    VECTOR = "vector"
    INDEX = "index"
    TOKENS = "tokens"
    BAG = "bag"


class Shape(Spec):
    """What a model must know of an encoded column to be built for it."""

    kind: Kind
    """What the arrays mean."""
    width: int = 1
    """W of scalar and vector kinds."""
    cardinality: int = 0
    """Number of ids of index, tokens and bag kinds."""
    role: Literal["plain", "binary"] = "plain"
    """`binary`: a scalar that is only 0, 1 or (missing) 0.5."""


@dataclass(frozen=True)
class EncodedColumn:
    """One column as arrays; see the table at the top of this file."""

    kind: Kind
    values: npt.NDArray[np.float32] | npt.NDArray[np.int32]
    offsets: RowArray | None = None
    weights: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    def rows(self, start: int, stop: int) -> EncodedColumn:
        """Return rows start to stop - 1; dense kinds are views."""
        if self.offsets is None:
            return EncodedColumn(self.kind, self.values[start:stop])
        offsets = self.offsets[start : stop + 1]
        low, high = int(offsets[0]), int(offsets[-1])
        weights = None if self.weights is None else self.weights[low:high]
        return EncodedColumn(self.kind, self.values[low:high], offsets - low, weights)

    def take(self, rows: RowArray) -> EncodedColumn:
        """Return the rows at these positions, in this order, as a copy."""
        if self.offsets is None:
            return EncodedColumn(self.kind, self.values[rows])
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        shift = np.repeat(self.offsets[:-1][rows] - offsets[:-1], lengths)
        where = np.arange(int(offsets[-1]), dtype=np.int64) + shift
        weights = None if self.weights is None else self.weights[where]
        return EncodedColumn(self.kind, self.values[where], offsets, weights)

    def release(self) -> None:
        """Let go of the memory that mapped arrays hold; it is read again at their next use.

        The pages of a file that was gone through count as the process's own until then.
        """
        for array in (self.values, self.offsets, self.weights):
            mapping = getattr(array, "_mmap", None)
            if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
                mapping.madvise(mmap.MADV_DONTNEED)

    def save(self, folder: Path) -> None:
        """Write `values.npy` and, where they are, `offsets.npy` and `weights.npy`."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "values.npy", self.values, allow_pickle=False)
        if self.offsets is not None:
            np.save(folder / "offsets.npy", self.offsets, allow_pickle=False)
        if self.weights is not None:
            np.save(folder / "weights.npy", self.weights, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, kind: Kind) -> Self:
        """Open what `save` wrote, memory-mapped read-only."""

        def array(name: str) -> npt.NDArray[Any] | None:
            path = folder / f"{name}.npy"
            return np.load(path, mmap_mode="r", allow_pickle=False) if path.exists() else None

        values = array("values")
        assert values is not None, "save always writes the values"
        return cls(kind, values, array("offsets"), array("weights"))


def concatenate(columns: list[EncodedColumn]) -> EncodedColumn:
    """Return the rows of several columns of one kind, in order."""
    first = columns[0]
    values = np.concatenate([column.values for column in columns])
    if first.offsets is None:
        return EncodedColumn(first.kind, values)
    starts = np.cumsum([0, *(len(column.values) for column in columns[:-1])])
    offsets = np.concatenate(
        [
            [0],
            *(
                c.offsets[1:] + s
                for c, s in zip(columns, starts, strict=True)
                if c.offsets is not None
            ),
        ]
    ).astype(np.int64)
    weights = (
        None
        if first.weights is None
        else np.concatenate([column.weights for column in columns if column.weights is not None])
    )
    return EncodedColumn(first.kind, values, offsets, weights)
