"""How good the top of a ranking is: a share of the rows, or as far as precision or recall allow.

    gain = share of the positive rows among the `share` of rows with the highest scores
    lift = gain / share: how many times as many positives as a draw at random would find
Where the cut falls among equal scores, the rows of that score count in proportion.

    evaluation: {metrics: [{type: lift, share: 0.1}, {type: recall_at_precision, precision: 0.9}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample, Floats, Ranking

NO_POSITIVES = Undefined("no row is positive")


@METRICS.register
class Gain(Metric[BinarySample]):
    """Share of the positive rows that are among the highest scores."""

    type: Literal["gain"] = "gain"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows that are taken, the highest scores first."""

    @property
    def label(self) -> str:
        """The name with its share, such as `gain_0.1`."""
        return self.name or f"gain_{self.share:g}"

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is positive."""
        return _gain(sample, self.share)

    def measure_many(self, sample: BinarySample, counts: Floats) -> Floats:
        """Return the share in each resampling."""
        return _gains(sample, counts, self.share)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


@METRICS.register
class Lift(Metric[BinarySample]):
    """How many times as many positives the highest scores hold as rows drawn at random."""

    type: Literal["lift"] = "lift"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    # Perfect scores reach 1 / share, or 1 / rate where more rows are positive: it depends on them.
    best: ClassVar[float] = float("inf")
    is_default: ClassVar[bool] = False

    share: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows that are taken, the highest scores first."""

    @property
    def label(self) -> str:
        """The name with its share, such as `lift_0.1`."""
        return self.name or f"lift_{self.share:g}"

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the ratio, 0 to 1 / share; undefined where no row is positive."""
        gain = _gain(sample, self.share)
        return gain if isinstance(gain, Undefined) else gain / self.share

    def measure_many(self, sample: BinarySample, counts: Floats) -> Floats:
        """Return the ratio in each resampling."""
        return _gains(sample, counts, self.share) / self.share

    def idle(self, sample: BinarySample) -> float | None:
        """Return 1: rows drawn at random."""
        del sample
        return 1.0


@METRICS.register
class RecallAtPrecision(Metric[BinarySample]):
    """Share of the positive rows found at the best threshold that keeps a precision."""

    type: Literal["recall_at_precision"] = "recall_at_precision"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    precision: float = Field(default=0.9, gt=0, le=1)
    """Share of the rows called positive that must be positive."""

    @property
    def label(self) -> str:
        """The name with its precision, such as `recall_at_precision_0.9`."""
        return self.name or f"recall_at_precision_{self.precision:g}"

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; 0 where no threshold keeps the precision."""
        ranking = sample.ranking
        if ranking.positives[-1] <= 0:
            return NO_POSITIVES
        keeps = _precision(ranking) >= self.precision
        return float(ranking.positives[keeps].max(initial=0.0) / ranking.positives[-1])

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


@METRICS.register
class PrecisionAtRecall(Metric[BinarySample]):
    """Share of the rows called positive that are positive, at the best threshold for a recall."""

    type: Literal["precision_at_recall"] = "precision_at_recall"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    recall: float = Field(default=0.9, gt=0, le=1)
    """Share of the positive rows that must be found."""

    @property
    def label(self) -> str:
        """The name with its recall, such as `precision_at_recall_0.9`."""
        return self.name or f"precision_at_recall_{self.recall:g}"

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the share, 0 to 1; undefined where no row is positive."""
        ranking = sample.ranking
        if ranking.positives[-1] <= 0:
            return NO_POSITIVES
        keeps = ranking.positives / ranking.positives[-1] >= self.recall
        return float(_precision(ranking)[keeps].max())

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


def _precision(ranking: Ranking) -> Floats:
    called = ranking.positives + ranking.negatives
    return np.asarray(ranking.positives / np.where(called > 0, called, 1.0))


def _gain(sample: BinarySample, share: float) -> float | Undefined:
    ranking = sample.ranking
    if ranking.positives[-1] <= 0:
        return NO_POSITIVES
    called = ranking.positives + ranking.negatives
    found = np.interp(share * called[-1], np.append(0.0, called), np.append(0.0, ranking.positives))
    return float(found / ranking.positives[-1])


def _gains(sample: BinarySample, counts: Floats, share: float) -> Floats:
    """Return the gain of R resamplings [R]: the ranking is sorted once for all."""
    weights = counts if sample.weights is None else counts * sample.weights
    weights = weights[:, sample.order]
    ends = sample.group_ends
    called = np.cumsum(weights, axis=1)[:, ends]
    found = np.cumsum(weights * sample.is_positive[sample.order], axis=1)[:, ends]
    wanted = share * called[:, -1:]
    last = np.minimum(np.count_nonzero(called < wanted, axis=1), len(ends) - 1)[:, None]
    before = np.maximum(last - 1, 0)
    is_first = last == 0
    low = np.where(is_first, 0.0, np.take_along_axis(called, before, axis=1))
    below = np.where(is_first, 0.0, np.take_along_axis(found, before, axis=1))
    step = np.take_along_axis(called, last, axis=1) - low
    part = np.divide(wanted - low, step, out=np.zeros_like(step), where=step > 0)
    reached = below + part * (np.take_along_axis(found, last, axis=1) - below)
    positives = found[:, -1:]
    return np.divide(
        reached, positives, out=np.full_like(reached, np.nan), where=positives > 0
    ).ravel()
