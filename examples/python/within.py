"""A metric of one's own: the share of predictions within ten per cent of the truth.

Name it in a config as `type: module:Class`, with this folder on Python's path; see `own.yaml`.
The decorator lets a saved model find it again once this module has been imported.
"""

from typing import Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import NumberSample


@METRICS.register
class Within(Metric[NumberSample]):
    """Share of predictions whose error is at most a share of the truth."""

    types = frozenset({"number"})
    is_higher_better = True
    best = 1.0
    worst = 0.0

    type: Literal["within"] = "within"
    share: float = Field(default=0.1, gt=0)
    """Largest error, as a share of the truth."""

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the weighted share of rows; rows of any truth count, 0 included."""
        is_within = np.abs(sample.errors) <= self.share * np.abs(sample.truth)
        return sample.mean(is_within.astype(float))
