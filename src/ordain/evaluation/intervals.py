"""How sure a metric is, and whether two models differ on the same rows.

Where a metric knows how far each row pulls its value (its *influence*) the standard error follows
at once; for roc_auc that is DeLong's method. Elsewhere, and where rows have weights, rows are
resampled: 200 draws, the same ones for both models of a pair, from a fixed seed.

Above 20,000 rows a resampling draws from an even 20,000 of them, and the spread is scaled by the
root of the ratio: the interval of a mean shrinks with the root of the rows.
Sources: DeLong et al. 1988; Efron and Tibshirani 1993.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ordain.core.randomness import generator
from ordain.evaluation.judgement import Interval
from ordain.evaluation.metric import Metric, Undefined, value_of
from ordain.evaluation.sample import Floats, Sample, dot

LEVEL = 0.95
Z = 1.959963984540054
N_RESAMPLES = 200
MAX_ROWS = 20_000
MIN_ROWS = 10


def value_interval(metric: Metric[Any], sample: Sample, *, seed: int = 0) -> Interval | None:
    """Return the 95 % interval of a metric; None where the rows cannot tell.

    That is: fewer than ten rows, an undefined value, or no variation at all (a perfect score does
    not prove that the next row is right).
    """
    value = metric.evaluate(sample)
    if isinstance(value, Undefined) or len(sample) < MIN_ROWS:
        return None
    spread, method = _spread(metric, (sample,), seed)
    if not spread > 0:
        return None
    low, high = value - Z * spread, value + Z * spread
    bounds = [bound for bound in (metric.best, metric.worst) if bound is not None]
    return _interval(
        max(low, min(bounds, default=low)) if _has_floor(metric) else low,
        min(high, max(bounds, default=high)) if _has_ceiling(metric) else high,
        method,
    )


def gain_interval(
    metric: Metric[Any], ours: Sample, theirs: Sample, *, seed: int = 0
) -> Interval | None:
    """Return the 95 % interval of how much better `ours` is on the same rows; None as above."""
    gain = gain_of(metric, ours, theirs)
    if gain is None or len(ours) < MIN_ROWS:
        return None
    spread, method = _spread(metric, (ours, theirs), seed)
    if not math.isfinite(spread) or spread <= 0:
        return None
    return _interval(gain - Z * spread, gain + Z * spread, method)


def gain_of(metric: Metric[Any], ours: Sample, theirs: Sample) -> float | None:
    """Return how much better the first is, in the metric's unit; None where undefined."""
    first, second = value_of(metric.evaluate(ours)), value_of(metric.evaluate(theirs))
    gain = first - second if metric.is_higher_better else second - first
    return gain if math.isfinite(gain) else None


def _spread(metric: Metric[Any], samples: tuple[Sample, ...], seed: int) -> tuple[float, str]:
    """Return the standard error of the value, or of the difference of two, and the method."""
    if all(sample.weights is None for sample in samples):
        pulls = [metric.influence(sample) for sample in samples]
        known = [pull for pull in pulls if pull is not None]
        if len(known) == len(samples):
            pull = known[0] if len(known) == 1 else known[0] - known[1]
            error = math.sqrt(dot(pull, pull) / (len(pull) - 1) / len(pull))
            return error, "delong" if metric.type == "roc_auc" else "delta"
    return _resampled_spread(metric, samples, seed), "bootstrap"


def _resampled_spread(metric: Metric[Any], samples: tuple[Sample, ...], seed: int) -> float:
    n_rows = len(samples[0])
    n_kept = min(n_rows, MAX_ROWS)
    random = generator(seed, "evaluation", "bootstrap")
    if n_kept < n_rows:
        rows = np.sort(random.choice(n_rows, n_kept, replace=False))
        samples = tuple(sample.take(rows) for sample in samples)
    for sample in samples:  # what does not depend on the weights is then kept for all draws
        metric.evaluate(sample)
    values = [_draw(metric, samples, random) for _ in range(N_RESAMPLES)]
    finite = [value for value in values if math.isfinite(value)]
    # Draws without a value (one class drawn only) would hide the widest results.
    if len(finite) < N_RESAMPLES * LEVEL:
        return math.nan
    return float(np.std(finite, ddof=1)) * math.sqrt(n_kept / n_rows)


def _draw(metric: Metric[Any], samples: tuple[Sample, ...], random: np.random.Generator) -> float:
    n_rows = len(samples[0])
    counts: Floats = np.bincount(random.integers(0, n_rows, n_rows), minlength=n_rows).astype(
        np.float64
    )
    values = [
        value_of(
            metric.evaluate(
                sample.with_weights(counts if sample.weights is None else counts * sample.weights)
            )
        )
        for sample in samples
    ]
    return values[0] if len(values) == 1 else values[0] - values[1]


def _has_floor(metric: Metric[Any]) -> bool:
    return metric.worst is not None if metric.is_higher_better else True


def _has_ceiling(metric: Metric[Any]) -> bool:
    return True if metric.is_higher_better else metric.worst is not None


def _interval(low: float, high: float, method: str) -> Interval:
    return Interval(low=low, high=high, level=LEVEL, method=method)
