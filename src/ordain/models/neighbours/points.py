"""Rows as points, and how far apart two of them are.

The squared distance of two rows is the sum over their columns:

| column | squared distance |
| --- | --- |
| number | squared difference in standard deviations of training |
| vector | the same for each of its numbers, divided by how many there are |
| category, binary | 0 if equal, 2 if not, 1 if one is missing, 0 if both are |
| indicator of a missing number | as a binary |
| text | 2 minus twice the cosine of the TF-IDF vectors; an empty text is a zero vector |

So two rows drawn at random differ by about 2 in every column, whatever its type, and no column
outweighs another by its unit. A number that is missing stands in the middle of training.

Numbers are rounded to 1/1024 of a standard deviation and bounded to 256 of them, weights of terms
to 1/65536. All products then add up without rounding in float64, so a distance does not depend on
the order of the sum: a row alone has the same neighbours as in a batch, on every machine, with any
number of threads, and rows at the same distance are told apart by their place alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import TrainingError
from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.models.family import Input

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, EncodedColumn]

_GRID, _BOUND, _TERM_GRID = 1024.0, 256.0, 65536.0
_FALSE, _TRUE = 1, 2


@dataclass(frozen=True)
class Points:
    """Rows as points.

    Attributes:
        dense: [N, D], numbers on their grid.
        levels: [N, L] int32; 0 is missing.
        terms: one an input of text: ids [total], offsets [N + 1], weights [total] on their grid.
    """

    dense: Floats
    levels: npt.NDArray[np.int32]
    terms: tuple[EncodedColumn, ...]

    def __len__(self) -> int:
        return len(self.dense)

    def rows(self, start: int, stop: int) -> Points:
        """Return rows start to stop - 1."""
        terms = tuple(column.rows(start, stop) for column in self.terms)
        return Points(self.dense[start:stop], self.levels[start:stop], terms)

    def norms(self) -> Floats:
        """Return the squared length of each row [N]."""
        total: Floats = (self.dense**2).sum(axis=1) + (self.levels > 0).sum(axis=1)
        for column in self.terms:
            matrix = term_matrix(column, 0)
            matrix.data **= 2
            total = total + np.asarray(matrix.sum(axis=1)).reshape(-1)
        return total


@dataclass(frozen=True)
class Space:
    """How cells become coordinates.

    Attributes:
        inputs: in the order of the problem.
        centre, factor: of the dense part [D].
    """

    inputs: tuple[Input, ...]
    centre: Floats
    factor: Floats

    @classmethod
    def of(cls, inputs: Sequence[Input], train: Columns) -> Space:
        """Return the space that training rows span.

        Raises:
            TrainingError: a column is of a kind that has no distance.
        """
        for column in inputs:
            if column.shape.kind not in _KINDS:
                raise TrainingError(
                    f"`knn` cannot read input `{column.name}`: it is encoded as "
                    f"'{column.shape.kind}'\n  Possible: numbers, vectors, categories and text"
                )
        centre, factor = [np.zeros(0)], [np.zeros(0)]
        for column in inputs:
            cells = _numbers(column.shape, train[column.name])
            width = cells.shape[1]
            is_known = np.isfinite(cells)
            count = np.maximum(is_known.sum(axis=0), 1)
            mean = np.where(is_known, cells, 0).sum(axis=0) / count
            variance = np.where(is_known, (cells - mean) ** 2, 0).sum(axis=0) / count
            varies = variance > _LEAST_SPREAD * np.maximum(1, mean**2)
            centre.append(mean)
            factor.append(np.where(varies, 1 / np.sqrt(np.where(varies, variance, 1) * width), 0))
        return cls(tuple(inputs), np.concatenate(centre), np.concatenate(factor))

    def points(self, inputs: Columns, n_rows: int) -> Points:
        """Return rows as points."""
        dense, levels, terms = [np.empty((n_rows, 0))], [np.empty((n_rows, 0), np.int32)], []
        for column in self.inputs:
            if column.shape.kind in _TEXTS:
                terms.append(_on_grid(inputs[column.name]))
                continue
            dense.append(_numbers(column.shape, inputs[column.name]))
            levels.append(_levels(column.shape, inputs[column.name]))
        scaled = (np.hstack(dense) - self.centre) * self.factor
        known = np.clip(np.where(np.isfinite(scaled), scaled, 0.0), -_BOUND, _BOUND)
        return Points(np.round(known * _GRID) / _GRID, np.hstack(levels), tuple(terms))

    def one(self, cells: Sequence[Any]) -> Points:
        """Return one row's cells as a point, equal to that of a batch."""
        columns = {
            column.name: _as_column(column.shape, cell)
            for column, cell in zip(self.inputs, cells, strict=True)
        }
        return self.points(columns, 1)


def term_matrix(column: EncodedColumn, width: int) -> Any:
    """Return terms as CSR [N, ids], at least `width` wide."""
    from scipy import sparse

    n_ids = max(width, int(column.values.max()) + 1 if len(column.values) else 1)
    assert column.weights is not None, "terms of points have weights"
    data = column.weights.astype(np.float64)
    return sparse.csr_matrix((data, column.values, column.offsets), shape=(len(column), n_ids))


def _numbers(shape: Shape, column: EncodedColumn) -> Floats:
    if shape.kind is Kind.VECTOR:
        return column.values.reshape(len(column), shape.width).astype(np.float64)
    if shape.kind is Kind.SCALAR and shape.role != "binary":
        return column.values.reshape(len(column), shape.width)[:, :1].astype(np.float64)
    return np.empty((len(column), 0))


def _levels(shape: Shape, column: EncodedColumn) -> npt.NDArray[np.int32]:
    if shape.kind is Kind.INDEX:
        return column.values.astype(np.int32)[:, None]
    if shape.kind is not Kind.SCALAR:
        return np.empty((len(column), 0), np.int32)
    cells = column.values.reshape(len(column), shape.width)
    cells = cells if shape.role == "binary" else cells[:, 1:]
    return np.where(cells == 0, _FALSE, np.where(cells == 1, _TRUE, 0)).astype(np.int32)


def _on_grid(column: EncodedColumn) -> EncodedColumn:
    assert column.offsets is not None, "a text has offsets"
    weights: npt.NDArray[Any] | None = column.weights
    if weights is None:
        lengths = np.diff(column.offsets)
        weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    rounded = (np.round(weights * _TERM_GRID) / _TERM_GRID).astype(np.float32)
    return replace(column, weights=rounded)


def _as_column(shape: Shape, cell: RowValue) -> EncodedColumn:
    if shape.kind is Kind.INDEX:
        return EncodedColumn(shape.kind, np.array([cell], dtype=np.int32))
    if shape.kind not in _TEXTS:
        return EncodedColumn(shape.kind, np.array([cell], dtype=np.float32).reshape(1, -1))
    ids, weights = cell if isinstance(cell, tuple) else (cell, None)
    offsets = np.array([0, len(ids)], dtype=np.int64)  # type: ignore[arg-type]
    shares = None if weights is None else np.array(weights, dtype=np.float32)
    return EncodedColumn(shape.kind, np.array(ids, dtype=np.int32), offsets, shares)


_TEXTS = frozenset({Kind.BAG, Kind.TOKENS})
_KINDS = _TEXTS | {Kind.SCALAR, Kind.VECTOR, Kind.INDEX}
_LEAST_SPREAD = 1e-12
