"""How much of a number's ups and downs the predictions follow.

r2 = 1 - sum (truth - prediction)^2 / sum (truth - mean)^2
pearson = correlation of truth and prediction; spearman = the same of their ranks

evaluation: {metrics: [r2, pearson, spearman]}
"""

from __future__ import annotations

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
        squares = np.square(sample.truth - sample.truth.mean())
        ratio = sample.squared_errors.mean() / squares.mean()
        return np.asarray((ratio * squares - sample.squared_errors) / squares.mean())


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
