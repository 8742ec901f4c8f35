"""Judging: from truth and scores to a `Judgement`, and to a summary beside the baselines."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ordain.core.errors import UsageError
from ordain.evaluation.compare import (
    compare_metrics,
    compare_scores,
    difference_of,
    sure_differences,
)
from ordain.evaluation.curves import confusion_of, cost_curve, curves_of, per_class
from ordain.evaluation.intervals import LEVEL, value_interval
from ordain.evaluation.judgement import Difference, Interval, Judgement, OutputSummary
from ordain.evaluation.metric import (
    HEADLINE,
    LEAD,
    METRICS,
    Metric,
    MetricChoice,
    Undefined,
    effective_of,
    find_metric,
    metrics_for,
)
from ordain.evaluation.sample import (
    THRESHOLD,
    Array,
    BinarySample,
    ClassSample,
    Sample,
)
from ordain.evaluation.scores import (
    MISSING,
    UNSEEN,
    SetScores,
    Usable,
    sample_of,
    usable_rows,
)
from ordain.evaluation.verdict import is_ahead, is_worse, reservation, verdict_sentence

__all__ = [
    "MISSING",
    "UNSEEN",
    "MetricChoice",
    "SetScores",
    "about_metric",
    "compare_metrics",
    "compare_scores",
    "deciding_set",
    "evaluate_output",
    "judge_output",
]


def evaluate_output(
    type_name: str,
    truth: Array,
    scores: Array,
    labels: Sequence[str] = (),
    *,
    weights: Array | None = None,
    threshold: float = THRESHOLD,
    groups: Array | None = None,
    bounds: Array | None = None,
    metrics: Iterable[MetricChoice] | None = None,
    optimize: MetricChoice | None = None,
    level: float = LEVEL,
    has_intervals: bool | None = None,
    has_detail: bool = True,
) -> Judgement:
    """Return how good the scores of one output are; see `SetScores` for the arrays.

    Args:
        type_name: binary, category or number.
        truth: as in `SetScores`.
        scores: as in `SetScores`.
        labels: names of the classes; for binary (negative, positive).
        weights: of rows [N].
        threshold: as in `SetScores`.
        groups: as in `SetScores`.
        bounds: as in `SetScores`.
        metrics: names, mappings, or metrics; None for all that are on by default.
        optimize: the metric that decides, by its name among `metrics` or its type; by default the
            first of `metrics`, else the one that suits the type.
        level: of confidence of the intervals, 0 to 1.
        has_intervals: whether every metric is to have its interval; by default as `has_detail`.
        has_detail: whether curves, confusion and classes are wanted.

    Raises:
        UsageError: a metric does not fit the type, or lengths and shapes do not fit.
    """
    chosen = _deciding_first(metrics_for(type_name, metrics), optimize, type_name=type_name)
    usable = usable_rows(type_name, truth)
    given = SetScores(
        truth, scores, weights=weights, threshold=threshold, groups=groups, bounds=bounds
    )
    sample = sample_of(type_name, given, scores, usable.rows, labels=tuple(labels), bounds=bounds)
    with_intervals = has_detail if has_intervals is None else has_intervals
    return _judge(
        sample,
        chosen,
        usable=usable,
        level=level if with_intervals else None,
        has_detail=has_detail,
    )


def judge_output(
    type_name: str,
    sets: Mapping[str, SetScores],
    labels: Sequence[str] = (),
    *,
    metrics: Iterable[MetricChoice] | None = None,
    optimize: MetricChoice | None = None,
    level: float = LEVEL,
) -> OutputSummary:
    """Return the judgement of this model and of every baseline on every set, with a verdict.

    Args:
        type_name: binary, category or number.
        sets: by name, such as ``{"test": SetScores(...), "validation": ...}``; the verdict is drawn
            from `test`, else from `validation`, else from the first.
        labels: names of the classes; for binary (negative, positive).
        metrics: as in `evaluate_output`, but metrics that fit another type of output are left to
            the other outputs; the first one left is the headline, and none left means all.
        optimize: as in `evaluate_output`; left to the other outputs where it does not fit.
        level: of confidence of the intervals, 0 to 1.

    Raises:
        UsageError: no set, or as `evaluate_output`.
    """
    if not sets:
        raise UsageError("there is no set of rows to judge")
    fitting = [metric for metric in map(METRICS.build, metrics or ()) if metric.fits(type_name)]
    chosen = _deciding_first(metrics_for(type_name, fitting or None), optimize, type_name=type_name)
    judged = {
        name: _judge_set(type_name, scores, chosen, labels=tuple(labels), level=level)
        for name, scores in sets.items()
    }
    own = {name: found.judgement for name, found in judged.items()}
    decisive = deciding_set(own)
    headline = own[decisive].headline
    is_higher_better = {metric.label: metric.is_higher_better for metric in chosen}
    first, lead = judged[decisive], LEAD[type_name]
    sentences = (
        verdict_sentence(first.judgement, first.differences, set_name=decisive),
        reservation(
            first.differences,
            _against_verdict(
                first,
                # What was declared matters to whoever declared it; else the few that lead.
                [m for m in chosen if m.label != headline and (fitting or m.label in lead)],
                level=level,
            ),
        ),
    )
    return OutputSummary(
        type=type_name,
        labels=tuple(labels),
        headline=headline,
        headline_reason=_headline_reason(
            type_name, headline, chosen, optimize=optimize, is_chosen=bool(fitting)
        ),
        is_higher_better=is_higher_better,
        about={metric.label: about_metric(metric) for metric in chosen},
        sets=own,
        baselines=_by_baseline(judged),
        differences={name: found.differences for name, found in judged.items()},
        verdict=" ".join(sentence for sentence in sentences if sentence),
    )


def deciding_set(sets: Mapping[str, Any]) -> str:
    """Return the set a verdict is drawn from: `test`, else `validation`, else the first."""
    return next((name for name in ("test", "validation") if name in sets), next(iter(sets)))


def about_metric(metric: Metric[Any]) -> str:
    """Return the one sentence that says what a metric is."""
    return (inspect.getdoc(type(metric)) or "").split("\n", 1)[0]


def _deciding_first(
    metrics: list[Metric[Any]], optimize: MetricChoice | None, *, type_name: str
) -> list[Metric[Any]]:
    """Put the metric that decides first, adding it where it was not chosen."""
    if optimize is None:
        return metrics
    first = find_metric(optimize, metrics)
    if not first.fits(type_name):
        return metrics
    return [first, *(metric for metric in metrics if metric.label != first.label)]


@dataclass(frozen=True)
class _JudgedSet:
    judgement: Judgement
    baselines: dict[str, Judgement]
    differences: tuple[Difference, ...]
    ours: Sample
    others: dict[str, Sample]


def _against_verdict(
    judged: _JudgedSet, metrics: Sequence[Metric[Any]], *, level: float
) -> tuple[Difference, ...]:
    """Return the sure differences by other metrics that point the other way than the verdict."""
    own, turned = judged.judgement, is_worse(judged.differences)
    pairs = [
        (metric, name)
        for name, other in judged.baselines.items()
        for metric in metrics
        if is_ahead(
            *((other, own) if turned else (own, other)),
            metric.label,
            is_higher_better=metric.is_higher_better,
        )
    ]
    return sure_differences(
        pairs,
        judged.ours,
        judged.others,
        n_compared=len(metrics) * len(judged.baselines),
        level=level,
    )


def _judge_set(
    type_name: str,
    scores: SetScores,
    metrics: Sequence[Metric[Any]],
    *,
    labels: tuple[str, ...],
    level: float,
) -> _JudgedSet:
    """Judge this model and its baselines on one set."""
    usable = usable_rows(type_name, scores.truth)
    ours = sample_of(
        type_name, scores, scores.scores, usable.rows, labels=labels, bounds=scores.bounds
    )
    judgement = _judge(ours, metrics, usable=usable, level=level, has_detail=True)
    headline = _metric_named(metrics, judgement.headline)
    others = {
        name: sample_of(
            type_name,
            replace(scores, threshold=scores.threshold_of(name)),
            other,
            usable.rows,
            labels=labels,
        )
        for name, other in scores.baselines.items()
    }
    return _JudgedSet(
        judgement,
        {
            name: _judge(sample, metrics, usable=usable, level=level, has_detail=False)
            for name, sample in others.items()
        },
        tuple(
            difference_of(headline, ours, other, against=name, level=level)
            for name, other in others.items()
        ),
        ours,
        others,
    )


def _by_baseline(judged: Mapping[str, _JudgedSet]) -> dict[str, dict[str, Judgement]]:
    found: dict[str, dict[str, Judgement]] = {}
    for set_name, one in judged.items():
        for name, judgement in one.baselines.items():
            found.setdefault(name, {})[set_name] = judgement
    return found


def _judge(
    sample: Sample,
    metrics: Sequence[Metric[Any]],
    *,
    usable: Usable,
    level: float | None,
    has_detail: bool,
) -> Judgement:
    """Judge one sample; without a level there are no intervals."""
    labels = sample.labels
    results = {metric.label: metric.evaluate(sample) for metric in metrics}
    headline = _headline(metrics, results)
    intervals = {} if level is None else _intervals(sample, metrics, results, level=level)
    detail: dict[str, Any] = {}
    if has_detail:
        detail["curves"] = curves_of(sample) | _cost_curves(sample, metrics)
    if has_detail and isinstance(sample, ClassSample) and len(sample) and sample.is_finite:
        detail["confusion"] = confusion_of(sample, labels)
        detail["per_class"] = per_class(sample, labels)
    return Judgement(
        type=sample.type,
        n_rows=len(sample),
        n_missing=usable.n_missing,
        n_unseen=usable.n_unseen,
        metrics={
            name: None if isinstance(value, Undefined) else float(value)
            for name, value in results.items()
        },
        undefined={
            name: value.reason for name, value in results.items() if isinstance(value, Undefined)
        },
        headline=headline,
        interval=intervals.get(headline),
        intervals=intervals,
        effective=effective_of(
            (m for m in metrics if not isinstance(results[m.label], Undefined)), sample
        ),
        idle=_idle(sample, metrics, results),
        n_groups=None if sample.groups is None else sample.n_groups,
        labels=labels,
        threshold=sample.threshold if isinstance(sample, BinarySample) else None,
        warnings=(*_warnings(sample, usable, labels), *_failed(metrics, results)),
        **detail,
    )


def _cost_curves(sample: Sample, metrics: Sequence[Metric[Any]]) -> dict[str, Any]:
    """Return by the name of each mean price what every threshold costs; empty without one."""
    if not (isinstance(sample, BinarySample) and sample.total > 0 and sample.is_finite):
        return {}
    known = {metric.label: metric.price_matrix(sample) for metric in metrics}
    found = {
        label: cost_curve(sample.ranking, prices)
        for label, prices in known.items()
        if prices is not None
    }
    return {"costs": found} if found else {}


def _intervals(
    sample: Sample,
    metrics: Sequence[Metric[Any]],
    results: Mapping[str, float | Undefined],
    *,
    level: float,
) -> dict[str, Interval]:
    found = {
        metric.label: value_interval(metric, sample, level=level)
        for metric in metrics
        if not isinstance(results[metric.label], Undefined)
    }
    return {name: interval for name, interval in found.items() if interval is not None}


def _idle(
    sample: Sample, metrics: Sequence[Metric[Any]], results: Mapping[str, float | Undefined]
) -> dict[str, float]:
    found = {
        metric.label: metric.idle(sample)
        for metric in metrics
        if not isinstance(results[metric.label], Undefined)
    }
    return {name: value for name, value in found.items() if value is not None}


def _headline(metrics: Sequence[Metric[Any]], results: Mapping[str, float | Undefined]) -> str:
    """Return the first metric with a value, in the order of `metrics_for`."""
    defined = (m.label for m in metrics if not isinstance(results[m.label], Undefined))
    return next(defined, metrics[0].label)


def _headline_reason(
    type_name: str,
    headline: str,
    metrics: Sequence[Metric[Any]],
    *,
    optimize: MetricChoice | None,
    is_chosen: bool,
) -> str:
    default, reason = HEADLINE[type_name]
    if metrics[0].label != headline:
        return f"`{metrics[0].label}` has no value on these rows"
    if optimize is not None and find_metric(optimize, metrics).label == headline:
        return "`evaluation.optimize` names it"
    if is_chosen:
        return "it is the first metric asked for"
    return reason if headline == default else "it is the first of the type"


def _metric_named(metrics: Sequence[Metric[Any]], label: str) -> Metric[Any]:
    return next(metric for metric in metrics if metric.label == label)


def _warnings(sample: Sample, usable: Usable, labels: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    if usable.n_missing:
        found.append(f"{_rows(usable.n_missing)} left out: the truth is missing")
    if usable.n_unseen:
        found.append(_unseen(sample, usable))
    if len(sample) == 0:
        found.append("no row is left to judge")
    elif not sample.is_finite:
        found.append("some scores are not finite numbers, so no metric has a value")
    elif isinstance(sample, ClassSample) and labels and np.all(sample.truth == sample.truth[0]):
        found.append(
            f"every row is '{labels[int(sample.truth[0])]}', so metrics that compare classes, such "
            "as roc_auc, have no value"
        )
    return tuple(found)


def _failed(
    metrics: Sequence[Metric[Any]], results: Mapping[str, float | Undefined]
) -> Iterator[str]:
    """Yield what is wrong with functions of the user's; other metrics say it in `undefined`."""
    for metric in metrics:
        result = results[metric.label]
        if metric.type == "call" and isinstance(result, Undefined):
            yield f"metric `{metric.label}` has no value: {result.reason}"


def _unseen(sample: Sample, usable: Usable) -> str:
    text = f"{_rows(usable.n_unseen)} left out: the label did not occur in training"
    if not isinstance(sample, ClassSample) or not len(sample) or not sample.is_finite:
        return text
    share = float(np.sum(sample.is_correct)) / (len(sample) + usable.n_unseen)
    return f"{text}, so no answer is right; counted as wrong, accuracy is {share:.4f}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
