"""Many rows through all trees at once, by sets of leaves that can still be reached.

LightGBM walks every row down every tree: a step waits for the one before it and is hard to guess.
Here the leaves of a tree are bits of a word, from left to right. A split that sends a row right
takes the leaves on its left out of the word; when all splits have spoken, in any order, the lowest
bit that is left is the row's leaf. What a column takes out of all trees depends only on the bin
that its number falls into between the thresholds, so that it stands in a table: a row is one line
of the table for each column, joined by `and`. Columns of few bins share a table of all their
combinations. NumPy does that without a step that waits, four to six times as fast as the walk on
trees of 12 leaves.

Source: Lucchese et al. 2015, "QuickScorer: a fast algorithm to rank documents with additive
ensembles of regression trees". Theirs goes through thresholds in their order and stops at the first
that is not passed; we look the bin up, for a table of a small ensemble fits a processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Words = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

SHARED_BYTES = 1 << 18
"""Largest table that columns of few bins share: it stays in the processor's cache."""
BLOCK_CELLS = 1 << 16
"""Rows times trees of a block: what lies between two steps stays in the processor's cache."""
_FEW_EDGES = 4
WIDTHS: dict[int, Any] = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}
"""Words that the leaves of a tree may be the bits of."""
DE_BRUIJN = {8: 0x1D, 16: 0x0F2D, 32: 0x077CB531, 64: 0x03F79D71B4CB0A89}
"""A power of two times one of these has the power's own number in its top bits."""


@dataclass(frozen=True)
class Table:
    """What one column takes out of all trees.

    Attributes:
        column: of the matrix.
        edges: thresholds in ascending order, float32; None where the column holds categories.
        words: [bins, W]: leaves that stay, by bin; the last line is for a missing cell.
    """

    column: int
    edges: Floats | None
    words: Words

    def bins(self, cells: Floats) -> npt.NDArray[np.intp]:
        """Return the line of each cell [B]."""
        last = len(self.words) - 1
        if self.edges is None:
            # A category beyond the last that a tree asks for is in no set, like a missing one.
            known = np.where(cells < last, cells, last)
            return known.astype(np.intp)
        found: npt.NDArray[np.intp]
        if len(self.edges) > _FEW_EDGES:
            found = np.searchsorted(self.edges, cells)
        else:
            found = np.zeros(len(cells), dtype=np.intp)
            for edge in self.edges:
                found += cells > edge
        found[np.isnan(cells)] = last
        return found


@dataclass(frozen=True)
class Shared:
    """What some columns take out of all trees together: a line for each combination of their bins.

    Attributes:
        words: [bins of the first * bins of the second * ..., W].
    """

    tables: tuple[Table, ...]
    words: Words

    @classmethod
    def of(cls, tables: Sequence[Table]) -> list[Shared]:
        """Return all tables, those of few bins put together as long as they stay small."""
        found: list[Shared] = []
        for table in sorted(tables, key=lambda one: len(one.words)):
            last = found[-1] if found else None
            if last is None or last.words.nbytes * len(table.words) > SHARED_BYTES:
                found.append(cls((table,), table.words))
                continue
            words = last.words[:, None] & table.words
            found[-1] = cls((*last.tables, table), words.reshape(-1, words.shape[-1]))
        return found

    def lines(self, rows: Floats) -> npt.NDArray[np.intp]:
        """Return the line of each row [B] of [B, n_columns]."""
        first, *others = self.tables
        found = first.bins(rows[:, first.column])
        for table in others:
            found *= len(table.words)
            found += table.bins(rows[:, table.column])
        return found


class Masks:
    """Trees of one output as tables; safe to use from any thread."""

    def __init__(
        self,
        tables: Sequence[Table],
        leaves: npt.NDArray[np.float64],
        *,
        width: int,
        n_scores: int,
        finish: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    ) -> None:
        self._tables = tuple(Shared.of(tables))
        self._leaves = leaves.ravel()
        self._bases = (np.arange(len(leaves), dtype=np.int64) * width)[:, None]
        self._width, self._n_scores, self._finish = width, n_scores, finish

    def predict(self, rows: Floats, out: npt.NDArray[np.float64]) -> None:
        """Write the scores of rows [B, n_columns] into `out` [B] or [B, n_scores]."""
        lines = [table.lines(rows) for table in self._tables]
        size = max(1, BLOCK_CELLS // len(self._bases))
        room = _Room.of(min(size, len(rows)), self._tables[0].words.shape[1], self._bases)
        for start in range(0, len(rows), size):
            place = slice(start, min(start + size, len(rows)))
            sums = self._sums([one[place] for one in lines], room.first(place.stop - start))
            out[place] = self._finish(sums).reshape(out[place].shape)

    def _sums(self, lines: Sequence[npt.NDArray[np.intp]], room: _Room) -> npt.NDArray[np.float64]:
        """Return the sums of leaves [B, n_scores]."""
        # Lines lie within the tables: the mode spares a look at each.
        self._tables[0].words.take(lines[0], axis=0, out=room.left, mode="clip")
        for table, own in zip(self._tables[1:], lines[1:], strict=True):
            table.words.take(own, axis=0, out=room.taken, mode="clip")
            np.bitwise_and(room.left, room.taken, out=room.left)
        kind = WIDTHS[self._width]
        words, lowest = (part.view(kind)[:, : len(self._bases)] for part in (room.left, room.taken))
        np.negative(words, out=lowest)
        lowest &= words
        lowest *= kind(DE_BRUIJN[self._width])
        lowest >>= kind(self._width - (self._width.bit_length() - 1))
        # Without its sign NumPy would add the widest as floats.
        lowest = lowest.view(np.int64) if self._width == max(WIDTHS) else lowest
        # Trees stand one under another: NumPy then adds them in LightGBM's order, to the same bits
        # (but for a block of one row, whose last bit may differ).
        places = np.add(lowest.T, self._bases, out=room.places)
        values = self._leaves.take(places, out=room.values, mode="clip")
        found: npt.NDArray[np.float64] = values.reshape(-1, self._n_scores, len(lowest)).sum(axis=0)
        return found.T


@dataclass(frozen=True)
class _Room:
    """Arrays that every block of a call is worked out in."""

    left: Words
    taken: Words
    places: Integers
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, n_rows: int, n_words: int, bases: Integers) -> _Room:
        words = np.empty((2, n_rows, n_words), dtype=np.uint64)
        shape = (len(bases), n_rows)
        return cls(words[0], words[1], np.empty(shape, np.int64), np.empty(shape))

    def first(self, n_rows: int) -> _Room:
        n_trees = len(self.places)
        return _Room(
            self.left[:n_rows],
            self.taken[:n_rows],
            self.places.ravel()[: n_trees * n_rows].reshape(n_trees, n_rows),
            self.values.ravel()[: n_trees * n_rows].reshape(n_trees, n_rows),
        )
