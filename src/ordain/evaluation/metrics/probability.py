"""How good the probabilities are, not only the predicted classes.

    log_loss = mean of -log p(true class)
    brier    = mean of (p - y)^2; for a category, summed over the classes
    ece      = mean over bins of |share that came true - mean confidence|, by rows in the bin
Sources: Brier 1950; Naeini et al. 2015 (ece); Nixon et al. 2019 (bins of equal size).

    evaluation: {metrics: [log_loss, brier, {type: ece, bins: 20}, {type: ece, adaptive: true}]}
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Array, BinarySample, CategorySample, Floats, Ints


@METRICS.register
class LogLoss(Metric[BinarySample | CategorySample]):
    """Mean surprise at the truth: sure and wrong costs most, 0 is perfect."""

    type: Literal["log_loss"] = "log_loss"
    aliases: ClassVar[tuple[str, ...]] = ("cross_entropy",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: BinarySample | CategorySample) -> float | Undefined:
        """Return the mean in nats; probabilities are kept off 0 and 1 by their precision."""
        return sample.mean(_surprise(sample))

    def influence(self, sample: BinarySample | CategorySample) -> Floats | None:
        """Return each row's surprise less the mean."""
        return sample.pull(_surprise(sample))


@METRICS.register
class Brier(Metric[BinarySample | CategorySample]):
    """Mean squared distance of the probabilities from what happened, 0 is perfect."""

    type: Literal["brier"] = "brier"
    aliases: ClassVar[tuple[str, ...]] = ("brier_score",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: BinarySample | CategorySample) -> float | Undefined:
        """Return the mean: 0 to 1 for binary, 0 to 2 for a category."""
        return sample.mean(_squares(sample))

    def influence(self, sample: BinarySample | CategorySample) -> Floats | None:
        """Return each row's square less the mean."""
        return sample.pull(_squares(sample))


@METRICS.register
class Ece(Metric[BinarySample | CategorySample]):
    """Mean gap between how sure the model is and how often it is right, 0 is calibrated."""

    type: Literal["ece"] = "ece"
    aliases: ClassVar[tuple[str, ...]] = ("expected_calibration_error",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    worst: ClassVar[float | None] = 1.0

    bins: int = Field(default=15, ge=2, le=1000)
    """Number of bins."""
    adaptive: bool = False
    """Whether each bin holds as many rows; else the bins are of equal width between 0 and 1."""

    @property
    def label(self) -> str:
        """The name, `ece_adaptive` for bins of equal size."""
        return self.name or ("ece_adaptive" if self.adaptive else "ece")

    def measure(self, sample: BinarySample | CategorySample) -> float | Undefined:
        """Return the mean gap, 0 to 1; rows of equal confidence share a bin."""
        return float(np.abs(self._gaps(sample)).sum())

    def influence(self, sample: BinarySample | CategorySample) -> Floats | None:
        """Return each row's pull on the gap of its bin, away from or towards zero."""
        sign = np.sign(self._gaps(sample))[self._index(sample)]
        return sample.pull(sign * _surplus(sample))

    def excess(self, sample: BinarySample | CategorySample) -> float:
        """Return by how much chance alone widens the gaps: the mean of a folded normal."""
        index, surplus, gaps = self._index(sample), _surplus(sample), self._gaps(sample)
        pulled = sample.weighed(surplus) / len(sample)
        if sample.groups is None:
            squares = np.bincount(index, np.square(pulled), minlength=len(gaps))
        else:
            cell = sample.groups * len(gaps) + index
            cells, inverse = np.unique(cell, return_inverse=True)
            sums = np.square(np.bincount(inverse, pulled))
            squares = np.bincount(cells % len(gaps), sums, minlength=len(gaps))
        # The gaps seen are themselves too wide: what chance adds to their squares is taken off.
        likely = np.sqrt(np.maximum(np.square(gaps) - squares, 0.0))
        return float(np.sum(_folded_mean(likely, np.sqrt(squares)) - likely))

    def _gaps(self, sample: BinarySample | CategorySample) -> Floats:
        """Return the gap of each bin as a part of all rows."""
        moved = sample.weighed(_surplus(sample)) / len(sample)
        gaps = np.bincount(self._index(sample), moved, minlength=self.bins)
        return gaps.astype(np.float64)

    def _index(self, sample: BinarySample | CategorySample) -> Ints:
        """Return the bin of each row [N]."""
        confidence = sample.confidence.astype(np.float64)
        if not self.adaptive:
            # Compared with the edges, not multiplied: 0.3 * 10 falls below 3 in floats.
            edges = np.linspace(0, 1, self.bins + 1)[1:-1]
            return np.searchsorted(edges, confidence, side="right")
        order = np.argsort(confidence, kind="stable")
        ordered = confidence[order]
        weights = np.ones(len(order)) if sample.weights is None else sample.weights[order]
        starts = np.cumsum(weights) - weights
        first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        # A hair of tolerance: sums of weights that are no whole numbers miss the edge of a bin.
        place = np.floor(starts[first] / weights.sum() * self.bins + 1e-9).astype(np.int64)
        index = np.empty(len(order), np.int64)
        index[order] = np.repeat(
            place.clip(max=self.bins - 1), np.diff(np.append(first, len(order)))
        )
        return index


def _surplus(sample: BinarySample | CategorySample) -> Floats:
    return np.asarray(sample.is_hit - sample.confidence.astype(np.float64))


def _folded_mean(centre: Floats, spread: Floats) -> Floats:
    """Return the mean size of normal numbers around each centre."""
    safe = np.where(spread > 0, spread, 1.0)
    ratio = np.abs(centre) / safe
    tail = np.array([math.erf(value / math.sqrt(2)) for value in ratio.tolist()])
    mean = safe * math.sqrt(2 / math.pi) * np.exp(-np.square(ratio) / 2) + np.abs(centre) * tail
    return np.where(spread > 0, mean, np.abs(centre))


def _surprise(sample: BinarySample | CategorySample) -> Floats:
    if isinstance(sample, BinarySample):
        given = np.where(sample.is_positive, sample.scores, 1 - sample.scores)
    else:
        given = sample.of_truth
    smallest = np.finfo(given.dtype).eps
    return -np.log(np.clip(given, smallest, 1 - smallest).astype(np.float64))


def _squares(sample: BinarySample | CategorySample) -> Floats:
    if isinstance(sample, BinarySample):
        return np.square(sample.scores.astype(np.float64) - sample.truth)
    scores: Array = sample.scores
    total = np.einsum("nc,nc->n", scores, scores, dtype=np.float64)
    return np.asarray(total - 2.0 * sample.of_truth + 1.0)
