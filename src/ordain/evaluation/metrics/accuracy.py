"""Share of rows that are right: over all rows, or as the mean over classes.

Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution".

    evaluation: {metrics: [accuracy, balanced_accuracy]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import ClassSample, Floats


@METRICS.register
class Accuracy(Metric[ClassSample]):
    """Share of rows whose predicted class is the true one."""

    type: Literal["accuracy"] = "accuracy"
    aliases: ClassVar[tuple[str, ...]] = ("accuracy_micro",)
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the share, 0 to 1."""
        return sample.mean(sample.is_correct)

    def influence(self, sample: ClassSample) -> Floats | None:
        """Return 1 or 0 less the mean."""
        return sample.pull(sample.is_correct)

    def successes(self, sample: ClassSample) -> Floats | None:
        """Return 1 where the class is right."""
        return sample.is_correct.astype(np.float64)


@METRICS.register
class BalancedAccuracy(Metric[ClassSample]):
    """Share of right rows within each class, averaged over the classes that occur."""

    type: Literal["balanced_accuracy"] = "balanced_accuracy"
    types: ClassVar[frozenset[str]] = frozenset({"binary", "category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def measure(self, sample: ClassSample) -> float | Undefined:
        """Return the mean recall, 0 to 1; classes without rows do not count."""
        counts = sample.counts
        occurs = counts.truth > 0
        return float(np.mean(counts.hits[occurs] / counts.truth[occurs]))

    def influence(self, sample: ClassSample) -> Floats | None:
        """Return 1 or 0 less the recall of the row's class, over its share of the rows."""
        truth = sample.counts.truth
        held = np.where(truth > 0, truth, 1.0)
        recall, share = sample.counts.hits / held, held / sample.total
        own = sample.truth_index
        centred = (sample.is_correct - recall[own]) / share[own]
        return sample.weighed(centred / np.count_nonzero(truth))

    def effective_rows(self, sample: ClassSample) -> float:
        """Return the rows of the rarest class, times the classes: it moves the mean most."""
        n_classes = np.count_nonzero(sample.counts.truth)
        return min(sample.rows_in(), n_classes * sample.smallest_class_rows())
