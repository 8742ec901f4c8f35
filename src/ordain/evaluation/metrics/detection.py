"""How well the positive class of a binary output is found, at a probability of one half.

With TP, FP, FN, TN the weighted counts of the confusion matrix:
    precision = TP / (TP + FP)    recall = TP / (TP + FN)    specificity = TN / (TN + FP)
    f_beta = (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)

    evaluation: {metrics: [precision, recall, f1, {type: f_beta, beta: 2}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample

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


def _f_beta(sample: BinarySample, beta: float) -> float | Undefined:
    counts = sample.counts
    if counts.truth[1] <= 0:
        return NO_POSITIVES
    square = beta**2
    return float((1 + square) * counts.hits[1] / (square * counts.truth[1] + counts.predicted[1]))
