"""Whether the true class is among the k most likely ones.

evaluation: {metrics: [{type: top_k, k: 5}]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import CategorySample, Floats


@METRICS.register
class TopK(Metric[CategorySample]):
    """Share of rows whose true class is among the `k` most likely."""

    type: Literal["top_k"] = "top_k"
    aliases: ClassVar[tuple[str, ...]] = ("hits_at_k",)
    types: ClassVar[frozenset[str]] = frozenset({"category"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    k: int = Field(default=3, ge=1)
    """How many of the most likely classes count."""

    @property
    def label(self) -> str:
        """The name with its number, such as `top_3`."""
        return self.name or f"top_{self.k}"

    def measure(self, sample: CategorySample) -> float | Undefined:
        """Return the share, 0 to 1; of equal scores the class listed first comes first.

        Undefined where there are no more than `k` classes.
        """
        if sample.n_classes <= self.k:
            return Undefined(f"there are only {sample.n_classes} classes")
        return sample.mean(self._hits(sample))

    def influence(self, sample: CategorySample) -> Floats | None:
        """Return 1 or 0 less the mean."""
        return sample.pull(self._hits(sample))

    def successes(self, sample: CategorySample) -> Floats | None:
        """Return 1 where the true class is among the `k`."""
        return self._hits(sample).astype(np.float64)

    def _hits(self, sample: CategorySample) -> npt.NDArray[np.bool_]:
        own = sample.of_truth[:, None]
        before = np.arange(sample.n_classes) < sample.truth[:, None]
        ahead = (sample.scores > own) | ((sample.scores == own) & before)
        return np.asarray(np.count_nonzero(ahead, axis=1) < self.k)
