"""What neighbours answer for one output, and how many of them are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ordain.features.feature import Scores
from ordain.models.family import Output
from ordain.models.neighbours.search import Neighbours
from ordain.models.targets import Target, n_classes

Floats = npt.NDArray[np.float64]
Weighting = Literal["uniform", "distance"]


@dataclass(frozen=True)
class Truths:
    """What is true of the kept rows, for one output.

    Attributes:
        kind: of the output: number, binary or category.
        values: [M] float32: a number, 0 or 1, or the index of a class.
        weights: [M] float32: how much each row counts.
        prior: the mean of a number, the share of the positive class [1], or of each class [C].
    """

    kind: str
    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    prior: Floats

    @classmethod
    def of(cls, output: Output, target: Target) -> Truths:
        """Return the truths of kept rows."""
        n, classes = len(target.truth), n_classes(output)
        weights = np.ones(n, dtype=np.float32) if target.weights is None else target.weights
        total = max(float(weights.sum(dtype=np.float64)), 1e-12)
        if output.type == "category":
            ids = target.truth.astype(np.int64)
            counts = np.bincount(ids, weights=weights, minlength=classes) + 0.5
            return cls(output.type, target.truth, weights, counts / counts.sum())
        mean = float(weights.astype(np.float64) @ target.truth) / total
        if output.type == "binary":
            mean = (mean * total + 0.5) / (total + 1)
        return cls(output.type, target.truth, weights, np.array([mean]))

    def answer(self, found: Neighbours, *, weighting: Weighting, smoothing: float) -> Scores:
        """Return the scores [N], or [N, C] of a category, that neighbours vote for."""
        votes = _votes(found.distances, weighting) * self.weights[found.rows]
        truths = self.values[found.rows]
        if self.kind == "category":
            sums = np.stack(
                [(votes * (truths == c)).sum(axis=1) for c in range(len(self.prior))], axis=1
            )
        else:
            sums = (votes * truths).sum(axis=1, keepdims=True)
        total = votes.sum(axis=1, keepdims=True)
        # A mean is not pulled: a number far out has far neighbours, and they know better.
        doubt = max(0.0 if self.kind == "number" else smoothing, _LEAST)
        scores = (sums + doubt * self.prior) / (total + doubt)
        return scores if self.kind == "category" else np.ascontiguousarray(scores[:, 0])

    def loss(self, scores: Scores, target: Target) -> float:
        """Return the mean squared error of numbers, or the log loss of classes."""
        truth = target.truth
        if self.kind == "number":
            losses = (scores - truth) ** 2
        elif self.kind == "binary":
            right = np.where(truth == 1, scores, 1 - scores)
            losses = -np.log(np.maximum(right, _LEAST))
        else:
            right = scores[np.arange(len(truth)), truth.astype(np.int64)]
            losses = -np.log(np.maximum(right, _LEAST))
        return float(np.average(losses, weights=target.weights))


def losses_by_k(
    truths: Truths, found: Neighbours, target: Target, *, weighting: Weighting, smoothing: float
) -> dict[int, float]:
    """Return the loss of judging rows for each number of neighbours worth trying."""
    widest = found.rows.shape[1]
    return {
        k: truths.loss(
            truths.answer(found.first(k), weighting=weighting, smoothing=smoothing), target
        )
        for k in CANDIDATES
        if k <= max(1, widest)
    }


def _votes(distances: Floats, weighting: Weighting) -> Floats:
    """Return the vote of each neighbour [N, K]; those of a row add up to K."""
    if weighting == "uniform":
        return np.ones(distances.shape)
    is_same = distances == 0
    has_same = is_same.any(axis=1, keepdims=True)
    near = 1 / np.where(is_same, 1.0, distances)
    votes = np.where(has_same, is_same, near)
    scaled: Floats = votes * (votes.shape[1] / votes.sum(axis=1, keepdims=True))
    return scaled


CANDIDATES = (1, 3, 5, 10, 15, 20, 30, 50, 75, 100)
_LEAST = 1e-12
