"""Agreement beyond chance between predicted and true class.

With c rows right of s, t_k rows of class k and p_k predictions of it:
    mcc   = (c s - sum t_k p_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2))
    kappa = 1 - observed / expected disagreement, where a confusion of classes i and j counts 1,
            or |i - j| (`linear`), or (i - j)^2 (`quadratic`)
Source: Gorodkin 2004 (mcc for many classes); Cohen 1960 and 1968 (kappa, weighted kappa).

    evaluation: {metrics: [mcc, kappa, {type: kappa, weighting: quadratic}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Array, ClassSample, Floats, dot


@METRICS.register
class Mcc(Metric[ClassSample]):
    """Correlation of predicted and true class: 0 is chance, 1 is perfect."""

    type: Literal["mcc"] = "mcc"
    aliases: ClassVar[tuple[str, ...]] = ("matthews_corrcoef",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = -1.0

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the correlation; undefined where truth or predictions are of one class only."""
        counts = sample.counts
        if np.count_nonzero(counts.truth) <= 1:
            return Undefined("the truth has one class only")
        if np.count_nonzero(counts.predicted) <= 1:
            return Undefined("all rows are predicted as one class")
        truth, predicted, right = _shares(sample)
        spread = (1 - dot(truth, truth)) * (1 - dot(predicted, predicted))
        return (right - dot(truth, predicted)) / float(np.sqrt(spread))

    def influence(self, sample: ClassSample) -> Floats | None:
        """Return the slope of the correlation in the three shares it is made of."""
        value = self.measure(sample)
        if isinstance(value, Undefined):
            return None
        truth, predicted, right = _shares(sample)
        own, given = sample.truth_index, sample.predicted
        by_chance = dot(truth, predicted)
        spread_truth = 1 - dot(truth, truth)
        spread_predicted = 1 - dot(predicted, predicted)
        above = sample.is_correct - right - predicted[own] - truth[given] + 2 * by_chance
        shrunk = (1 - spread_truth - truth[own]) / spread_truth
        shrunk = shrunk + (1 - spread_predicted - predicted[given]) / spread_predicted
        return sample.weighed(above / np.sqrt(spread_truth * spread_predicted) - value * shrunk)

    def effective_rows(self, sample: ClassSample) -> float:
        """Return the rows of the rarest class, times the classes: it moves the value most."""
        n_classes = np.count_nonzero(sample.counts.truth)
        return min(sample.rows_in(), n_classes * sample.smallest_class_rows())


@METRICS.register
class Kappa(Metric[ClassSample]):
    """Share of the agreement that chance leaves open: 0 is chance, 1 is perfect."""

    type: Literal["kappa"] = "kappa"
    aliases: ClassVar[tuple[str, ...]] = ("cohen_kappa",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = -1.0

    weighting: Literal["none", "linear", "quadratic"] = "none"
    """How much more a confusion counts the further apart the classes stand in the label order."""

    @property
    def label(self) -> str:
        """The name with its weighting, such as `kappa_quadratic`."""
        return self.name or ("kappa" if self.weighting == "none" else f"kappa_{self.weighting}")

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the share; undefined where the truth has one class only: it says nothing there."""
        if np.count_nonzero(sample.counts.truth) <= 1:
            return Undefined("the truth has one class only")
        truth, predicted, _ = _shares(sample)
        expected = dot(truth, self._against(predicted))
        return 1.0 - sample.mean(self._distance(sample)) / expected

    def influence(self, sample: ClassSample) -> Floats | None:
        """Return the slope of a ratio whose lower part depends on both marginal shares."""
        value = self.measure(sample)
        if isinstance(value, Undefined):
            return None
        truth, predicted, _ = _shares(sample)
        by_prediction, by_truth = self._against(predicted), self._against(truth)
        expected = dot(truth, by_prediction)
        moved = by_prediction[sample.truth_index] + by_truth[sample.predicted] - 2 * expected
        distance = self._distance(sample)
        observed = distance - sample.mean(distance)
        return sample.weighed(((1 - value) * moved - observed) / expected)

    def effective_rows(self, sample: ClassSample) -> float:
        """Return the rows of the rarest class, times the classes: it moves the value most."""
        n_classes = np.count_nonzero(sample.counts.truth)
        return min(sample.rows_in(), n_classes * sample.smallest_class_rows())

    def _distance(self, sample: ClassSample) -> Floats:
        """Return how much each row's confusion counts [N]."""
        if self.weighting == "none":
            return (~sample.is_correct).astype(np.float64)
        steps = sample.truth_index.astype(np.float64) - sample.predicted
        return np.abs(steps) if self.weighting == "linear" else np.square(steps)

    def _against(self, shares: Floats) -> Floats:
        """Return the mean distance of each class [C] to classes drawn by their shares [C]."""
        if self.weighting == "none":
            return np.asarray(shares.sum() - shares)
        place = np.arange(len(shares), dtype=np.float64)
        first, second = dot(place, shares), dot(np.square(place), shares)
        if self.weighting == "quadratic":
            return np.asarray(np.square(place) - 2 * place * first + second)
        reached, summed = np.cumsum(shares), np.cumsum(place * shares)
        return np.asarray(place * (2 * reached - 1) + first - 2 * summed)


def _shares(sample: ClassSample) -> tuple[Floats, Floats, float]:
    """Return the shares of the classes [C] in truth and predictions, and of rows that are right."""
    counts = sample.counts
    right: Array = counts.hits.sum()
    return counts.truth / counts.total, counts.predicted / counts.total, float(right / counts.total)
