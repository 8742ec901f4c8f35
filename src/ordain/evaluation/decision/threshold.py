"""The threshold: from which probability on a row is called positive.

    evaluation:
      threshold: {maximize: f1}
      threshold: {minimize: cost}
      threshold: {maximize: recall, subject_to: {metric: precision, at_least: 0.9}}

Chosen on validation rows, after calibration, midway between two neighbouring probabilities: first
among at most 400 of them, evenly by rank, then among all that lie around the best of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from ordain.config.evaluation import Limit, Threshold
from ordain.evaluation.judgement import Record
from ordain.evaluation.metric import Metric, value_of
from ordain.evaluation.sample import Array, BinarySample, Extras, Floats
from ordain.evaluation.subject import Target

N_CANDIDATES = 400
N_KEPT = 101
MIN_ROWS = 20

MetricNamed = Callable[[str], Metric[Any]]


class ThresholdChoice(Record):
    """The threshold that was chosen, and why."""

    threshold: float
    reason: str
    metric: str = ""
    """That was to be made large or small."""
    value: float | None = None
    """Of the metric on the validation rows."""
    value_before: float | None = None
    """Of the metric at the threshold there was before, for comparison."""
    is_met: bool = True
    """Whether it could be chosen, and what it was subject to holds, on the validation rows."""
    bound: str = ""
    """Metric that had to hold besides."""
    tried: dict[str, tuple[float | None, ...]] = Field(default_factory=dict)
    """At most 101 of the thresholds that were tried: `threshold`, `value` of the metric and
    `bound`, the value of what it was subject to."""


def choose_threshold(
    declared: Threshold, validation: Target, *, metric_named: MetricNamed
) -> ThresholdChoice:
    """Return the threshold for a binary output.

    Args:
        declared: what to make large or small, and what has to hold besides.
        validation: calibrated scores of rows whose truth is known; its threshold stays where
            nothing can be chosen.
        metric_named: gives the metric of a name as the config says it.

    Raises:
        UsageError: there is no such metric.
    """
    name = declared.maximize or declared.minimize or ""
    search = _Search(declared, validation, metric_named)
    before = validation.threshold
    reason = _why_not(search, validation)
    if reason:
        return ThresholdChoice(threshold=before, reason=reason, metric=name, is_met=False)
    middles = _middles(validation.scores)
    at = np.unique(np.linspace(0, len(middles) - 1, N_CANDIDATES).astype(int))
    best = int(at[search.best(middles[at])])
    if len(middles) > N_CANDIDATES:
        around = slice(max(0, best - _step(middles)), best + _step(middles) + 1)
        near = middles[around]
        chosen = float(near[search.best(near)])
    else:
        chosen = float(middles[best])
    gap = search.gap(chosen)
    if gap > 0:
        assert declared.subject_to is not None, "nothing else leaves a gap"
        bound = declared.subject_to.metric
        reason = f"no threshold meets the bound on `{bound}`; this one comes closest"
    else:
        verb = "largest" if declared.maximize else "smallest"
        reason = f"`{name}` of {len(validation.truth):,} validation rows is {verb} there"
        if declared.subject_to is not None:
            reason += f" among those that hold `{declared.subject_to.metric}`"
    return ThresholdChoice(
        threshold=chosen,
        reason=reason,
        metric=name,
        value=_known(search.value(chosen)),
        value_before=_known(search.value(before)),
        is_met=gap <= 0,
        bound="" if search.bound is None else search.bound.label,
        tried=_tried(search, middles),
    )


@dataclass
class _Search:
    declared: Threshold
    validation: Target
    metric_named: MetricNamed

    def __post_init__(self) -> None:
        self.goal = self.metric_named(self.declared.maximize or self.declared.minimize or "")
        limit = self.declared.subject_to
        self.bound = None if limit is None else self.metric_named(limit.metric)

    def best(self, thresholds: Floats) -> int:
        """Return the place of the best: within the bound where one is, else the nearest to it."""
        gaps = np.array([self.gap(threshold) for threshold in thresholds])
        if not (gaps <= 0).any():
            return int(np.argmin(gaps))
        sign = 1.0 if self.declared.maximize else -1.0
        values = np.array([sign * self.value(threshold) for threshold in thresholds])
        values[(gaps > 0) | np.isnan(values)] = -np.inf
        return int(np.argmax(values))

    def value(self, threshold: float) -> float:
        """Return what is to be made large or small; NaN where it has no value."""
        return value_of(self.goal.evaluate(self._sample(threshold)))

    def gap(self, threshold: float) -> float:
        """Return how far outside of its bound the other metric is; 0 or less inside."""
        if self.bound is None or self.declared.subject_to is None:
            return 0.0
        return _gap(self.bound_value(threshold), self.declared.subject_to)

    def bound_value(self, threshold: float) -> float:
        """Return what has to hold besides; NaN where it has no value."""
        assert self.bound is not None, "it is asked only where something has to hold"
        return value_of(self.bound.evaluate(self._sample(threshold)))

    def _sample(self, threshold: float) -> BinarySample:
        given = self.validation
        extras = Extras(labels=given.labels)
        return BinarySample(given.truth, given.scores, threshold=float(threshold), extras=extras)


def _tried(search: _Search, middles: Floats) -> dict[str, tuple[float | None, ...]]:
    at = np.unique(np.linspace(0, len(middles) - 1, N_KEPT).astype(int))
    thresholds = [float(one) for one in middles[at]]
    found = {
        "threshold": tuple(thresholds),
        "value": tuple(_known(search.value(one)) for one in thresholds),
    }
    if search.bound is None:
        return found
    return {**found, "bound": tuple(_known(search.bound_value(one)) for one in thresholds)}


def _why_not(search: _Search, validation: Target) -> str:
    """Return why no threshold can be chosen, or nothing."""
    n_rows = len(validation.truth)
    if n_rows < MIN_ROWS:
        return f"{n_rows:,} validation rows are too few to choose on; it stays as it is"
    if len(np.unique(validation.truth)) == 1:
        return f"all {n_rows:,} validation rows are of one class; it stays as it is"
    if np.isnan([search.value(threshold) for threshold in (0.0, 0.5, validation.threshold)]).all():
        return f"`{search.goal.label}` has no value on the validation rows; it stays as it is"
    return ""


def _middles(scores: Array) -> Floats:
    """Return probabilities midway between neighbours, so that rounding moves no row across.

    The first calls every row positive, the last (where it can be) none.
    """
    distinct = np.unique(np.asarray(scores, dtype=np.float64))
    last = (distinct[-1:] + 1) / 2 if distinct[-1] < 1 else distinct[:0]
    return np.concatenate([distinct[:1] / 2, (distinct[1:] + distinct[:-1]) / 2, last])


def _step(middles: Floats) -> int:
    return -(-len(middles) // N_CANDIDATES)


def _gap(value: float, limit: Limit) -> float:
    if np.isnan(value):
        return float("inf")
    low = limit.at_least - value if limit.at_least is not None else -np.inf
    high = value - limit.at_most if limit.at_most is not None else -np.inf
    return float(max(low, high))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
