"""Each slice judged by itself, and whether it is worse than the rest.

Every metric of a slice is the metric of its rows alone. Whether a slice is worse is decided by the
deciding metric against all rows outside of the slice, from the intervals of both, corrected for the
number of slices after Holm (1979): a slice of three rows is shown, and raises no alarm; nor does
one of many rows of which the metric sees few, such as the positive ones.

Source: Zou and Donner 2008 (a difference from two intervals).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.evaluate import MetricChoice
from ordain.evaluation.intervals import value_interval
from ordain.evaluation.judgement import Interval, Record, Verdict
from ordain.evaluation.losses import Floats, row_losses
from ordain.evaluation.metric import LEAD, Metric, Undefined, effective_of, metrics_for, value_of
from ordain.evaluation.sample import Extras, Sample, make_sample
from ordain.evaluation.slices.cuts import Cut
from ordain.evaluation.subject import Target

Groups = npt.NDArray[np.int64]

MIN_ROWS = 20
"""Rows (or groups of them) under which a slice is called neither better nor worse."""
MIN_EFFECTIVE_ROWS = 5
"""The same, of the rows that the metric rests on, such as the positive ones."""
SURE = 0.05
N_METRICS = 4


class SliceJudgement(Record):
    """How good the model is on one slice."""

    name: str
    group: str
    where: str = ""
    """SQL condition that holds for its rows, where there is one."""
    n_rows: int
    """Rows judged."""
    share: float
    """Of all judged rows."""
    metrics: dict[str, float | None]
    """By name, the deciding metric first; None where undefined."""
    undefined: dict[str, str] = Field(default_factory=dict)
    """Why, for each metric without a value."""
    interval: Interval | None = None
    """Of the deciding metric."""
    intervals: dict[str, Interval] = Field(default_factory=dict)
    """Of every metric whose rows can tell."""
    effective: dict[str, float] = Field(default_factory=dict)
    """Rows that a metric rests on, such as the positive ones, where these are fewer than all."""
    loss: float | None = None
    """Mean loss of its rows."""
    loss_of_rest: float | None = None
    """Mean loss of all other rows."""
    rest: float | None = None
    """Deciding metric of all other rows."""
    p_value: float | None = None
    """Of the difference from the rest, corrected for the number of slices."""
    verdict: Verdict = "cannot tell"
    """Against the rest of the rows."""


def judge_slices(
    target: Target,
    cuts: Sequence[Cut],
    *,
    metrics: Sequence[MetricChoice] | None = None,
    groups: Groups | None = None,
) -> tuple[SliceJudgement, ...]:
    """Return the judgement of each slice, in order; a slice without rows is there with none.

    Args:
        target: truth and scores of N rows.
        cuts: of the same N rows.
        metrics: the deciding one first; by default the few that lead for the type.
        groups: which rows belong together [N], so that intervals take them as one.

    Raises:
        UsageError: a metric is unknown or does not fit the type.
    """
    chosen = metrics_for(target.type, list(metrics or LEAD[target.type][:N_METRICS]))
    losses = row_losses(target)
    judged = [_judged(target, cut, chosen, losses, groups=groups) for cut in cuts]
    corrected = holm([slice_.p_value for slice_ in judged])
    return tuple(
        slice_.model_copy(
            update={"p_value": p_value, "verdict": _verdict(slice_, p_value, chosen[0])}
        )
        for slice_, p_value in zip(judged, corrected, strict=True)
    )


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values corrected for their number after Holm (1979); None stays None."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p_value, place) in enumerate(known):
        highest = max(highest, min(1.0, p_value * (len(known) - rank)))
        corrected[place] = highest
    return corrected


def _judged(
    target: Target,
    cut: Cut,
    metrics: Sequence[Metric[Any]],
    losses: Floats,
    *,
    groups: Groups | None,
) -> SliceJudgement:
    known = ~np.isnan(losses)
    inside, outside = cut.rows & known, ~cut.rows & known
    ours, rest = _sample(target, inside, groups), _sample(target, outside, groups)
    values = {metric.label: metric.evaluate(ours) for metric in metrics}
    intervals = {
        metric.label: interval
        for metric in metrics
        if len(ours) and (interval := value_interval(metric, ours)) is not None
    }
    return SliceJudgement(
        name=cut.name,
        group=cut.group,
        where=cut.where,
        n_rows=len(ours),
        share=len(ours) / int(known.sum()) if known.any() else 0.0,
        metrics={
            name: None if isinstance(value, Undefined) else value for name, value in values.items()
        },
        undefined={
            name: value.reason for name, value in values.items() if isinstance(value, Undefined)
        },
        interval=intervals.get(metrics[0].label),
        intervals=intervals,
        effective=effective_of(
            (m for m in metrics if not isinstance(values[m.label], Undefined)), ours
        ),
        loss=float(losses[inside].mean()) if len(ours) else None,
        loss_of_rest=float(losses[outside].mean()) if len(rest) else None,
        rest=_finite(value_of(metrics[0].evaluate(rest))),
        p_value=_p_value(metrics[0], ours, rest, interval=intervals.get(metrics[0].label)),
    )


def _sample(target: Target, rows: npt.NDArray[np.bool_], groups: Groups | None) -> Sample:
    places = np.flatnonzero(rows)
    extras = Extras(None if groups is None else groups[places], target.labels)
    return make_sample(
        target.type,
        target.truth[places],
        target.scores[places],
        threshold=target.threshold,
        extras=extras,
    )


def _p_value(
    metric: Metric[Any], ours: Sample, rest: Sample, *, interval: Interval | None
) -> float | None:
    """Return how likely so large a difference is by chance; None with too few rows to tell.

    Each side is as uncertain as its interval reaches towards the other, so that the test cannot be
    surer than the interval that is shown.
    """
    if interval is None or min(ours.n_groups, rest.n_groups) < MIN_ROWS:
        return None
    if min(metric.effective_rows(ours), metric.effective_rows(rest)) < MIN_EFFECTIVE_ROWS:
        return None
    value, other = value_of(metric.evaluate(ours)), value_of(metric.evaluate(rest))
    theirs = value_interval(metric, rest)
    if theirs is None or not (math.isfinite(value) and math.isfinite(other)):
        return None
    reach = (
        (interval.high - value, other - theirs.low)
        if value < other
        else (value - interval.low, theirs.high - other)
    )
    error = math.hypot(*reach) / NormalDist().inv_cdf((1 + interval.level) / 2)
    return math.erfc(abs(value - other) / error / math.sqrt(2)) if error > 0 else None


def _verdict(slice_: SliceJudgement, p_value: float | None, metric: Metric[Any]) -> Verdict:
    value = slice_.metrics.get(metric.label)
    if p_value is None or p_value >= SURE or value is None or slice_.rest is None:
        return "cannot tell"
    interval = slice_.interval
    if interval is None or interval.low <= slice_.rest <= interval.high:
        return "cannot tell"
    return "better" if (value > slice_.rest) == metric.is_higher_better else "worse"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
