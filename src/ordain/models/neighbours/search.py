"""Exact search: every row against every kept row, block by block.

Memory is bounded by the size of a block. Why not scikit-learn's `NearestNeighbors`: it takes one
numeric matrix, so that categories must be spread over as many columns as they have levels and
text cannot stand beside numbers; ties are told apart by the order of a heap; and importing it costs
a second in every process that predicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.models.neighbours.points import Floats, Points, term_matrix

_CELLS = 1 << 20
"""Distances at once: 8 MB, so that they stay near the processor."""
_FIRST, _LARGEST = 512, 1 << 14


@dataclass(frozen=True)
class Neighbours:
    """The nearest kept rows of each row, nearest first.

    Attributes:
        rows: [N, K] int64.
        distances: [N, K]; see `points.py`.
    """

    rows: npt.NDArray[np.int64]
    distances: Floats

    def first(self, k: int) -> Neighbours:
        """Return the k nearest."""
        return Neighbours(self.rows[:, :k], self.distances[:, :k])

    def without(self, own: npt.NDArray[np.int64]) -> Neighbours:
        """Return all but each row itself, or all but the farthest where it is not among them."""
        is_self = self.rows == own[:, None]
        is_self[:, -1] |= ~is_self.any(axis=1)
        shape = (len(self.rows), self.rows.shape[1] - 1)
        return Neighbours(
            self.rows[~is_self].reshape(shape), self.distances[~is_self].reshape(shape)
        )


class Search:
    """Finds neighbours among kept points.

    The blocks of kept rows grow: after the first, a row's bound is near its end, and few of the
    rows that follow must be sorted in.
    """

    def __init__(self, kept: Points) -> None:
        self._n = len(kept)
        self._blocks = [self._block(kept, start, stop) for start, stop in _bounds(self._n)]
        self._largest = max((stop - start for start, stop in _bounds(self._n)), default=1)

    def nearest(self, points: Points, k: int) -> Neighbours:
        """Return the k nearest, or all where fewer are kept; ties go to the row that is first."""
        k = min(k, self._n)
        rows = np.empty((len(points), k), dtype=np.int64)
        distances = np.empty((len(points), k))
        step = max(1, _CELLS // max(self._largest, k))
        for start in range(0, len(points), step):
            place = slice(start, min(start + step, len(points)))
            self._write(points.rows(place.start, place.stop), rows[place], distances[place])
        return Neighbours(rows, np.sqrt(distances))

    def _write(self, points: Points, rows: npt.NDArray[np.int64], distances: Floats) -> None:
        k, n = rows.shape[1], len(points)
        norms = points.norms()
        best = _Best(np.empty((n, 0)), np.empty((n, 0), dtype=np.int64))
        for block in self._blocks:
            best = best.joined(block.distances(points, norms), block.start, k=k)
        rows[:], distances[:] = best.rows, best.squares

    @staticmethod
    def _block(kept: Points, start: int, stop: int) -> _Block:
        part = kept.rows(start, stop)
        turned = [term_matrix(column, 0).T.tocsr() for column in part.terms]
        levels = [_narrow(column) for column in part.levels.T]
        return _Block(start, np.ascontiguousarray(part.dense.T), levels, turned, part.norms())


@dataclass(frozen=True)
class _Block:
    """Kept rows, turned to be multiplied: dense [D, M], levels M each, terms [ids, M]."""

    start: int
    dense: Floats
    levels: list[npt.NDArray[Any]]
    terms: list[Any]
    norms: Floats

    def distances(self, points: Points, norms: Floats) -> Floats:
        """Return squared distances [N, M]."""
        found = points.dense @ self.dense
        if self.levels:
            found += self._matches(points)
        for column, turned in zip(points.terms, self.terms, strict=True):
            width = turned.shape[0]
            found += (term_matrix(column, width)[:, :width] @ turned).toarray()
        found *= -2
        found += norms[:, None]
        found += self.norms
        return np.maximum(found, 0, out=found)

    def _matches(self, points: Points) -> npt.NDArray[Any]:
        """Return in how many columns the level is known and the same [N, M]."""
        shape = (len(points), len(self.norms))
        few = len(self.levels) <= np.iinfo(np.uint8).max
        counts = np.zeros(shape, dtype=np.uint8 if few else np.uint32)
        is_same = np.empty(shape, dtype=np.bool_)
        for own, theirs in zip(points.levels.T, self.levels, strict=True):
            largest = np.iinfo(theirs.dtype).max
            # A level that no kept row has, and a missing one, match nothing.
            asked = np.where((own > 0) & (own < largest), own, largest).astype(theirs.dtype)
            np.equal(asked[:, None], theirs[None, :], out=is_same)
            counts += is_same
        return counts


@dataclass(frozen=True)
class _Best:
    """The best so far, by distance and then by row; squared distances and rows [N, <=k]."""

    squares: Floats
    rows: npt.NDArray[np.int64]

    def joined(self, squares: Floats, start: int, *, k: int) -> _Best:
        """Return the best of these and of the rows from `start` on, whose distances are given."""
        n, held = self.squares.shape
        if held < k:
            is_near = np.ones(squares.shape, dtype=np.bool_)
            if squares.shape[1] > k:
                is_near = squares <= np.partition(squares, k - 1, axis=1)[:, k - 1 : k]
        else:
            # At the same distance the row that comes first stays.
            is_near = squares < self.squares[:, -1:]
        who, where = np.nonzero(is_near)
        if held >= k and not len(who):
            return self
        owner = np.concatenate([np.repeat(np.arange(n), held), who])
        values = np.concatenate([self.squares.reshape(-1), squares[who, where]])
        rows = np.concatenate([self.rows.reshape(-1), where + start])
        return _cut(owner, values, rows, n=n, k=k)


def _cut(
    owner: npt.NDArray[Any], values: Floats, rows: npt.NDArray[np.int64], *, n: int, k: int
) -> _Best:
    """Return the first k of each owner by value, then row; all have as many, or fewer than k."""
    order = np.lexsort((rows, values, owner))
    counts = np.bincount(owner, minlength=n)
    starts = np.cumsum(counts) - counts
    width = min(k, int(counts.min())) if n else 0
    chosen = order[starts[:, None] + np.arange(width)]
    return _Best(values[chosen], rows[chosen])


def _bounds(n: int) -> list[tuple[int, int]]:
    bounds, start, size = [], 0, _FIRST
    while start < n:
        bounds.append((start, min(start + size, n)))
        start, size = start + size, min(size * 2, _LARGEST)
    return bounds


def _narrow(column: npt.NDArray[np.int32]) -> npt.NDArray[Any]:
    """Return levels in the smallest type that has one number to spare."""
    largest = int(column.max()) if len(column) else 0
    for dtype in (np.uint8, np.uint16):
        if largest < np.iinfo(dtype).max:
            return column.astype(dtype)
    return np.ascontiguousarray(column)
