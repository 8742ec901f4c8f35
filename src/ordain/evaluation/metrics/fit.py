"""How much of a number's ups and downs the predictions follow.

r2 = 1 - sum (truth - prediction)^2 / sum (truth - mean)^2
pearson = correlation of truth and prediction; spearman = the same of their ranks

evaluation: {metrics: [r2, pearson, spearman]}
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Floats, NumberSample

CONSTANT_TRUTH = Undefined("the truth is the same in all rows")


@METRICS.register
class R2(Metric[NumberSample]):
    """Share of the target's variance that is explained: 0 is as good as the mean, 1 is perfect."""

    type: Literal["r2"] = "r2"
    aliases: ClassVar[tuple[str, ...]] = ("r_squared",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the share, below zero where the mean is better; undefined for constant truth."""
        if _is_constant(sample.truth):
            return CONSTANT_TRUTH
        spread = sample.mean(np.square(sample.truth - sample.mean(sample.truth)))
        if spread <= 0:
            return CONSTANT_TRUTH
        return 1.0 - sample.mean(sample.squared_errors) / spread

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the delta method's values for a ratio of two means."""
        if _is_constant(sample.truth):
            return None
        squares = np.square(sample.truth - sample.mean(sample.truth))
        return -sample.pull(sample.squared_errors, squares)


@METRICS.register
class Pearson(Metric[NumberSample]):
    """Correlation of prediction and truth; blind to a wrong scale or offset."""

    type: Literal["pearson"] = "pearson"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = -1.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the correlation; undefined where either is constant."""
        return _correlation(sample, sample.truth, sample.scores)

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return ``x y - r (x^2 + y^2) / 2`` of the standardised values."""
        correlation = self.measure(sample)
        if isinstance(correlation, Undefined):
            return None
        truth, scores = (_standardised(sample, v) for v in (sample.truth, sample.scores))
        squares = np.square(truth) + np.square(scores)
        return sample.weighed(truth * scores - correlation * squares / 2)


@METRICS.register
class Spearman(Metric[NumberSample]):
    """Correlation of the ranks of prediction and truth: only the order counts."""

    type: Literal["spearman"] = "spearman"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = -1.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the correlation; equal values share a rank.

        A rank counts weights: a row of weight two takes two places.
        """
        ranks = (_ranks(values, sample.weights) for values in (sample.truth, sample.scores))
        return _correlation(sample, *ranks)

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return a row's own pull, and what it does to the ranks of the rows above it."""
        correlation = self.measure(sample)
        if isinstance(correlation, Undefined):
            return None
        truth, scores = (
            _standardised(sample, _ranks(values, sample.weights))
            for values in (sample.truth, sample.scores)
        )
        squares = np.square(truth) + np.square(scores)
        pulled = truth * scores - correlation * squares / 2
        for values, own, other in (
            (sample.truth, truth, scores),
            (sample.scores, scores, truth),
        ):
            pulled = pulled + _lifted(sample, values, slope=other - correlation * own)
        return sample.weighed(pulled)


def _standardised(sample: NumberSample, values: Floats) -> Floats:
    centred = values - sample.mean(values)
    return np.asarray(centred / np.sqrt(sample.mean(np.square(centred))))


def _lifted(sample: NumberSample, values: Floats, *, slope: Floats) -> Floats:
    """Return the mean of `slope` over the rows [N] by how far each row [N] lifts their ranks.

    A row lifts the rank of every row above it by its weight, of its equals by half of it; ranks
    are standardised, so that their unit is their spread.
    """
    ranks = _ranks(values, sample.weights)
    unit = math.sqrt(sample.mean(np.square(ranks - sample.mean(ranks)))) / sample.total
    order = np.argsort(values)
    ordered = values[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    summed = np.cumsum(sample.weighed(slope)[order])[ends]
    above = (summed[-1] - summed + np.diff(summed, prepend=0.0) / 2) / len(values)
    lifted = np.empty(len(values))
    lifted[order] = np.repeat(above, np.diff(ends, prepend=-1)) / unit
    # What all rows together lift is taken off: the influence has mean zero.
    return lifted - sample.mean(lifted)


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())


def _correlation(sample: NumberSample, truth: Floats, scores: Floats) -> float | Undefined:
    if _is_constant(truth):
        return CONSTANT_TRUTH
    if _is_constant(scores):
        return Undefined("the prediction is the same in all rows")
    truth = truth - sample.mean(truth)
    scores = scores - sample.mean(scores)
    spread = sample.mean(np.square(truth)) * sample.mean(np.square(scores))
    if spread <= 0:
        return Undefined("truth or prediction does not vary in the rows that have weight")
    return float(np.clip(sample.mean(truth * scores) / np.sqrt(spread), -1, 1))


def _ranks(values: Floats, weights: Floats | None) -> Floats:
    order = np.argsort(values)
    ordered = values[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    reached = ends + 1.0 if weights is None else np.cumsum(weights[order])[ends]
    middles = reached - np.diff(reached, prepend=0.0) / 2
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(middles, np.diff(ends, prepend=-1))
    return ranks
