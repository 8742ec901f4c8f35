"""How sure a metric is, and how sure the difference between two models on the same rows.

Where a metric knows how far each row pulls its value (its *influence*) the standard error follows
at once, with weights and groups; for roc_auc that is DeLong's method. Elsewhere rows are resampled.
A metric between two bounds gets Wilson's interval with as many rows as explain the standard error,
so that no interval leaves the bounds and none is of width zero: three rows of three that are right
do not prove that the fourth will be. Others get a t interval.

Sources: DeLong et al. 1988; Wilson 1927; Kottas et al. 2014 (Wilson's interval for areas).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ordain.evaluation.judgement import Interval
from ordain.evaluation.metric import Metric, Undefined, value_of
from ordain.evaluation.resampling import resampled_spread
from ordain.evaluation.sample import Floats, Sample, dot

LEVEL = 0.95
MIN_ROWS = 2
MIN_PAIRED_ROWS = 10
FEW_ROWS = 10
"""Under these the standard error itself is hardly known, and never believed beyond the count."""


def value_interval(
    metric: Metric[Any], sample: Sample, *, level: float = LEVEL, seed: int = 0
) -> Interval | None:
    """Return the interval that holds a metric's value on rows like these, at a level.

    None where the rows cannot tell: an undefined value, one row (or group) of a metric without
    bounds, no variation at all of such a metric, or a metric that has no interval.
    """
    value = metric.evaluate(sample)
    if isinstance(value, Undefined) or not metric.has_interval:
        return None
    spread, method = spread_of(metric, (sample,), seed=seed)
    if math.isnan(spread):
        return None
    n_rows = metric.effective_rows(sample)
    excess = metric.excess(sample)
    if metric.worst is not None and math.isfinite(metric.best):
        return _bounded(
            metric, value, spread=spread, n_rows=n_rows, level=level, method=method, excess=excess
        )
    if spread <= 0 or n_rows < MIN_ROWS:
        return None
    half = quantile(level, n_rows - 1) * spread
    low, high = value - half - excess, value + half
    if metric.is_higher_better:
        return _interval(low, min(high, metric.best), level=level, method=method)
    return _interval(max(low, metric.best), high, level=level, method=method)


def gain_interval(
    metric: Metric[Any], ours: Sample, theirs: Sample, *, level: float = LEVEL, seed: int = 0
) -> Interval | None:
    """Return the interval of how much better `ours` is on the same rows.

    None where the rows cannot tell: under ten of them, an undefined value, or equal models.
    """
    gain = gain_of(metric, ours, theirs)
    if gain is None or not metric.has_interval or len(ours) < MIN_PAIRED_ROWS:
        return None
    spread, method = spread_of(metric, (ours, theirs), seed=seed)
    if math.isnan(spread):
        return None
    if spread > _noise(gain):
        half = quantile(level, ours.rows_in() - 1) * spread
        return _interval(gain - half, gain + half, level=level, method=method)
    return _of_certain(metric, ours, theirs, gain=gain, level=level) if gain else None


def gain_of(metric: Metric[Any], ours: Sample, theirs: Sample) -> float | None:
    """Return how much better the first is, in the metric's unit; None where undefined."""
    first, second = value_of(metric.evaluate(ours)), value_of(metric.evaluate(theirs))
    gain = first - second if metric.is_higher_better else second - first
    return gain if math.isfinite(gain) else None


def spread_of(
    metric: Metric[Any], samples: tuple[Sample, ...], *, seed: int = 0
) -> tuple[float, str]:
    """Return the standard error of the value, or of the difference of two, and the method.

    NaN where the rows cannot tell.
    """
    known = [pull for sample in samples if (pull := metric.influence(sample)) is not None]
    if len(known) == len(samples):
        pull = known[0] if len(known) == 1 else known[0] - known[1]
        return pull_spread(pull, samples[0]), "delong" if metric.type == "roc_auc" else "delta"
    if samples[0].n_groups < MIN_ROWS:
        return math.nan, "bootstrap"
    return resampled_spread(metric, samples, seed=seed), "bootstrap"


def pull_spread(pull: Floats, sample: Sample) -> float:
    """Return the standard error that rows' pulls [N] give; those of a group are added up first.

    NaN for a single row or group.
    """
    n_rows, n_units = len(pull), sample.n_groups
    if n_units < MIN_ROWS:
        return math.nan
    if sample.groups is not None:
        pull = np.bincount(sample.groups, pull, minlength=n_units).astype(np.float64)
    return math.sqrt(dot(pull, pull) * n_units / (n_units - 1)) / n_rows


def quantile(level: float, freedom: float) -> float:
    """Return how many standard errors an interval reaches, from Student's t distribution.

    Args:
        level: of confidence, 0 to 1.
        freedom: degrees of freedom, above zero; rows or groups less one.

    Exact for one and two degrees of freedom, within one in a thousand from five on (Cornish and
    Fisher's expansion), which costs no import of scipy.
    """
    if freedom <= 1:
        return math.tan(math.pi * level / 2)
    if freedom <= 2:  # noqa: PLR2004 - the last with a closed form
        return level * math.sqrt(2 / (1 - level**2))
    z = NormalDist().inv_cdf((1 + level) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))


def wilson(share: float, n_rows: float, *, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's interval of a share, 0 to 1, of so many independent rows, above zero."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * n_rows)) / (1 + z**2 / n_rows)
    half = z * math.sqrt(share * (1 - share) / n_rows + z**2 / (4 * n_rows**2))
    half /= 1 + z**2 / n_rows
    low = 0.0 if share <= 0 else max(0.0, min(share, centre - half))
    high = 1.0 if share >= 1 else min(1.0, max(share, centre + half))
    return low, high


def _bounded(
    metric: Metric[Any],
    value: float,
    *,
    spread: float,
    n_rows: float,
    level: float,
    method: str,
    excess: float,
) -> Interval | None:
    """Return Wilson's interval of a metric that lies between `worst` and `best`."""
    floor, ceiling = sorted((float(metric.worst or 0.0), metric.best))
    width = ceiling - floor
    share = min(max((value - floor) / width, 0.0), 1.0)
    if n_rows <= 0:
        return None
    n_explained = n_rows
    if spread > 0 and 0 < share < 1:
        n_explained = share * (1 - share) / (spread / width) ** 2
        # The t quantile of few rows or groups, told as fewer rows.
        if n_rows > 1:
            z = NormalDist().inv_cdf((1 + level) / 2)
            n_explained *= (z / quantile(level, n_rows - 1)) ** 2
    if n_rows < FEW_ROWS:
        n_explained = min(n_explained, n_rows)
    low, high = wilson(share, n_explained, level=level)
    return _interval(
        max(floor, floor + low * width - excess),
        floor + high * width,
        level=level,
        method=method if 0 < share < 1 else "wilson",
    )


def _of_certain(
    metric: Metric[Any], ours: Sample, theirs: Sample, *, gain: float, level: float
) -> Interval | None:
    """Return the interval of a gain that no row contradicts, such as perfect against constant.

    From the intervals of both values (Zou and Donner 2008); None where neither has one.
    """
    first = value_interval(metric, ours, level=level)
    second = value_interval(metric, theirs, level=level)
    values = value_of(metric.evaluate(ours)), value_of(metric.evaluate(theirs))
    if first is None and second is None:
        return None
    below, above = (
        (0.0, 0.0) if one is None else (value - one.low, one.high - value)
        for one, value in ((first, values[0]), (second, values[1]))
    )
    down, up = math.hypot(below[0], above[1]), math.hypot(below[1], above[0])
    if not metric.is_higher_better:
        down, up = up, down
    return _interval(gain - down, gain + up, level=level, method="wilson")


def _noise(gain: float) -> float:
    """Return what of a standard error is rounding."""
    return float(np.finfo(np.float64).eps) * 16 * max(abs(gain), 1e-300)


def _interval(low: float, high: float, *, level: float, method: str) -> Interval:
    return Interval(low=low, high=high, level=level, method=method)
