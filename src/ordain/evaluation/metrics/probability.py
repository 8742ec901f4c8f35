"""How good the probabilities are, not only the predicted classes.

    log_loss = mean of -log p(true class)
    brier    = mean of (p - y)^2; for a category, summed over the classes
    ece      = mean over bins of |share that came true - mean confidence|, by rows in the bin
Sources: Brier 1950; Naeini et al. 2015 (ece).

    evaluation: {metrics: [log_loss, brier, {type: ece, bins: 20}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Array, BinarySample, CategorySample, Floats


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
        return _centred(_surprise(sample))


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
        return _centred(_squares(sample))


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
    """Number of bins of equal width between 0 and 1."""

    def measure(self, sample: BinarySample | CategorySample) -> float | Undefined:
        """Return the mean gap, 0 to 1."""
        confidence = sample.confidence.astype(np.float64)
        # Compared with the bins' edges, not multiplied: 0.3 * 10 falls below 3 in floats.
        edges = np.linspace(0, 1, self.bins + 1)[1:-1]
        index = np.searchsorted(edges, confidence, side="right")
        surplus: Floats = sample.is_hit - confidence
        if sample.weights is not None:
            surplus = surplus * sample.weights
        return float(np.abs(np.bincount(index, surplus)).sum() / sample.total)


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


def _centred(values: Floats) -> Floats:
    return np.asarray(values - values.mean())
