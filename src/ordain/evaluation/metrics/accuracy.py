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
        return np.asarray(sample.is_correct - sample.is_correct.mean())


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
