"""How good predicted intervals of a number are: how many hold the truth, and how wide they are.

    coverage = share of rows with low <= truth <= high;   width = mean of high - low
    interval_score = width + 2 / (1 - level) * how far the truth lies outside, on average
Each alone can be had for nothing (all is covered by endless intervals): read them together.
Source: Gneiting and Raftery 2007 (the interval score of Winkler 1972).

    evaluation: {metrics: [interval_coverage, interval_width], intervals: 0.9}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Floats, NumberSample

NO_INTERVALS = Undefined("the model predicts no intervals")
NOT_NUMBERS = Undefined("the ends of some intervals are not numbers")


@METRICS.register
class IntervalCoverage(Metric[NumberSample]):
    """Share of the rows whose predicted interval holds the truth."""

    type: Literal["interval_coverage"] = "interval_coverage"
    aliases: ClassVar[tuple[str, ...]] = ("coverage",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0
    is_default: ClassVar[bool] = False

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the share, 0 to 1; the ends count as inside."""
        return _without_intervals(sample) or sample.mean(_is_inside(sample))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return 1 or 0 less the mean."""
        return None if _without_intervals(sample) else sample.pull(_is_inside(sample))

    def successes(self, sample: NumberSample) -> Floats | None:
        """Return 1 where the truth is inside."""
        return None if _without_intervals(sample) else _is_inside(sample).astype(np.float64)


@METRICS.register
class IntervalWidth(Metric[NumberSample]):
    """Mean width of the predicted intervals, in the target's unit."""

    type: Literal["interval_width"] = "interval_width"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    is_default: ClassVar[bool] = False

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean width."""
        return _without_intervals(sample) or sample.mean(_widths(sample))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return each width less the mean."""
        return sample.pull(_widths(sample)) if _are_finite(sample) else None


@METRICS.register
class IntervalScore(Metric[NumberSample]):
    """Mean width of the intervals and what the truth lies outside, least for honest intervals."""

    type: Literal["interval_score"] = "interval_score"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    is_default: ClassVar[bool] = False

    level: float = Field(default=0.9, gt=0, lt=1)
    """Share of rows that the intervals are to hold."""

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean score, in the target's unit."""
        return _without_intervals(sample) or sample.mean(self._scores(sample))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return each score less the mean."""
        return sample.pull(self._scores(sample)) if _are_finite(sample) else None

    def _scores(self, sample: NumberSample) -> Floats:
        low, high = _ends(sample)
        outside = np.maximum(low - sample.truth, 0) + np.maximum(sample.truth - high, 0)
        return np.asarray(_widths(sample) + 2 / (1 - self.level) * outside)


def _without_intervals(sample: NumberSample) -> Undefined | None:
    if sample.bounds is None:
        return NO_INTERVALS
    return NOT_NUMBERS if np.isnan(sample.bounds).any() else None


def _are_finite(sample: NumberSample) -> bool:
    return sample.bounds is not None and bool(np.isfinite(sample.bounds).all())


def _ends(sample: NumberSample) -> tuple[Floats, Floats]:
    assert sample.bounds is not None, "asked for only where there are intervals"
    return sample.bounds[:, 0], sample.bounds[:, 1]


def _is_inside(sample: NumberSample) -> npt.NDArray[np.bool_]:
    low, high = _ends(sample)
    return np.asarray((low <= sample.truth) & (sample.truth <= high))


def _widths(sample: NumberSample) -> Floats:
    low, high = _ends(sample)
    return np.asarray(high - low)
