"""Encoded columns as the numbers that a linear model weighs.

Three parts: *dense* (scalars and vectors), *category* (one weight an id; id 0, which is missing
or unseen, has none) and *bag* (one weight an n-gram that training saw). While learning, the dense
part is centred and scaled by the training rows, so that one ridge suits all columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.family import Input

Array = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Columns = Mapping[str, EncodedColumn]

BLOCK_ROWS = 1 << 15
_HELD_CELLS = 30_000_000


@dataclass(frozen=True)
class Layout:
    """Which weights belong to which input.

    Attributes:
        dense: name and width of scalars and vectors.
        categories: name and number of ids; rows ``start .. start + n - 1`` of the sparse weights,
            in order.
        bags: name and, for each id, its row among the bag's weights, or the number of them where
            training did not see the id: int32 [cardinality]; behind the categories, in order.
    """

    dense: tuple[tuple[str, int], ...]
    categories: tuple[tuple[str, int], ...]
    bags: tuple[tuple[str, npt.NDArray[np.int32]], ...]

    @classmethod
    def of(cls, inputs: Sequence[Input], train: Columns) -> Layout:
        """Return the layout of a problem's inputs, with the n-grams that training rows have."""
        bags = []
        for column in inputs:
            if column.shape.kind in {Kind.BAG, Kind.TOKENS}:
                seen = np.unique(train[column.name].values)
                bags.append((column.name, _places(seen, column.shape.cardinality)))
        return cls.with_places(inputs, dict(bags))

    @classmethod
    def with_places(
        cls, inputs: Sequence[Input], places: Mapping[str, npt.NDArray[np.int32]]
    ) -> Layout:
        """Return the layout of a problem's inputs, with the bags' rows given."""
        dense = {Kind.SCALAR, Kind.VECTOR}
        return cls(
            tuple((c.name, c.shape.width) for c in inputs if c.shape.kind in dense),
            tuple((c.name, c.shape.cardinality) for c in inputs if c.shape.kind is Kind.INDEX),
            tuple((c.name, places[c.name]) for c in inputs if c.name in places),
        )

    @property
    def n_dense(self) -> int:
        """Numbers of the dense part."""
        return sum(width for _, width in self.dense)

    @property
    def n_sparse(self) -> int:
        """Weights of categories and bags."""
        return sum(n for _, n in self.categories) + sum(n_weights(p) for _, p in self.bags)

    def dense_block(self, inputs: Columns, place: slice) -> Array:
        """Return the dense part of some rows, float32 [B, n_dense]."""
        parts = [inputs[name].values[place].reshape(-1, width) for name, width in self.dense]
        if not parts:
            return np.empty((0, 0), dtype=np.float32)
        return np.hstack(parts).astype(np.float32, copy=False)

    def starts(self) -> list[int]:
        """Return the first row of the sparse weights of each category, then of each bag."""
        sizes = [n for _, n in self.categories] + [n_weights(p) for _, p in self.bags]
        return np.cumsum([0, *sizes])[:-1].tolist() if sizes else []


def n_weights(places: npt.NDArray[np.int32]) -> int:
    """Return how many ids of a bag have a weight."""
    return int(places[-1])


def _places(seen: npt.NDArray[Any], cardinality: int) -> npt.NDArray[np.int32]:
    # One place more than ids: the last holds the number of weights, also where no id was seen.
    places = np.full(cardinality + 1, len(seen), dtype=np.int32)
    places[seen] = np.arange(len(seen), dtype=np.int32)
    return places


@dataclass(frozen=True)
class Scale:
    """Centre and spread of the dense part in training.

    Attributes:
        centre: [n_dense]; stands in for a number that is NaN.
        factor: [n_dense]; 1 / standard deviation, 0 for a column that does not vary.
    """

    centre: npt.NDArray[np.float64]
    factor: npt.NDArray[np.float64]

    @classmethod
    def of(cls, layout: Layout, rows: Columns, n_rows: int) -> Scale:
        """Return the scale of training rows; NaN is left out."""
        centre, spread = [], []
        for name, width in layout.dense:
            values = rows[name].values.reshape(-1, width)
            total, squares, count = np.zeros((3, width))
            for start in range(0, n_rows, BLOCK_ROWS):
                block = values[start : start + BLOCK_ROWS].astype(np.float64)
                known = np.isfinite(block)
                block = np.where(known, block, 0)
                total, count = total + block.sum(axis=0), count + known.sum(axis=0)
                squares = squares + (block**2).sum(axis=0)
            mean = total / np.maximum(count, 1)
            centre.append(mean)
            spread.append(np.sqrt(np.maximum(squares / np.maximum(count, 1) - mean**2, 0)))
        middle = np.concatenate([np.zeros(0), *centre])
        width_of = np.concatenate([np.zeros(0), *spread])
        varies = width_of > 1e-6 * np.maximum(1, np.abs(middle))
        return cls(middle, np.where(varies, 1 / np.where(varies, width_of, 1), 0))


class Design:
    """Rows ready to be multiplied with weights, block by block.

    Blocks are kept while they are small and built again at each pass where they are not, so that
    memory does not grow with the rows.
    """

    def __init__(
        self, layout: Layout, scale: Scale, inputs: Columns, *, n_rows: int, dtype: Any
    ) -> None:
        self.n_rows = n_rows
        self._layout, self._scale, self._inputs, self._dtype = layout, scale, inputs, dtype
        n_cells = n_rows * (layout.n_dense + len(layout.categories))
        n_cells += sum(len(inputs[name].values) for name, _ in layout.bags)
        self._held: list[tuple[slice, Array, Any]] | None = [] if n_cells <= _HELD_CELLS else None

    def blocks(self) -> Iterator[tuple[slice, Array, Any]]:
        """Yield place, dense part [B, n_dense] and sparse part (CSR) [B, n_sparse] or None."""
        if self._held:
            yield from self._held
            return
        for start in range(0, self.n_rows, BLOCK_ROWS):
            place = slice(start, min(start + BLOCK_ROWS, self.n_rows))
            block = place, self._dense(place), self._sparse(place)
            if self._held is not None:
                self._held.append(block)
            yield block

    def _dense(self, place: slice) -> Array:
        block = self._layout.dense_block(self._inputs, place)
        if not self._layout.dense:
            return np.empty((place.stop - place.start, 0), dtype=self._dtype)
        known = np.where(np.isfinite(block), block, self._scale.centre)
        scaled = (known - self._scale.centre) * self._scale.factor
        return np.ascontiguousarray(scaled, dtype=self._dtype)

    def _sparse(self, place: slice) -> Any:
        if self._layout.n_sparse == 0:
            return None
        from scipy import sparse

        n_rows, parts = place.stop - place.start, []
        for name, n_ids in self._layout.categories:
            ids = np.asarray(self._inputs[name].values[place])
            offsets = np.arange(n_rows + 1, dtype=np.int32)
            data = (ids != 0).astype(self._dtype)
            parts.append(sparse.csr_matrix((data, ids, offsets), shape=(n_rows, n_ids)))
        for name, places in self._layout.bags:
            rows = self._inputs[name].rows(place.start, place.stop)
            matrix = bag_matrix(rows, places, self._dtype)
            parts.append(matrix[:, : n_weights(places)])
        return parts[0] if len(parts) == 1 else sparse.hstack(parts, format="csr")


def bag_matrix(rows: EncodedColumn, places: npt.NDArray[np.int32], dtype: Any) -> Any:
    """Return a bag as CSR [B, n_weights + 1]; the last column gathers what training never saw."""
    from scipy import sparse

    assert rows.offsets is not None, "a bag has offsets"
    weights = np.ones(len(rows.values)) if rows.weights is None else rows.weights
    cells = (np.asarray(weights, dtype=dtype), places[rows.values], rows.offsets)
    return sparse.csr_matrix(cells, shape=(len(rows), n_weights(places) + 1))
