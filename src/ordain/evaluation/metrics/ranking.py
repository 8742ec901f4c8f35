"""How well scores put positive rows before negative ones, at every threshold together.

All three read one sorting of the scores; equal scores count as one step, so the order of the rows
does not matter. For a category output each class is taken against the rest.
Sources: Hanley and McNeil 1982; DeLong et al. 1988 and Sun and Xu 2014 (the spread of roc_auc).

    evaluation: {metrics: [roc_auc, average_precision, ks]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import BinarySample, CategorySample, Floats, Ranking, dot

NO_POSITIVES = Undefined("no row is positive")
NO_NEGATIVES = Undefined("every row is positive")


@METRICS.register
class RocAuc(Metric[BinarySample | CategorySample]):
    """Chance that a positive row scores above a negative one; 0.5 is guessing."""

    type: Literal["roc_auc"] = "roc_auc"
    aliases: ClassVar[tuple[str, ...]] = ("auc", "roc_auc_macro")
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample | CategorySample) -> float | Undefined:
        """Return the area under the ROC curve, 0 to 1.

        For a category: the mean over the classes that occur, each against the rest. Undefined
        where only one class occurs.
        """
        if isinstance(sample, BinarySample):
            return _missing_side(sample.ranking) or _area(sample.ranking)
        occurring = np.flatnonzero(sample.counts.truth > 0)
        if len(occurring) <= 1:
            return Undefined("the truth has one class only")
        rest = (sample.against_rest(int(index)) for index in occurring)
        return float(np.mean([_area(one.ranking) for one in rest]))

    def influence(self, sample: BinarySample | CategorySample) -> Floats | None:
        """Return DeLong's placements, centred; for a category the mean of those of its classes."""
        if isinstance(sample, BinarySample):
            return None if _missing_side(sample.ranking) else _placements(sample)
        occurring = np.flatnonzero(sample.counts.truth > 0)
        if len(occurring) <= 1:
            return None
        total = np.zeros(len(sample))
        for index in occurring.tolist():
            total += _placements(sample.against_rest(index))
        return total / len(occurring)

    def effective_rows(self, sample: BinarySample | CategorySample) -> float:
        """Return the rows of the rarest class, times the classes that are averaged over."""
        rarest = sample.smallest_class_rows()
        if isinstance(sample, BinarySample):
            return rarest
        return min(sample.rows_in(), np.count_nonzero(sample.counts.truth) * rarest)


@METRICS.register
class AveragePrecision(Metric[BinarySample]):
    """Precision averaged over recall; guessing gives the share of positives."""

    type: Literal["average_precision"] = "average_precision"
    aliases: ClassVar[tuple[str, ...]] = ("pr_auc",)
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the sum of precision times the gain in recall; undefined for one class only."""
        ranking = sample.ranking
        if missing := _missing_side(ranking):
            return missing
        called = ranking.positives + ranking.negatives
        precision = ranking.positives / np.where(called > 0, called, 1.0)
        gain = np.diff(ranking.positives, prepend=0.0)
        return dot(precision, gain) / float(ranking.positives[-1])

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return a row's own precision, and what it does to the precision of the rows below it."""
        ranking = sample.ranking
        if _missing_side(ranking):
            return None
        called = ranking.positives + ranking.negatives
        safe = np.where(called > 0, called, 1.0)
        precision = ranking.positives / safe
        gain = np.diff(ranking.positives, prepend=0.0)
        raised = _from_here_on(gain * (1 - precision) / safe)
        lowered = _from_here_on(gain * precision / safe)
        as_positive = precision - dot(precision, gain) / ranking.positives[-1] + raised
        scale = sample.total / ranking.positives[-1]
        return _by_row(sample, as_positive * scale, -lowered * scale)

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the positive rows."""
        return sample.rows_in(sample.is_positive)


@METRICS.register
class Ks(Metric[BinarySample]):
    """Largest gap between the shares of positives and of negatives above a threshold."""

    type: Literal["ks"] = "ks"
    types: ClassVar[frozenset[str]] = frozenset({"binary"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: BinarySample) -> float | Undefined:
        """Return the Kolmogorov-Smirnov distance, 0 to 1."""
        ranking = sample.ranking
        if missing := _missing_side(ranking):
            return missing
        found = ranking.positives / ranking.positives[-1]
        alarmed = ranking.negatives / ranking.negatives[-1]
        return float(np.abs(found - alarmed).max())

    def influence(self, sample: BinarySample) -> Floats | None:
        """Return the pull on the gap at the threshold where it is largest."""
        ranking = sample.ranking
        if _missing_side(ranking):
            return None
        found = ranking.positives / ranking.positives[-1]
        alarmed = ranking.negatives / ranking.negatives[-1]
        place = int(np.abs(found - alarmed).argmax())
        above = np.arange(len(found)) <= place
        sign = np.sign(found[place] - alarmed[place])
        return np.asarray(
            sign
            * _by_row(
                sample,
                (above - found[place]) * sample.total / ranking.positives[-1],
                (alarmed[place] - above) * sample.total / ranking.negatives[-1],
            )
        )

    def effective_rows(self, sample: BinarySample) -> float:
        """Return the rows of the rarer class."""
        return sample.smallest_class_rows()


def _missing_side(ranking: Ranking) -> Undefined | None:
    if ranking.positives[-1] <= 0:
        return NO_POSITIVES
    return NO_NEGATIVES if ranking.negatives[-1] <= 0 else None


def _area(ranking: Ranking) -> float:
    step = np.diff(ranking.negatives, prepend=0.0)
    height = ranking.positives - np.diff(ranking.positives, prepend=0.0) / 2
    return dot(step, height) / float(ranking.positives[-1] * ranking.negatives[-1])


def _placements(sample: BinarySample) -> Floats:
    """Return, for each row, the share of the other class it is ranked rightly against, centred."""
    ranking = sample.ranking
    n_positive, n_negative = ranking.positives[-1], ranking.negatives[-1]
    half_positive = ranking.positives - np.diff(ranking.positives, prepend=0.0) / 2
    half_negative = ranking.negatives - np.diff(ranking.negatives, prepend=0.0) / 2
    area = _area(ranking)
    return _by_row(
        sample,
        (1 - half_negative / n_negative - area) * (sample.total / n_positive),
        (half_positive / n_positive - area) * (sample.total / n_negative),
    )


def _from_here_on(values: Floats) -> Floats:
    """Return the sum of each value and all that follow it."""
    return np.asarray(np.cumsum(values[::-1])[::-1])


def _by_row(sample: BinarySample, as_positive: Floats, as_negative: Floats) -> Floats:
    """Return each row's value [N], weighed, from those of its distinct score [K] by its class."""
    sizes = np.diff(sample.group_ends, prepend=-1)
    positive = sample.is_positive[sample.order]
    placed = np.empty(len(sample))
    placed[sample.order] = np.where(
        positive, np.repeat(as_positive, sizes), np.repeat(as_negative, sizes)
    )
    return sample.weighed(placed)
