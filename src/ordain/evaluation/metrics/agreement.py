"""Agreement beyond chance between predicted and true class.

With c rows right of s, t_k rows of class k and p_k predictions of it:
    mcc   = (c s - sum t_k p_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2))
    kappa = (c s - sum t_k p_k) / (s^2 - sum t_k p_k)
Source: Gorodkin 2004 (mcc for many classes); Cohen 1960.

    evaluation: {metrics: [mcc, kappa]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import ClassSample, dot


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
        total = counts.total
        spread_truth = total**2 - dot(counts.truth, counts.truth)
        spread_predicted = total**2 - dot(counts.predicted, counts.predicted)
        if np.count_nonzero(counts.truth) <= 1:
            return Undefined("the truth has one class only")
        if np.count_nonzero(counts.predicted) <= 1:
            return Undefined("all rows are predicted as one class")
        above_chance = float(counts.hits.sum()) * total - dot(counts.truth, counts.predicted)
        return above_chance / float(np.sqrt(spread_truth) * np.sqrt(spread_predicted))


@METRICS.register
class Kappa(Metric[ClassSample]):
    """Share of the agreement that chance leaves open: 0 is chance, 1 is perfect."""

    type: Literal["kappa"] = "kappa"
    aliases: ClassVar[tuple[str, ...]] = ("cohen_kappa",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = -1.0

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the share; undefined where truth and predictions are all of one class."""
        counts = sample.counts
        if np.count_nonzero(counts.truth + counts.predicted) <= 1:
            return Undefined("truth and predictions have one class only")
        by_chance = dot(counts.truth, counts.predicted)
        above_chance = float(counts.hits.sum()) * counts.total - by_chance
        return above_chance / (counts.total**2 - by_chance)
