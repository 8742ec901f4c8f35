"""Encoded columns laid side by side as LightGBM reads them, a block of rows at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import TrainingError
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.models.family import Input

Floats = npt.NDArray[np.float32]

BLOCK_ROWS = 1 << 14
"""Rows of a block: with a hundred columns it still fits a processor's second cache."""


@dataclass(frozen=True)
class Layout:
    """Which column of the matrix comes from which input.

    Scalars and vectors take as many columns as they are wide; an index takes one, in which id 0
    (missing or never seen in training) is NaN, so that LightGBM treats it as missing.

    Attributes:
        names: of inputs.
        kinds: one an input.
        starts: first column of each input, then the number of columns: one more than inputs.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    starts: tuple[int, ...]

    @classmethod
    def of(cls, inputs: Sequence[Input]) -> Layout:
        """Return the layout of a problem's inputs.

        Raises:
            TrainingError: an input is ragged (tokens, bag).
        """
        starts = [0]
        for column in inputs:
            if column.shape.kind not in {Kind.SCALAR, Kind.VECTOR, Kind.INDEX}:
                raise TrainingError(
                    f"a `gbm` model cannot read input `{column.name}`: it is encoded as "
                    f"'{column.shape.kind}', and trees read numbers, vectors and categories. "
                    "Text must be encoded in the form 'trees', which gives a vector"
                )
            is_index = column.shape.kind is Kind.INDEX
            starts.append(starts[-1] + (1 if is_index else column.shape.width))
        names = tuple(column.name for column in inputs)
        return cls(names, tuple(column.shape.kind for column in inputs), tuple(starts))

    @property
    def n_columns(self) -> int:
        """Columns of the matrix."""
        return self.starts[-1]

    @property
    def categorical(self) -> tuple[int, ...]:
        """Columns of the matrix that hold categories."""
        pairs = zip(self.starts, self.kinds, strict=False)
        return tuple(start for start, kind in pairs if kind is Kind.INDEX)

    def gather(self, inputs: Mapping[str, EncodedColumn], rows: slice | npt.NDArray[Any]) -> Floats:
        """Return some rows [B, n_columns], C-contiguous."""
        parts = [inputs[name].values[rows] for name in self.names]
        block = np.empty((len(parts[0]) if parts else 0, self.n_columns), dtype=np.float32)
        for values, kind, start, stop in zip(
            parts, self.kinds, self.starts, self.starts[1:], strict=False
        ):
            if kind is Kind.INDEX:
                block[:, start] = values
                block[values == 0, start] = np.nan
            else:
                block[:, start:stop] = values.reshape(-1, stop - start)
        return block

    def blocks(
        self, inputs: Mapping[str, EncodedColumn], n_rows: int, *, size: int = BLOCK_ROWS
    ) -> Iterator[tuple[slice, Floats]]:
        """Yield all rows in order, each block with its place."""
        for place in self.places(n_rows, size=size):
            yield place, self.gather(inputs, place)

    def places(self, n_rows: int, *, size: int = BLOCK_ROWS) -> list[slice]:
        """Return where the blocks of so many rows are."""
        return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]

    def row_compiler(self) -> Callable[[Sequence[RowValue]], Sequence[float]]:
        """Return a function from one row's cells to its numbers, equal to a row of `gather`."""
        indices = [i for i, kind in enumerate(self.kinds) if kind is Kind.INDEX]
        # A vector's cell is a tuple even where it is one number wide; so is a wide scalar's.
        is_wide = [
            kind is Kind.VECTOR or stop - start > 1
            for kind, start, stop in zip(self.kinds, self.starts, self.starts[1:], strict=False)
        ]

        def flat(cells: Sequence[RowValue]) -> list[Any]:
            row: list[Any] = list(cells)
            for i in indices:
                if not row[i]:
                    row[i] = math.nan
            return row

        def wide(cells: Sequence[RowValue]) -> list[float]:
            row: list[float] = []
            for cell, spreads in zip(flat(cells), is_wide, strict=True):
                row.extend(cell) if spreads else row.append(cell)
            return row

        return wide if any(is_wide) else flat
