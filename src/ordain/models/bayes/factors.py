"""Encoded columns as the factors of naive Bayes: numbers, levels and terms.

A number is a factor where it is known. A category, a binary and an indicator are levels, counted
from 1; level 0 is what is missing or was never seen, and is no factor. A text is the terms that
training saw, each with its weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import TrainingError
from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.models.family import Input

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int32]
Columns = Mapping[str, EncodedColumn]

BLOCK_ROWS = 1 << 13
_FALSE, _TRUE = 1, 2


@dataclass(frozen=True)
class Factors:
    """Which factors a problem's inputs have.

    Attributes:
        inputs: in the order of the problem.
        places: for each text, the term's row among the known terms, or their number where
            training did not see it: int32 [cardinality + 1].
    """

    inputs: tuple[Input, ...]
    places: Mapping[str, Places]

    @classmethod
    def of(cls, inputs: Sequence[Input], train: Columns) -> Factors:
        """Return the factors of training rows.

        Raises:
            TrainingError: a column is of a kind that has no factors.
        """
        places = {}
        for column in inputs:
            if column.shape.kind not in _KINDS:
                raise TrainingError(
                    f"naive Bayes cannot read input `{column.name}`: it is encoded as "
                    f"'{column.shape.kind}'\n  Possible: numbers, vectors, categories and text"
                )
            if is_text(column.shape):
                seen = np.unique(train[column.name].values)
                places[column.name] = places_of(seen, column.shape.cardinality)
        return cls(tuple(inputs), places)

    @property
    def n_numbers(self) -> int:
        """Factors that are numbers."""
        return sum(_n_numbers(column.shape) for column in self.inputs)

    @property
    def n_levels(self) -> tuple[int, ...]:
        """Levels of each factor that has some, level 0 included."""
        return tuple(n for column in self.inputs for n in _n_levels(column.shape))

    def spans(self) -> list[tuple[slice, slice]]:
        """Return which numbers and which levels of a block each input has, in their order."""
        found, number, level = [], 0, 0
        for column in self.inputs:
            n_numbers, n_levels = _n_numbers(column.shape), len(_n_levels(column.shape))
            found.append((slice(number, number + n_numbers), slice(level, level + n_levels)))
            number, level = number + n_numbers, level + n_levels
        return found

    def blocks(self, inputs: Columns, n_rows: int) -> Iterator[tuple[slice, Floats, Places]]:
        """Yield place, numbers [B, n_numbers] (NaN: missing) and levels [B, L] of all rows."""
        for start in range(0, n_rows, BLOCK_ROWS):
            place = slice(start, min(start + BLOCK_ROWS, n_rows))
            numbers, levels = [], []
            for column in self.inputs:
                if not is_text(column.shape):
                    own, ids = _cells(column.shape, inputs[column.name].values[place])
                    numbers.append(own)
                    levels.append(ids)
            none = np.empty((place.stop - start, 0))
            yield place, np.hstack([none, *numbers]), np.hstack([none.astype(np.int32), *levels])

    def row_reader(self) -> Callable[[Sequence[RowValue]], Row]:
        """Return a function from one row's cells to its factors."""
        steps = [(column.shape, self.places.get(column.name)) for column in self.inputs]

        def read(cells: Sequence[Any]) -> Row:
            row = Row([], [], [])
            for cell, (shape, places) in zip(cells, steps, strict=True):
                if places is not None:
                    row.terms.append(_known_terms(cell, places))
                elif shape.kind is Kind.INDEX:
                    row.levels.append(cell)
                else:
                    _read_dense(row, shape, cell if isinstance(cell, tuple) else (cell,))
            return row

        return read


@dataclass(frozen=True)
class Row:
    """The factors of one row: numbers, levels, and places and weights of the terms of texts."""

    numbers: list[float]
    levels: list[int]
    terms: list[tuple[list[int], list[float]]]


def places_of(seen: npt.NDArray[Any], cardinality: int) -> Places:
    """Return the place of each id among those that were seen; see `Factors`."""
    places = np.full(cardinality + 1, len(seen), dtype=np.int32)
    places[seen] = np.arange(len(seen), dtype=np.int32)
    return places


def terms(column: EncodedColumn, places: Places) -> tuple[Places, Floats, Places]:
    """Return place, weight and row of every term that training saw; each [total]."""
    assert column.offsets is not None, "a text has offsets"
    rows = np.repeat(np.arange(len(column), dtype=np.int32), np.diff(column.offsets))
    found = places[column.values]
    weights = np.ones(len(found)) if column.weights is None else column.weights.astype(np.float64)
    is_known = found < places[-1]
    return found[is_known], weights[is_known], rows[is_known]


def is_text(shape: Shape) -> bool:
    """Return whether a column's cells are terms."""
    return shape.kind in {Kind.BAG, Kind.TOKENS}


def _n_numbers(shape: Shape) -> int:
    if shape.kind is Kind.VECTOR:
        return shape.width
    return int(shape.kind is Kind.SCALAR and shape.role != "binary")


def _n_levels(shape: Shape) -> list[int]:
    if shape.kind is Kind.INDEX:
        return [max(1, shape.cardinality)]
    if shape.kind is not Kind.SCALAR:
        return []
    return [_TRUE + 1] * (shape.width - _n_numbers(shape))


def _cells(shape: Shape, values: npt.NDArray[Any]) -> tuple[Floats, Places]:
    """Return the numbers [B, n] and the levels [B, L] of a column's cells."""
    n_rows = len(values)
    if shape.kind is Kind.INDEX:
        return np.empty((n_rows, 0)), values.astype(np.int32)[:, None]
    cells = values.reshape(n_rows, -1).astype(np.float64)
    if shape.kind is Kind.VECTOR:
        return cells, np.empty((n_rows, 0), dtype=np.int32)
    if shape.role == "binary":
        return np.empty((n_rows, 0)), _levels(cells)
    number, marks = cells[:, :1], _levels(cells[:, 1:])
    # What a mark says is missing was filled, and is no factor.
    is_filled = (marks == _TRUE).any(axis=1)[:, None]
    return np.where(is_filled | ~np.isfinite(number), np.nan, number), marks


def _levels(cells: Floats) -> Places:
    return np.where(cells == 0, _FALSE, np.where(cells == 1, _TRUE, 0)).astype(np.int32)


def _read_dense(row: Row, shape: Shape, cell: tuple[float, ...]) -> None:
    if shape.kind is Kind.VECTOR:
        row.numbers.extend(cell)
        return
    n = _n_numbers(shape)
    levels = [_FALSE if v == 0 else _TRUE if v == 1 else 0 for v in cell[n:]]
    row.levels.extend(levels)
    if n:
        row.numbers.append(math.nan if _TRUE in levels else cell[0])


def _known_terms(cell: Any, places: Places) -> tuple[list[int], list[float]]:
    ids, weights = cell if isinstance(cell, tuple) else (cell, [1.0] * len(cell))
    found = places[np.asarray(ids, dtype=np.int64)].tolist()
    n_known = int(places[-1])
    kept = [(place, w) for place, w in zip(found, weights, strict=True) if place < n_known]
    return [place for place, _ in kept], [w for _, w in kept]


_KINDS = frozenset({Kind.SCALAR, Kind.VECTOR, Kind.INDEX, Kind.BAG, Kind.TOKENS})
