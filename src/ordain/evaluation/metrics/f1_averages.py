"""F1 of a category output, averaged over its classes in three ways.

With TP, FP, FN of one class: f1 = 2 TP / (2 TP + FP + FN). Classes that are neither in the truth
nor predicted do not count.

    evaluation: {metrics: [f1_macro, f1_weighted]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import CategorySample, Counts, Floats, dot


@METRICS.register
class F1Macro(Metric[CategorySample]):
    """F1 of each class, averaged so that small classes count as much as large ones."""

    type: Literal["f1_macro"] = "f1_macro"
    types: ClassVar[frozenset[str]] = frozenset({"category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: CategorySample) -> float | Undefined:
        """Return the mean, 0 to 1."""
        counts = sample.counts
        return float(_f1_by_class(counts)[counts.truth + counts.predicted > 0].mean())


@METRICS.register
class F1Micro(Metric[CategorySample]):
    """F1 over all rows together; with one class a row it equals accuracy."""

    type: Literal["f1_micro"] = "f1_micro"
    types: ClassVar[frozenset[str]] = frozenset({"category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: CategorySample) -> float | Undefined:
        """Return the share, 0 to 1."""
        return float(sample.counts.hits.sum() / sample.counts.total)


@METRICS.register
class F1Weighted(Metric[CategorySample]):
    """F1 of each class, averaged by the number of its rows."""

    type: Literal["f1_weighted"] = "f1_weighted"
    types: ClassVar[frozenset[str]] = frozenset({"category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: CategorySample) -> float | Undefined:
        """Return the mean, 0 to 1."""
        counts = sample.counts
        return dot(_f1_by_class(counts), counts.truth) / counts.total


def _f1_by_class(counts: Counts) -> Floats:
    either = counts.truth + counts.predicted
    return 2 * counts.hits / np.where(either > 0, either, 1.0)
