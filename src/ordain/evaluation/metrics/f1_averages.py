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

    def influence(self, sample: CategorySample) -> Floats | None:
        """Return the mean over the classes of each row's pull on their f1."""
        counts = sample.counts
        n_counted = np.count_nonzero(counts.truth + counts.predicted)
        return _pull(sample, np.full(len(counts.truth), 1.0 / n_counted))

    def effective_rows(self, sample: CategorySample) -> float:
        """Return the rows of the rarest class, times the classes: it moves the mean most."""
        n_classes = np.count_nonzero(sample.counts.truth)
        return min(sample.rows_in(), n_classes * sample.smallest_class_rows())


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

    def influence(self, sample: CategorySample) -> Floats | None:
        """Return 1 or 0 less the mean."""
        return sample.pull(sample.is_correct)

    def successes(self, sample: CategorySample) -> Floats | None:
        """Return 1 where the class is right."""
        return sample.is_correct.astype(np.float64)


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

    def influence(self, sample: CategorySample) -> Floats | None:
        """Return each row's pull on the f1 of the classes and on their shares."""
        counts = sample.counts
        moved = sample.pull(_f1_by_class(counts)[sample.truth])
        return moved + _pull(sample, counts.truth / counts.total)


def _f1_by_class(counts: Counts) -> Floats:
    either = counts.truth + counts.predicted
    return 2 * counts.hits / np.where(either > 0, either, 1.0)


def _pull(sample: CategorySample, parts: Floats) -> Floats:
    """Return each row's pull [N] on the sum of `parts` [C] times the f1 of the classes."""
    counts = sample.counts
    either = counts.truth + counts.predicted
    scale = parts * sample.total / np.where(either > 0, either, 1.0)
    f1 = _f1_by_class(counts)
    own, given = sample.truth, sample.predicted
    pulled = 2.0 * sample.is_correct * scale[own] - f1[own] * scale[own] - f1[given] * scale[given]
    return sample.weighed(pulled)
