"""Rows to judge: truth and scores of N rows, with what intervals need to know of them.

What is common to all types of output; see `sample.py` for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Extras:
    """What some metrics and intervals need beside truth and scores.

    Attributes:
        groups: which group each row is of [N]: whole numbers, text or anything that sorts.
        labels: names of the classes; for binary (negative, positive).
        bounds: lower and upper end of the interval predicted for each row [N, 2]; for numbers.
    """

    groups: Array | None = None
    labels: tuple[str, ...] = ()
    bounds: Array | None = None


NO_EXTRAS = Extras()


class Sample:
    """Truth and scores of N rows, with a weight for each or None."""

    type: ClassVar[str]
    _weighted: ClassVar[frozenset[str]] = frozenset()
    _settings: ClassVar[tuple[str, ...]] = ("labels",)

    def __init__(
        self,
        truth: Array,
        scores: Array,
        *,
        weights: Array | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        lengths = {"weights": weights, "groups": extras.groups, "bounds": extras.bounds}
        given = {name: len(values) for name, values in lengths.items() if values is not None}
        if len(truth) != len(scores) or any(length != len(truth) for length in given.values()):
            raise UsageError(
                f"truth has {len(truth)} rows and scores have {len(scores)}"
                + "".join(f", {name} {length}" for name, length in given.items())
                + "; they must be of one length"
            )
        self.truth = truth
        self.scores = scores
        self.weights = None if weights is None else weights.astype(np.float64, copy=False)
        self.groups = None if extras.groups is None else _codes(extras.groups)
        self.labels = extras.labels
        self.bounds = None if extras.bounds is None else np.asarray(extras.bounds, np.float64)

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def is_finite(self) -> bool:
        """Whether every score is a finite number."""
        return bool(np.isfinite(self.scores).all())

    @property
    def total(self) -> float:
        """Sum of the weights; the number of rows where there are none."""
        return float(len(self)) if self.weights is None else float(self.weights.sum())

    @cached_property
    def n_groups(self) -> int:
        """G; the number of rows where there are no groups."""
        return len(self) if self.groups is None else int(self.groups.max(initial=-1)) + 1

    def mean(self, values: Array) -> float:
        """Return the weighted mean of one value a row [N]."""
        if self.weights is None:
            return float(values.mean(dtype=np.float64))
        return dot(values, self.weights) / float(self.weights.sum())

    def pull(self, values: Array, per: Array | None = None) -> Floats:
        """Return how far each row pulls ``sum(values) / sum(per)`` [N]; see `Metric.influence`.

        Args:
            values: what is summed above the line [N]; weights are counted in here.
            per: what is summed below it [N]; by default 1 a row, so that the ratio is a mean.
        """
        below = np.ones(len(self)) if per is None else per
        whole = self.mean(below)
        if whole == 0:
            return np.zeros(len(self))
        pulled: Floats = (values - self.mean(values) / whole * below) / whole
        return self.weighed(pulled)

    def weighed(self, values: Array) -> Floats:
        """Return values [N] times the rows' weights, which are scaled to a mean of one."""
        if self.weights is None:
            return np.asarray(values, np.float64)
        return np.asarray(values * (self.weights * (len(self) / self.total)))

    def rows_in(self, rows: npt.NDArray[np.bool_] | None = None) -> float:
        """Return how many independent rows a mean over some of the rows [N] rests on.

        That is their groups where there are groups, and Kish's effective number under weights.
        """
        if self.groups is not None:
            codes = self.groups if rows is None else self.groups[rows]
            totals = np.bincount(codes, self._weights_of(rows))
            return _kish(totals.astype(np.float64))
        if self.weights is None:
            return float(len(self) if rows is None else np.count_nonzero(rows))
        return _kish(self.weights if rows is None else self.weights[rows])

    def _weights_of(self, rows: npt.NDArray[np.bool_] | None) -> Floats | None:
        return self.weights if self.weights is None or rows is None else self.weights[rows]

    def with_weights(self, weights: Floats | None) -> Self:
        """Return the same rows under other weights [N], keeping what does not depend on them."""
        copy = object.__new__(type(self))
        copy.__dict__.update(
            {name: value for name, value in self.__dict__.items() if name not in self._weighted}
        )
        copy.weights = weights
        return copy

    def with_scores(self, scores: Array) -> Self:
        """Return the same rows with other scores of the same shape."""
        copy = self._bare()
        copy.truth, copy.scores, copy.weights = self.truth, scores, self.weights
        copy.groups, copy.bounds = self.groups, self.bounds
        return copy

    def take(self, rows: Ints) -> Self:
        """Return the rows at these positions, which may repeat."""
        copy = self._bare()
        copy.truth, copy.scores = self.truth[rows], self.scores[rows]
        copy.weights = None if self.weights is None else self.weights[rows]
        copy.groups = None if self.groups is None else _codes(self.groups[rows])
        copy.bounds = None if self.bounds is None else self.bounds[rows]
        return copy

    def _bare(self) -> Self:
        copy = object.__new__(type(self))
        copy.__dict__.update({name: self.__dict__[name] for name in self._settings})
        return copy


def dot(one: Array, other: Array) -> float:
    """Return the sum of products [N], [N].

    Not by BLAS: its threads cost milliseconds where cores are busy, and their number would move
    the last bits.
    """
    return float(np.sum(one * other, dtype=np.float64))


def _codes(groups: Array) -> Ints:
    """Return groups as whole numbers from 0."""
    found: Ints = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    return found


def _kish(weights: Floats) -> float:
    squares = float(np.sum(np.square(weights, dtype=np.float64)))
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0
