"""How well the positive class of a binary output is found, at a probability of one half.

With TP, FP, FN, TN the weighted counts of the confusion matrix:
    precision = TP / (TP + FP)    negative_predictive_value = TN / (TN + FN)
    recall = TP / (TP + FN)       specificity = TN / (TN + FP)
    f_beta = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)

All are ratios of two sums over the rows, so each row's pull is that of a ratio.

    evaluation: {metrics: [precision, recall, f1, {type: f_beta, beta: 2}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample, Floats

NO_POSITIVES = Undefined("no row is positive")


@METRICS.register
class Precision(Metric[BinarySample]):
    """Share of the rows called positive that are positive."""

    type: Literal["precision"] = "precision"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is called positive."""
        counts = sample.counts
        if counts.predicted[1] <= 0:
            return Undefined("no row is called positive")
        return float(counts.hits[1] / counts.predicted[1])

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull of each row that is called positive."""
        called = _called(sample)
        return sample.pull(called & sample.is_positive, called)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the rows called positive."""
        return sample.rows_in(_called(sample))


@METRICS.register
class NegativePredictiveValue(Metric[BinarySample]):
    """Share of the rows called negative that are negative."""

    type: Literal["negative_predictive_value"] = "negative_predictive_value"
    aliases: ClassVar[tuple[str, ...]] = ("npv",)
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is called negative."""
        counts = sample.counts
        if counts.predicted[0] <= 0:
            return Undefined("no row is called negative")
        return float(counts.hits[0] / counts.predicted[0])

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull of each row that is called negative."""
        spared = ~_called(sample)
        return sample.pull(spared & ~sample.is_positive, spared)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the rows called negative."""
        return sample.rows_in(~_called(sample))


@METRICS.register
class Recall(Metric[BinarySample]):
    """Share of the positive rows that are found."""

    type: Literal["recall"] = "recall"
    aliases: ClassVar[tuple[str, ...]] = ("sensitivity",)
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is positive."""
        counts = sample.counts
        return float(counts.hits[1] / counts.truth[1]) if counts.truth[1] > 0 else NO_POSITIVES

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull of each positive row."""
        return sample.pull(_called(sample) & sample.is_positive, sample.is_positive)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)

    def successes(self, sample: BinarySample) -> Floats | None:
        """Return 1 where a positive row is found."""
        return np.where(sample.is_positive, _called(sample), np.nan)


@METRICS.register
class Specificity(Metric[BinarySample]):
    """Share of the negative rows that are left alone."""

    type: Literal["specificity"] = "specificity"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is negative."""
        counts = sample.counts
        if counts.truth[0] <= 0:
            return Undefined("no row is negative")
        return float(counts.hits[0] / counts.truth[0])

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull of each negative row."""
        negative = ~sample.is_positive
        return sample.pull(negative & ~_called(sample), negative)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the negative rows."""
        return sample.rows_in(~sample.is_positive)

    def successes(self, sample: BinarySample) -> Floats | None:
        """Return 1 where a negative row is left alone."""
        return np.where(sample.is_positive, np.nan, ~_called(sample))


@METRICS.register
class F1(Metric[BinarySample]):
    """Harmonic mean of precision and recall."""

    type: Literal["f1"] = "f1"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the mean, 0 to 1; undefined where no row is positive."""
        return _f_beta(sample, 1.0)

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull on a ratio of counts."""
        return _f_beta_pull(sample, 1.0)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


@METRICS.register
class FBeta(Metric[BinarySample]):
    """Mean of precision and recall in which recall counts `beta` times as much."""

    type: Literal["f_beta"] = "f_beta"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    beta: float = Field(default=2.0, gt=0)
    """How many times as much recall counts as precision."""

    @property
    def label(self) -> str:
        """The name with its beta, such as `f_2`."""
        return self.name or f"f_{self.beta:g}"

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the mean, 0 to 1; undefined where no row is positive."""
        return _f_beta(sample, self.beta)

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull on a ratio of counts."""
        return _f_beta_pull(sample, self.beta)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


def _f_beta(sample: BinarySample, beta: float) -> float | Undefined:
    counts = sample.counts
    if counts.truth[1] <= 0:
        return NO_POSITIVES
    square = beta**2
    return float((1 + square) * counts.hits[1] / (square * counts.truth[1] + counts.predicted[1]))


def _f_beta_pull(sample: BinarySample, beta: float) -> Floats:
    square, called = beta**2, _called(sample)
    above = (1 + square) * (called & sample.is_positive)
    return sample.pull(above, square * sample.is_positive + called)


def _called(sample: BinarySample) -> npt.NDArray[np.bool_]:
    """Return whether each row is called positive [N]."""
    return np.asarray(sample.predicted == 1)
