"""Curves and tables behind the plots, at most 200 points each, as plain data.

Points are picked by the shape of the curve, never at random, so equal scores give equal curves.
Numbers are rounded to six significant digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ordain.core.randomness import generator
from ordain.evaluation.sample import (
    Array,
    BinarySample,
    CategorySample,
    ClassSample,
    Floats,
    Ints,
    NumberSample,
    Ranking,
    Sample,
    label_of,
)

MAX_POINTS = 200
MAX_SCATTER = 1_000
MAX_MATRIX = 30
MAX_PAIRS = 30
MAX_CLASSES = 200
N_GROUPS = 10
N_BARS = 40

Json = dict[str, Any]


def curves_of(sample: Sample) -> Json:
    """Return all curves that fit the kind of sample; empty for no rows."""
    if len(sample) == 0 or sample.total <= 0 or not sample.is_finite:
        return {}
    if isinstance(sample, BinarySample):
        return _binary_curves(sample)
    if isinstance(sample, CategorySample):
        return {"calibration": calibration_curve(sample), "confidence": coverage_curve(sample)}
    assert isinstance(sample, NumberSample), "there are three kinds of samples"
    return {
        "residuals": residual_histogram(sample),
        "scatter": scatter_points(sample),
        "by_size": errors_by_size(sample),
    }


def roc_curve(ranking: Ranking) -> Json:
    """Return share of negatives and of positives above each threshold."""
    false_rate = np.append(0.0, ranking.negatives / ranking.negatives[-1])
    true_rate = np.append(0.0, ranking.positives / ranking.positives[-1])
    picked = _pick(false_rate, true_rate)
    return {
        "false_positive_rate": _plain(false_rate[picked]),
        "true_positive_rate": _plain(true_rate[picked]),
    }


def precision_recall_curve(ranking: Ranking) -> Json:
    """Return precision and recall at each threshold, and the share of positives."""
    called = ranking.positives + ranking.negatives
    precision = ranking.positives / np.where(called > 0, called, 1.0)
    recall = ranking.positives / ranking.positives[-1]
    picked = _pick(recall, called / called[-1])
    return {
        "recall": _plain(recall[picked]),
        "precision": _plain(precision[picked]),
        "base_rate": _round(float(ranking.positives[-1] / called[-1])),
    }


def gain_curve(ranking: Ranking) -> Json:
    """Return the share of positives among the highest scores, for growing shares of all rows."""
    called = ranking.positives + ranking.negatives
    taken = np.append(0.0, called / called[-1])
    found = np.append(0.0, ranking.positives / ranking.positives[-1])
    picked = _pick(taken, found)
    return {"rows": _plain(taken[picked]), "positives": _plain(found[picked])}


def threshold_curve(ranking: Ranking) -> Json:
    """Return precision, recall, f1 and accuracy of calling positive from each threshold up."""
    thresholds, found, alarms = _called(ranking)
    positives, negatives = ranking.positives[-1], ranking.negatives[-1]
    called = found + alarms
    precision = np.divide(found, called, out=np.full(len(called), np.nan), where=called > 0)
    return {
        "threshold": _plain(thresholds),
        "precision": _plain(precision),
        "recall": _plain(found / positives),
        "f1": _plain(2 * found / (called + positives)),
        "accuracy": _plain((found + negatives - alarms) / (positives + negatives)),
    }


def cost_curve(ranking: Ranking, prices: Floats) -> Json:
    """Return the mean price of a row for calling positive from each threshold up.

    Args:
        ranking: of the rows.
        prices: of each true (row) and predicted class [2, 2].
    """
    thresholds, found, alarms = _called(ranking)
    positives, negatives = ranking.positives[-1], ranking.negatives[-1]
    paid = prices[1, 1] * found + prices[1, 0] * (positives - found)
    paid = paid + prices[0, 1] * alarms + prices[0, 0] * (negatives - alarms)
    return {"threshold": _plain(thresholds), "cost": _plain(paid / (positives + negatives))}


def calibration_curve(sample: ClassSample) -> Json:
    """Return ten groups of equal size by confidence: what was claimed and what came true.

    `low` and `high` are Wilson's 95% bounds of the share that came true.
    """
    confidence = sample.confidence.astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    group = _equal_groups(confidence[order], N_GROUPS)
    weights = np.ones(len(order)) if sample.weights is None else sample.weights[order]
    size = np.bincount(group, weights)
    used = size > 0
    claimed = np.bincount(group, weights * confidence[order])[used] / size[used]
    true = np.bincount(group, weights * sample.is_hit[order])[used] / size[used]
    rows = np.bincount(group)[used]
    low, high = _wilson(true, rows)
    return {
        "claimed": _plain(claimed),
        "true": _plain(true),
        "rows": rows.tolist(),
        "low": _plain(low),
        "high": _plain(high),
    }


def coverage_curve(sample: CategorySample) -> Json:
    """Return accuracy over the most confident rows, for growing shares of all rows."""
    order = np.argsort(-sample.confidence, kind="stable")
    weights = np.ones(len(order)) if sample.weights is None else sample.weights[order]
    answered = np.cumsum(weights)
    right = np.cumsum(weights * sample.is_correct[order])
    least = int(np.searchsorted(answered, answered[-1] / 50))
    picked = np.unique(np.linspace(least, len(order) - 1, 100).round().astype(np.int64))
    picked = picked[answered[picked] > 0]
    return {
        "coverage": _plain(answered[picked] / answered[-1]),
        "accuracy": _plain(right[picked] / answered[picked]),
    }


def confusion_of(sample: ClassSample, labels: tuple[str, ...]) -> Json:
    """Return the matrix (rows: truth) of up to 30 classes, else the 30 most frequent mistakes."""
    n = sample.n_classes
    if n <= MAX_MATRIX:
        cell = sample.truth_index.astype(np.int64) * n + sample.predicted
        matrix = np.bincount(cell, sample.weights, minlength=n * n).reshape(n, n)
        return {"labels": [label_of(labels, i) for i in range(n)], "matrix": _counts(matrix)}
    return {"top": _top_mistakes(sample, labels), "n_classes": n}


def per_class(sample: ClassSample, labels: tuple[str, ...]) -> tuple[Json, ...]:
    """Return a row for each class that occurs, in label order; the 200 largest of more."""
    counts = sample.counts
    occurs = np.flatnonzero(counts.truth + counts.predicted > 0)
    if len(occurs) > MAX_CLASSES:
        largest = np.argsort(-counts.truth[occurs], kind="stable")[:MAX_CLASSES]
        occurs = np.sort(occurs[largest])
    taken_for = _most_taken_for(sample)
    return tuple(
        {
            "label": label_of(labels, index),
            "rows": _count(counts.truth[index]),
            "predicted": _count(counts.predicted[index]),
            "precision": _ratio(counts.hits[index], counts.predicted[index]),
            "recall": _ratio(counts.hits[index], counts.truth[index]),
            "f1": _ratio(2 * counts.hits[index], counts.truth[index] + counts.predicted[index]),
            "taken_for": label_of(labels, taken_for[index][0]) if index in taken_for else None,
            "taken_for_share": _ratio(taken_for[index][1], counts.truth[index])
            if index in taken_for
            else None,
        }
        for index in occurs.tolist()
    )


def residual_histogram(sample: NumberSample) -> Json:
    """Return counts of prediction minus truth in 40 bars over the middle 99%."""
    low, high = np.quantile(sample.errors, [0.005, 0.995])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(sample.errors, bins=N_BARS, range=(float(low), float(high)))
    return {
        "edges": _plain(edges),
        "counts": counts.tolist(),
        "below": int(np.count_nonzero(sample.errors < low)),
        "above": int(np.count_nonzero(sample.errors > high)),
        "mean": _round(float(sample.errors.mean())),
    }


def scatter_points(sample: NumberSample) -> Json:
    """Return truth and prediction of up to 1,000 rows drawn from a fixed seed."""
    rows: Ints = np.arange(len(sample))
    if len(rows) > MAX_SCATTER:
        random = generator(0, "evaluation", "scatter")
        rows = np.sort(random.choice(len(rows), MAX_SCATTER, replace=False))
    return {
        "truth": _plain(sample.truth[rows]),
        "prediction": _plain(sample.scores[rows]),
        "n_rows": len(sample),
    }


def errors_by_size(sample: NumberSample) -> Json:
    """Return mean and median error in ten groups of equal size by prediction."""
    order = np.argsort(sample.scores, kind="stable")
    group = _equal_groups(sample.scores[order], N_GROUPS)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    parts = np.split(order, starts[1:])
    return {
        "prediction": _plain(np.array([sample.scores[part].mean() for part in parts])),
        "mean_error": _plain(np.array([sample.errors[part].mean() for part in parts])),
        "median_absolute_error": _plain(
            np.array([np.median(sample.absolute_errors[part]) for part in parts])
        ),
        "rows": [len(part) for part in parts],
    }


def _binary_curves(sample: BinarySample) -> Json:
    curves: Json = {"calibration": calibration_curve(sample), "scores": _score_bars(sample)}
    ranking = sample.ranking
    if ranking.positives[-1] > 0 and ranking.negatives[-1] > 0:
        curves["roc"] = roc_curve(ranking)
        curves["precision_recall"] = precision_recall_curve(ranking)
        curves["gain"] = gain_curve(ranking)
        curves["thresholds"] = threshold_curve(ranking)
    return curves


def _called(ranking: Ranking) -> tuple[Floats, Floats, Floats]:
    """Return 101 thresholds from 0 to 1 with the positives and negatives at or above each."""
    thresholds = np.linspace(0, 1, 101)
    above = np.searchsorted(-ranking.thresholds.astype(np.float64), -thresholds, side="right")
    found = np.append(0.0, ranking.positives)[above]
    alarms = np.append(0.0, ranking.negatives)[above]
    return thresholds, found, alarms


def _score_bars(sample: BinarySample) -> Json:
    edges = np.linspace(0, 1, N_BARS + 1)
    bars = np.minimum((sample.scores * N_BARS).astype(np.int64), N_BARS - 1).clip(0)
    both = np.bincount(bars + N_BARS * sample.is_positive, minlength=2 * N_BARS)
    return {
        "edges": _plain(edges),
        "negative": both[:N_BARS].tolist(),
        "positive": both[N_BARS:].tolist(),
    }


def _top_mistakes(sample: ClassSample, labels: tuple[str, ...]) -> list[Json]:
    pairs, weight = _mistakes(sample)
    first = np.argsort(-weight, kind="stable")[:MAX_PAIRS]
    n = sample.n_classes
    truth_counts = sample.counts.truth
    return [
        {
            "truth": label_of(labels, pair // n),
            "predicted": label_of(labels, pair % n),
            "rows": _count(rows),
            "share": _ratio(rows, truth_counts[pair // n]),
        }
        for pair, rows in zip(pairs[first].tolist(), weight[first].tolist(), strict=True)
    ]


def _most_taken_for(sample: ClassSample) -> dict[int, tuple[int, float]]:
    pairs, weight = _mistakes(sample)
    n = sample.n_classes
    order = np.lexsort((pairs, -weight, pairs // n))
    truth, first = np.unique(pairs[order] // n, return_index=True)
    best = order[first]
    return {
        int(index): (int(pair % n), float(rows))
        for index, pair, rows in zip(truth, pairs[best], weight[best], strict=True)
    }


def _mistakes(sample: ClassSample) -> tuple[Ints, Floats]:
    wrong = ~sample.is_correct
    cell = sample.truth_index[wrong].astype(np.int64) * sample.n_classes + sample.predicted[wrong]
    pairs, inverse = np.unique(cell, return_inverse=True)
    weights = None if sample.weights is None else sample.weights[wrong]
    return pairs, np.bincount(inverse, weights, minlength=len(pairs)).astype(np.float64)


def _equal_groups(ordered: Floats, n_groups: int) -> Ints:
    """Return the group of each of the rising values; equal values stay together."""
    group = np.arange(len(ordered)) * n_groups // len(ordered)
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sizes = np.diff(np.append(first, len(ordered)))
    return np.repeat(group[first], sizes)


def _pick(first: Floats, second: Floats) -> Ints:
    """Return up to 200 positions spread evenly over both rising coordinates, ends included."""
    if len(first) <= MAX_POINTS:
        return np.arange(len(first))
    steps = np.linspace(0, 1, MAX_POINTS // 2 - 1)
    at = [np.searchsorted(axis, steps).clip(max=len(axis) - 1) for axis in (first, second)]
    return np.unique(np.concatenate([*at, [0, len(first) - 1]])).astype(np.int64)


def _wilson(share: Floats, rows: Ints) -> tuple[Floats, Floats]:
    z = 1.959963984540054
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return np.minimum(share, (centre - half).clip(0)), np.maximum(
        share, (centre + half).clip(max=1)
    )


def _plain(values: Array) -> list[float | None]:
    """Return six significant digits of each value, None for NaN."""
    return [_round(value) for value in np.asarray(values, np.float64).tolist()]


def _round(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _counts(matrix: Array) -> list[list[float]]:
    if np.issubdtype(matrix.dtype, np.integer) or (matrix == np.round(matrix)).all():
        return matrix.astype(np.int64).tolist()  # type: ignore[no-any-return]
    return [[float(f"{value:.6g}") for value in row] for row in matrix.tolist()]


def _count(value: float) -> float:
    return int(value) if float(value).is_integer() else float(f"{value:.6g}")


def _ratio(part: float, whole: float) -> float | None:
    return _round(float(part) / float(whole)) if whole > 0 else None
