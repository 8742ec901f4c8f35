"""Comparing two models on the same rows: the gain, how sure it is, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ordain.evaluation.intervals import LEVEL, gain_interval, gain_of
from ordain.evaluation.judgement import Difference, Verdict
from ordain.evaluation.metric import HEADLINE, Metric, MetricChoice, metrics_for, value_of
from ordain.evaluation.pairs import flips_of, holm, paired_test
from ordain.evaluation.sample import THRESHOLD, Array, Sample
from ordain.evaluation.scores import SetScores, sample_of, usable_rows


def compare_scores(
    type_name: str,
    truth: Array,
    ours: Array,
    theirs: Array,
    *,
    against: str,
    metric: MetricChoice | None = None,
    labels: Sequence[str] = (),
    weights: Array | None = None,
    groups: Array | None = None,
    threshold: float = THRESHOLD,
    their_threshold: float | None = None,
    level: float = LEVEL,
) -> Difference:
    """Return whether one model's scores are better than another's on the same rows.

    The verdict is 'better' or 'worse' only where the interval of the gain leaves zero out and the
    paired test agrees, at the level. Over many comparisons see `pairs.holm`.

    Args:
        type_name: binary, category or number.
        truth: as in `SetScores`.
        ours: scores of this model, as in `SetScores`.
        theirs: those of the other.
        against: name of the other.
        metric: to compare by; by default the headline of the type.
        labels: names of the classes.
        weights: of rows [N].
        groups: as in `SetScores`.
        threshold: as in `SetScores`.
        their_threshold: the other model's own, where it differs.
        level: of confidence, 0 to 1.

    Raises:
        UsageError: as `evaluate_output`.
    """
    return compare_metrics(
        type_name,
        truth,
        ours,
        theirs,
        against=against,
        metrics=[metric or HEADLINE[type_name][0]],
        labels=labels,
        weights=weights,
        groups=groups,
        threshold=threshold,
        their_threshold=their_threshold,
        level=level,
    )[0]


def compare_metrics(
    type_name: str,
    truth: Array,
    ours: Array,
    theirs: Array,
    *,
    against: str,
    metrics: Iterable[MetricChoice] | None = None,
    labels: Sequence[str] = (),
    weights: Array | None = None,
    groups: Array | None = None,
    threshold: float = THRESHOLD,
    their_threshold: float | None = None,
    level: float = LEVEL,
) -> tuple[Difference, ...]:
    """Return what `compare_scores` does, for each metric; None for all that are on by default."""
    usable = usable_rows(type_name, truth)
    both = SetScores(truth, ours, {against: theirs}, weights, threshold, groups)
    other = replace(both, threshold=threshold if their_threshold is None else their_threshold)
    samples = (
        sample_of(type_name, both, ours, usable.rows, labels=tuple(labels)),
        sample_of(type_name, other, theirs, usable.rows, labels=tuple(labels)),
    )
    return tuple(
        difference_of(metric, *samples, against=against, level=level)
        for metric in metrics_for(type_name, metrics)
    )


def sure_differences(
    pairs: Sequence[tuple[Metric[Any], str]],
    ours: Sample,
    others: Mapping[str, Sample],
    *,
    n_compared: int,
    level: float = LEVEL,
) -> tuple[Difference, ...]:
    """Return those comparisons that are sure, their probabilities corrected after Holm.

    Args:
        pairs: metrics and names of other models that are worth a test.
        ours: this model's rows.
        others: the same rows of other models, by name.
        n_compared: how many pairs were looked at before these were picked; the rest counts as
            comparisons that showed nothing.
        level: of confidence, 0 to 1.
    """
    found = [
        difference_of(metric, ours, others[name], against=name, level=level)
        for metric, name in pairs
    ]
    tested = [one.p_value for one in found]
    corrected = holm([*tested, *[1.0] * (n_compared - len(found))])
    return tuple(
        one.model_copy(update={"p_value": p_value})
        for one, p_value in zip(found, corrected, strict=False)
        if one.verdict != "cannot tell" and p_value is not None and p_value < 1 - level
    )


def difference_of(
    metric: Metric[Any], ours: Sample, theirs: Sample, *, against: str, level: float
) -> Difference:
    """Return how the first of two samples of the same rows stands to the second by a metric."""
    gain = gain_of(metric, ours, theirs)
    interval = gain_interval(metric, ours, theirs, level=level)
    p_value, test = (None, "") if interval is None else paired_test(metric, ours, theirs)
    verdict: Verdict = "cannot tell"
    is_sure = interval is not None and (p_value is None or p_value < 1 - level)
    if is_sure and interval is not None and interval.low > 0:
        verdict = "better"
    elif is_sure and interval is not None and interval.high < 0:
        verdict = "worse"
    value, other = value_of(metric.evaluate(ours)), value_of(metric.evaluate(theirs))
    left = abs(metric.best - other)
    return Difference(
        metric=metric.label,
        against=against,
        value=value if np.isfinite(value) else None,
        other=other if np.isfinite(other) else None,
        gain=gain,
        interval=interval,
        verdict=verdict,
        p_value=p_value,
        test=test,
        flips=flips_of(ours, theirs) if len(ours) and ours.is_finite and theirs.is_finite else None,
        is_small=verdict != "worse"
        and gain is not None
        and gain > 0
        and np.isfinite(left)
        and gain < 0.01 * left,
    )
