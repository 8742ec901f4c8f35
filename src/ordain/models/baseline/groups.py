"""Rows put into groups by one column, and what each group answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import EncodedColumn, Kind
from ordain.models.family import Dataset, Input, Output
from ordain.models.targets import Target, n_classes

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """How one column's cells become groups.

    Attributes:
        name: of the input.
        edges: of a number's bins, ascending: a cell in bin i is above i edges; group 0 is what is
            missing. None for a category, whose ids are its groups.
        n_groups: of all.
    """

    name: str
    edges: tuple[float, ...] | None
    n_groups: int

    def of(self, inputs: Mapping[str, EncodedColumn]) -> Groups:
        """Return the group of each row [N]."""
        values = inputs[self.name].values
        if self.edges is None:
            groups: Groups = values.astype(np.int64)
            return groups
        bins = 1 + np.searchsorted(np.array(self.edges), values[:, 0], side="left")
        is_missing = np.isnan(values[:, 0])
        if values.shape[1] > 1:
            is_missing |= (values[:, 1:] > 0).any(axis=1)
        return np.where(is_missing, 0, bins)

    def of_cell(self) -> Callable[[Any], int]:
        """Return a function from one cell to its group."""
        edges = self.edges
        if edges is None:
            return int

        def group(cell: Any) -> int:
            number, *marks = cell if isinstance(cell, tuple) else (cell,)
            if number != number or any(mark > 0 for mark in marks):  # noqa: PLR0124 (NaN)
                return 0
            return 1 + bisect_left(edges, number)

        return group


@dataclass(frozen=True)
class Table:
    """What each group answers.

    Attributes:
        grouping: None where all rows are one group.
        scores: [G, K], K scores a group.
    """

    grouping: Grouping | None
    scores: Floats


def candidates(inputs: Sequence[Input], train: Dataset, *, max_bins: int) -> list[Grouping]:
    """Return a grouping for every column that has groups: categories, binaries, numbers."""
    found = []
    for column in inputs:
        if column.shape.kind is Kind.INDEX:
            found.append(Grouping(column.name, None, max(1, column.shape.cardinality)))
        elif column.shape.kind is Kind.SCALAR and train.n_rows:
            values = train.inputs[column.name].values.reshape(train.n_rows, -1)[:, 0]
            edges = _edges(values[np.isfinite(values)], max_bins)
            found.append(Grouping(column.name, edges, len(edges) + 2))
    return found


def _edges(values: npt.NDArray[Any], max_bins: int) -> tuple[float, ...]:
    if len(values) == 0:
        return ()
    shares = np.linspace(0, 1, max_bins + 1)[1:-1]
    found = np.unique(np.quantile(values, shares, method="lower"))
    # A cell belongs to the bin whose upper edge it does not exceed; an edge at the top is none.
    return tuple(float(edge) for edge in found if edge < values.max())


@dataclass(frozen=True)
class Scorer:
    """Counts the truths of one output.

    Attributes:
        target: truths and weights.
        n_scores: K.
        is_number: whether a mean is answered and not a share.
        prior: [K]: of all rows.
    """

    target: Target
    n_scores: int
    is_number: bool
    prior: Floats

    @classmethod
    def of(cls, output: Output, target: Target) -> Scorer:
        """Return the scorer of training rows."""
        classes = n_classes(output)
        is_category = output.type == "category"
        weights = _weights(target)
        if classes == 0:
            prior = np.array([np.average(target.truth.astype(np.float64), weights=weights)])
        elif is_category:
            counts = np.bincount(target.truth.astype(np.int64), weights=weights, minlength=classes)
            prior = (counts + 0.5) / (counts.sum() + 0.5 * classes)
        else:
            positive = float(weights @ target.truth)
            prior = np.array([(positive + 0.5) / (weights.sum() + 1)])
        return cls(target, classes if is_category else 1, classes == 0, prior)

    def table(self, grouping: Grouping, groups: Groups, *, smoothing: float) -> Table:
        """Return each group's answer, pulled towards the prior."""
        sums, counts = self._sums(groups, grouping.n_groups)
        doubt = max(smoothing, 1e-9)
        scores = (sums + doubt * self.prior) / (counts[:, None] + doubt)
        return Table(grouping, scores)

    def loss(self, scores: Floats, target: Target) -> float:
        """Return the mean squared error of numbers, or log loss of classes, of rows [N, K]."""
        weights, truth = _weights(target), target.truth
        if self.is_number:
            losses = (scores[:, 0] - truth) ** 2
        elif self.n_scores == 1:
            right = np.where(truth > 0.5, scores[:, 0], 1 - scores[:, 0])  # noqa: PLR2004
            losses = -np.log(np.maximum(right, 1e-12))
        else:
            right = scores[np.arange(len(truth)), truth.astype(np.int64)]
            losses = -np.log(np.maximum(right, 1e-12))
        return float(np.average(losses, weights=weights))

    def loss_left_out(self, groups: Groups, table: Table, *, smoothing: float) -> float:
        """Return the loss of training rows, each judged by the others of its group."""
        sums, counts = self._sums(groups, len(table.scores))
        weights, doubt = _weights(self.target), max(smoothing, 1e-9)
        own = self._one_hot() * weights[:, None]
        left = (sums[groups] - own + doubt * self.prior) / (counts[groups] - weights + doubt)[
            :, None
        ]
        return self.loss(left, self.target)

    def _sums(self, groups: Groups, n_groups: int) -> tuple[Floats, Floats]:
        weights = _weights(self.target)
        counts: Floats = np.bincount(groups, weights=weights, minlength=n_groups).astype(np.float64)
        sums: npt.NDArray[Any]
        if self.n_scores == 1:
            sums = np.bincount(groups, weights=weights * self.target.truth, minlength=n_groups)
            return sums.astype(np.float64)[:, None], counts
        cells = groups * self.n_scores + self.target.truth.astype(np.int64)
        sums = np.bincount(cells, weights=weights, minlength=n_groups * self.n_scores)
        return sums.astype(np.float64).reshape(n_groups, self.n_scores), counts

    def _one_hot(self) -> Floats:
        truth = self.target.truth.astype(np.float64)
        if self.n_scores == 1:
            return truth[:, None]
        return np.eye(self.n_scores)[truth.astype(np.int64)]


def _weights(target: Target) -> Floats:
    if target.weights is None:
        return np.ones(len(target.truth))
    return target.weights.astype(np.float64)
