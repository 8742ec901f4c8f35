"""A target judged as it stands: its metrics, and which of two models answers it better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ordain.evaluation.compare import compare_scores
from ordain.evaluation.evaluate import evaluate_output
from ordain.evaluation.judgement import Difference, Judgement
from ordain.evaluation.metric import Metric
from ordain.evaluation.sample import Array
from ordain.evaluation.subject import Target


def evaluate_target(
    target: Target,
    metrics: Sequence[Metric[Any]],
    *,
    groups: Array | None = None,
    has_intervals: bool = False,
) -> Judgement:
    """Return metrics of a target, without curves and classes; see `evaluate_output`."""
    return evaluate_output(
        target.type,
        target.truth,
        target.scores,
        target.labels,
        threshold=target.threshold,
        groups=groups,
        metrics=metrics,
        has_intervals=has_intervals,
        has_detail=False,
    )


def compare_targets(
    ours: Target, theirs: Target, *, against: str, metric: Metric[Any]
) -> Difference:
    """Return whether one model answers rows better than another; see `compare_scores`.

    Args:
        ours: of this model; its truth and threshold count for both.
        theirs: of the other, for the same rows.
        against: name of the other.
        metric: that decides.
    """
    return compare_scores(
        ours.type,
        ours.truth,
        ours.scores,
        theirs.scores,
        against=against,
        metric=metric,
        labels=ours.labels,
        threshold=ours.threshold,
    )
