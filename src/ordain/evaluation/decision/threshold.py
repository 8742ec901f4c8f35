"""The threshold: from which probability on a row is called positive.

    evaluation:
      threshold: {maximize: f1}
      threshold: {minimize: cost}
      threshold: {maximize: recall, subject_to: {metric: precision, at_least: 0.9}}

Chosen among the distinct probabilities of the validation rows (at most 400 of them, evenly by
rank), after calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ordain.config.evaluation import Threshold
from ordain.evaluation.judgement import Record
from ordain.evaluation.metric import Metric, value_of
from ordain.evaluation.sample import THRESHOLD, Array, BinarySample

N_CANDIDATES = 400
MIN_ROWS = 20


class ThresholdChoice(Record):
    """The threshold that was chosen, and why."""

    threshold: float
    reason: str
    metric: str = ""
    """That was to be made large or small."""
    value: float | None = None
    """Of the metric on the validation rows."""
    value_at_half: float | None = None
    """Of the metric at 0.5, for comparison."""
    is_met: bool = True
    """Whether what it was subject to holds on the validation rows."""


def choose_threshold(
    declared: Threshold,
    truth: Array,
    scores: Array,
    *,
    metric_named: Callable[[str], Metric[Any]],
) -> ThresholdChoice:
    """Return the threshold for a binary output.

    Args:
        declared: what to make large or small, and what has to hold besides.
        truth: 0 or 1 of the validation rows [N], all known.
        scores: probability of the positive class [N], calibrated.
        metric_named: gives the metric of a name as the config says it.

    Raises:
        UsageError: there is no such metric.
    """
    name = declared.maximize or declared.minimize or ""
    goal = metric_named(name)
    if len(truth) < MIN_ROWS or len(np.unique(truth)) < 2:  # noqa: PLR2004 - both classes
        reason = f"{len(truth):,} validation rows are too few to choose on, or of one class"
        return ThresholdChoice(threshold=THRESHOLD, reason=reason, metric=name)
    base = BinarySample(truth, scores)
    candidates = _candidates(scores)
    sign = 1.0 if declared.maximize else -1.0
    values = np.array([sign * _value(goal, base, t) for t in candidates])
    holds = np.ones(len(candidates), dtype=np.bool_)
    limit = declared.subject_to
    if limit is not None:
        bound = metric_named(limit.metric)
        gaps = np.array([_gap(_value(bound, base, t), limit) for t in candidates])
        holds = gaps <= 0
        if not holds.any():
            best = int(np.nanargmin(gaps))
            return _chosen(
                goal, base, candidates[best], name,
                reason=f"no threshold meets the bound on `{limit.metric}`; this one comes closest",
                is_met=False,
            )  # fmt: skip
    values[~holds | np.isnan(values)] = -np.inf
    best = int(np.argmax(values))
    verb = "largest" if declared.maximize else "smallest"
    reason = f"`{name}` of {len(truth):,} validation rows is {verb} there"
    if limit is not None:
        reason += f" among those that hold `{limit.metric}`"
    return _chosen(goal, base, candidates[best], name, reason=reason, is_met=True)


def _chosen(
    goal: Metric[Any],
    base: BinarySample,
    threshold: float,
    name: str,
    *,
    reason: str,
    is_met: bool,
) -> ThresholdChoice:
    value, at_half = _value(goal, base, threshold), _value(goal, base, THRESHOLD)
    return ThresholdChoice(
        threshold=float(threshold),
        reason=reason,
        metric=name,
        value=None if np.isnan(value) else value,
        value_at_half=None if np.isnan(at_half) else at_half,
        is_met=is_met,
    )


def _candidates(scores: Array) -> Array:
    """Return probabilities midway between neighbours, so that rounding moves no row across."""
    distinct = np.unique(np.asarray(scores, dtype=np.float64))
    if len(distinct) > N_CANDIDATES:
        distinct = distinct[np.linspace(0, len(distinct) - 1, N_CANDIDATES).astype(int)]
    middles = (distinct[1:] + distinct[:-1]) / 2
    return np.unique(np.concatenate([[distinct[0] / 2], middles, [THRESHOLD]]))


def _value(metric: Metric[Any], base: BinarySample, threshold: float) -> float:
    return value_of(
        metric.evaluate(BinarySample(base.truth, base.scores, threshold=float(threshold)))
    )


def _gap(value: float, limit: Any) -> float:
    """Return how far a value is outside of its bounds; 0 or less inside."""
    if np.isnan(value):
        return float("inf")
    low = limit.at_least - value if limit.at_least is not None else -np.inf
    high = value - limit.at_most if limit.at_most is not None else -np.inf
    return float(max(low, high))
