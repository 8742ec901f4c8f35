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
        """Return DeLong's placements, centred and scaled to mean form; None for a category."""
        if not isinstance(sample, BinarySample) or _missing_side(sample.ranking):
            return None
        return _placements(sample)


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
    ranking, n_rows = sample.ranking, len(sample)
    n_positive, n_negative = ranking.positives[-1], ranking.negatives[-1]
    half_positive = ranking.positives - np.diff(ranking.positives, prepend=0.0) / 2
    half_negative = ranking.negatives - np.diff(ranking.negatives, prepend=0.0) / 2
    sizes = np.diff(sample.group_ends, prepend=-1)
    as_positive = np.repeat(1 - half_negative / n_negative, sizes)
    as_negative = np.repeat(half_positive / n_positive, sizes)
    positive = sample.is_positive[sample.order]
    area = _area(ranking)
    share = np.where(positive, as_positive, as_negative) - area
    placed = np.empty(n_rows)
    placed[sample.order] = share * n_rows / np.where(positive, n_positive, n_negative)
    return placed
