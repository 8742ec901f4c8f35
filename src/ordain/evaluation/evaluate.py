"""Judging: from truth and scores to a `Judgement`, and to a summary beside the baselines."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError
from ordain.evaluation.curves import confusion_of, curves_of, per_class
from ordain.evaluation.intervals import gain_interval, gain_of, value_interval
from ordain.evaluation.judgement import Difference, Judgement, OutputSummary, Verdict
from ordain.evaluation.metric import (
    HEADLINE,
    LEAD,
    METRICS,
    Metric,
    Undefined,
    metrics_for,
    value_of,
)
from ordain.evaluation.sample import (
    THRESHOLD,
    Array,
    BinarySample,
    ClassSample,
    Sample,
    make_sample,
)
from ordain.evaluation.verdict import reservation, verdict_sentence

UNSEEN = -1
"""Truth of a row whose label did not occur in training, as the encoding of a category says it."""
MISSING = -2
"""Truth of a row without a label, where truth is a whole number; NaN says the same."""

MetricChoice = Metric[Any] | str | Mapping[str, Any]


@dataclass(frozen=True)
class SetScores:
    """One output on one set of rows: the truth, this model's scores and the baselines'.

    Attributes:
        truth: 0 or 1 [N]; class index [N]; number in its own units [N]. NaN or -2: missing; -1 for
            classes: a label never seen in training.
        scores: probability of the positive class [N]; of all classes [N, C]; number in the units
            of the truth [N].
        baselines: scores of the same rows by the name of the baseline.
        weights: of rows [N], or None.
        threshold: probability from which a row is called positive; for binary outputs.
    """

    truth: Array
    scores: Array
    baselines: Mapping[str, Array] = field(default_factory=dict)
    weights: Array | None = None
    threshold: float = THRESHOLD


def evaluate_output(
    type_name: str,
    truth: Array,
    scores: Array,
    labels: Sequence[str] = (),
    *,
    weights: Array | None = None,
    threshold: float = THRESHOLD,
    metrics: Iterable[MetricChoice] | None = None,
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
        metrics: names, mappings with `type`, or metrics; None for all that are on by default.
        has_detail: whether curves, confusion, classes and the interval are wanted.

    Raises:
        UsageError: a metric does not fit the type, or lengths and shapes do not fit.
    """
    chosen = metrics_for(type_name, metrics)
    usable = _usable_rows(type_name, truth)
    given = SetScores(truth, scores, weights=weights, threshold=threshold)
    sample = _sample(type_name, given, scores, usable.rows)
    return _judge(sample, chosen, tuple(labels), usable=usable, has_detail=has_detail)


def judge_output(
    type_name: str,
    sets: Mapping[str, SetScores],
    labels: Sequence[str] = (),
    *,
    metrics: Iterable[MetricChoice] | None = None,
) -> OutputSummary:
    """Return the judgement of this model and of every baseline on every set, with a verdict.

    Args:
        type_name: binary, category or number.
        sets: by name, such as ``{"test": SetScores(...), "validation": ...}``; the verdict is drawn
            from `test`, else from `validation`, else from the first.
        labels: names of the classes; for binary (negative, positive).
        metrics: as in `evaluate_output`, but metrics that fit another type of output are left to
            the other outputs; the first one left is the headline, and none left means all.

    Raises:
        UsageError: no set, or as `evaluate_output`.
    """
    if not sets:
        raise UsageError("there is no set of rows to judge")
    fitting = [m for m in map(METRICS.build, metrics or ()) if type_name in m.types]
    chosen = metrics_for(type_name, fitting or None)
    judged = {
        name: _judge_set(type_name, scores, chosen, tuple(labels)) for name, scores in sets.items()
    }
    own = {name: found.judgement for name, found in judged.items()}
    decisive = deciding_set(own)
    headline = own[decisive].headline
    is_higher_better = {metric.label: metric.is_higher_better for metric in chosen}
    first = judged[decisive]
    sentences = (
        verdict_sentence(first.judgement, first.differences, set_name=decisive),
        reservation(
            first.judgement,
            first.baselines,
            differences=first.differences,
            metrics=[name for name in LEAD[type_name] if name in is_higher_better],
            is_higher_better=is_higher_better,
        ),
    )
    return OutputSummary(
        type=type_name,
        labels=tuple(labels),
        headline=headline,
        headline_reason=_headline_reason(type_name, headline, chosen),
        is_higher_better=is_higher_better,
        about={metric.label: about_metric(metric) for metric in chosen},
        sets=own,
        baselines=_by_baseline(judged),
        differences={name: found.differences for name, found in judged.items()},
        verdict=" ".join(sentence for sentence in sentences if sentence),
    )


def compare_scores(
    type_name: str,
    truth: Array,
    ours: Array,
    theirs: Array,
    *,
    against: str,
    metric: MetricChoice | None = None,
    weights: Array | None = None,
) -> Difference:
    """Return whether one model's scores are better than another's on the same rows.

    The verdict is 'better' or 'worse' only where the 95 % interval of the gain leaves zero out.

    Raises:
        UsageError: as `evaluate_output`.
    """
    chosen = metrics_for(type_name, [metric or HEADLINE[type_name][0]])[0]
    usable = _usable_rows(type_name, truth)
    both = SetScores(truth, ours, {against: theirs}, weights)
    return _difference(
        chosen,
        _sample(type_name, both, ours, usable.rows),
        _sample(type_name, both, theirs, usable.rows),
        against=against,
    )


def deciding_set(sets: Mapping[str, Any]) -> str:
    """Return the set a verdict is drawn from: `test`, else `validation`, else the first."""
    return next((name for name in ("test", "validation") if name in sets), next(iter(sets)))


def about_metric(metric: Metric[Any]) -> str:
    """Return the one sentence that says what a metric is."""
    return (inspect.getdoc(type(metric)) or "").split("\n", 1)[0]


@dataclass(frozen=True)
class _Usable:
    rows: npt.NDArray[np.bool_] | None
    n_missing: int
    n_unseen: int


def _usable_rows(type_name: str, truth: Array) -> _Usable:
    """Say which rows have a truth that can be judged; `rows` is None where all have."""
    truth = np.asarray(truth)
    is_missing = np.isnan(truth) if truth.dtype.kind == "f" else np.zeros(len(truth), np.bool_)
    is_unseen = np.zeros(len(truth), np.bool_)
    if type_name != "number":
        is_missing = is_missing | (truth == MISSING)
        is_unseen = truth == UNSEEN
    left_out = is_missing | is_unseen
    return _Usable(
        rows=~left_out if left_out.any() else None,
        n_missing=int(np.count_nonzero(is_missing)),
        n_unseen=int(np.count_nonzero(is_unseen)),
    )


def _sample(
    type_name: str, scores: SetScores, values: Array, rows: npt.NDArray[np.bool_] | None
) -> Sample:
    if len(scores.truth) != len(values):
        raise UsageError(
            f"truth has {len(scores.truth)} rows and scores have {len(values)}; "
            "they must be of one length"
        )
    truth, weights = np.asarray(scores.truth), scores.weights
    if rows is not None:
        truth, values = truth[rows], values[rows]
        weights = None if weights is None else weights[rows]
    return make_sample(type_name, truth, values, weights=weights, threshold=scores.threshold)


@dataclass(frozen=True)
class _JudgedSet:
    judgement: Judgement
    baselines: dict[str, Judgement]
    differences: tuple[Difference, ...]


def _judge_set(
    type_name: str, scores: SetScores, metrics: Sequence[Metric[Any]], labels: tuple[str, ...]
) -> _JudgedSet:
    """Judge this model and its baselines on one set."""
    usable = _usable_rows(type_name, scores.truth)
    ours = _sample(type_name, scores, scores.scores, usable.rows)
    judgement = _judge(ours, metrics, labels, usable=usable, has_detail=True)
    headline = _metric_named(metrics, judgement.headline)
    others = {
        name: _sample(type_name, scores, other, usable.rows)
        for name, other in scores.baselines.items()
    }
    return _JudgedSet(
        judgement,
        {
            name: _judge(sample, metrics, labels, usable=usable, has_detail=False)
            for name, sample in others.items()
        },
        tuple(_difference(headline, ours, other, against=name) for name, other in others.items()),
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
    labels: tuple[str, ...],
    *,
    usable: _Usable,
    has_detail: bool,
) -> Judgement:
    results = {metric.label: metric.evaluate(sample) for metric in metrics}
    headline = _headline(metrics, results)
    detail: dict[str, Any] = {}
    if has_detail:
        detail["interval"] = value_interval(_metric_named(metrics, headline), sample)
        detail["curves"] = curves_of(sample)
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
        labels=labels,
        threshold=sample.threshold if isinstance(sample, BinarySample) else None,
        warnings=_warnings(sample, usable, labels),
        **detail,
    )


def _headline(metrics: Sequence[Metric[Any]], results: Mapping[str, float | Undefined]) -> str:
    """Return the first metric with a value, in the order of `metrics_for`."""
    defined = (m.label for m in metrics if not isinstance(results[m.label], Undefined))
    return next(defined, metrics[0].label)


def _headline_reason(type_name: str, headline: str, metrics: Sequence[Metric[Any]]) -> str:
    default, reason = HEADLINE[type_name]
    if headline == default:
        return reason
    if metrics[0].label == headline:
        return "it is the first metric asked for"
    return f"`{metrics[0].label}` has no value on these rows"


def _metric_named(metrics: Sequence[Metric[Any]], label: str) -> Metric[Any]:
    return next(metric for metric in metrics if metric.label == label)


def _difference(metric: Metric[Any], ours: Sample, theirs: Sample, *, against: str) -> Difference:
    gain = gain_of(metric, ours, theirs)
    interval = gain_interval(metric, ours, theirs)
    verdict: Verdict = "cannot tell"
    if interval is not None and interval.low > 0:
        verdict = "better"
    elif interval is not None and interval.high < 0:
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
        is_small=verdict == "better" and gain is not None and gain < 0.01 * left,
    )


def _warnings(sample: Sample, usable: _Usable, labels: tuple[str, ...]) -> tuple[str, ...]:
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


def _unseen(sample: Sample, usable: _Usable) -> str:
    text = f"{_rows(usable.n_unseen)} left out: the label did not occur in training"
    if not isinstance(sample, ClassSample) or not len(sample) or not sample.is_finite:
        return text
    share = float(np.sum(sample.is_correct)) / (len(sample) + usable.n_unseen)
    return f"{text}, so no answer is right; counted as wrong, accuracy is {share:.4f}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
