"""How a number is brought to a scale a model likes, and back.

| method | formula |
| --- | --- |
| zscore | (x - mean) / standard deviation |
| minmax | (x - min) / (max - min) |
| iq | (x - median) / (q75 - q25) |
| log1p | sign(x) log(1 + abs(x)) |
| robust | z = (x - median) / (q75 - q25), then z / sqrt(1 + (z / 3)^2), which lies in (-3, 3) |
| quantile | piecewise linear through 1,000 quantiles to those of the normal distribution |
| yeo_johnson | power transform of Yeo and Johnson (2000), then zscore |

A spread of zero is replaced by half the range (`iq`, `robust`); a constant column becomes 0. NaN
stays NaN. Results are bounded by the range of 32-bit floats.

Array and single-number paths use the same arithmetic in the same order, so they agree to the last
bit: `log1p` and `exp` come from the platform's mathematical library in both (Polars and Python),
never from NumPy, whose vector versions round differently.

Source of `robust`: Holzmueller, Grinsztajn, Steinwart (2024), arXiv 2407.04491.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.component import Spec
from ordain.features.numerals import LARGEST

Method = Literal["zscore", "minmax", "iq", "log1p", "robust", "quantile", "yeo_johnson"]
Floats = npt.NDArray[np.float64]

_N_QUANTILES = 1000
_FAR = 1e9
_SPREAD = 3.0


class Scaling(Spec):
    """A fitted scale."""

    method: Method | None
    """None leaves numbers as they are."""
    center: float = 0.0
    """Subtracted first."""
    factor: float = 1.0
    """Multiplied then; 0 for a constant column."""
    power: float = 1.0
    """Lambda of `yeo_johnson`."""
    knots: tuple[tuple[float, float], ...] = ()
    """Pairs of number and normal quantile, ascending, of `quantile`."""


def fit_scaling(values: Floats, method: Method | None) -> Scaling:
    """Return the scale of present values [N], which hold no NaN; none at all is allowed."""
    if method is None or method == "log1p" or len(values) == 0:
        return Scaling(method=method)
    if method == "quantile":
        return Scaling(method=method, knots=_fit_knots(values))
    power = 1.0
    if method == "yeo_johnson":
        power = _fit_power(values)
        values = _power_array(values, power)
    center, spread = _center_and_spread(values, method)
    factor = 1.0 / spread if spread > 0 and math.isfinite(1.0 / spread) else 0.0
    return Scaling(method=method, center=center, factor=factor, power=power)


def scale_array(values: Floats, scaling: Scaling) -> Floats:
    """Return scaled numbers [N]; NaN stays NaN."""
    method = scaling.method
    if method is None:
        return values
    if method == "log1p":
        return np.copysign(_log1p(np.abs(values)), values)
    if method == "quantile":
        return _interpolate_array(
            values, [k[0] for k in scaling.knots], [k[1] for k in scaling.knots]
        )
    if method == "yeo_johnson":
        values = _power_array(values, scaling.power)
    scaled = (values - scaling.center) * scaling.factor
    if method == "robust":
        scaled = np.clip(scaled, -_FAR, _FAR)
        third = scaled / _SPREAD
        return scaled / np.sqrt(1.0 + third * third)
    return np.clip(scaled, -LARGEST, LARGEST)


def scaler(scaling: Scaling) -> Callable[[float], float]:
    """Return the function that scales one number that is not NaN, as `scale_array` does."""
    method, center, factor, power = scaling.method, scaling.center, scaling.factor, scaling.power
    if method is None:
        return float
    if method == "log1p":
        return lambda x: math.copysign(math.log1p(abs(x)), x)
    if method == "quantile":
        return _interpolator([k[0] for k in scaling.knots], [k[1] for k in scaling.knots])
    if method == "robust":

        def scale_robust(x: float) -> float:
            z = (x - center) * factor
            z = _FAR if z > _FAR else max(z, -_FAR)
            third = z / _SPREAD
            return z / math.sqrt(1.0 + third * third)

        return scale_robust
    if method == "yeo_johnson":
        return lambda x: _bound((_power_one(x, power) - center) * factor)
    return lambda x: _bound((x - center) * factor)


def unscale_array(scores: Floats, scaling: Scaling) -> Floats:
    """Return numbers [N] from scaled ones; the inverse of `scale_array` where it has one."""
    method = scaling.method
    if method is None:
        return scores
    if method == "log1p":
        return np.copysign(_exp(np.abs(scores)) - 1.0, scores)
    if method == "quantile":
        return _interpolate_array(
            scores, [k[1] for k in scaling.knots], [k[0] for k in scaling.knots]
        )
    if method == "robust":
        bounded = np.clip(scores, -0.999 * _SPREAD, 0.999 * _SPREAD)
        third = bounded / _SPREAD
        scores = bounded / np.sqrt(1.0 - third * third)
    if scaling.factor == 0.0:
        values = np.where(np.isnan(scores), scores, scaling.center)
    else:
        values = scores / scaling.factor + scaling.center
    return _unpower_array(values, scaling.power) if method == "yeo_johnson" else values


def unscaler(scaling: Scaling) -> Callable[[float], float]:
    """Return the function that unscales one number, as `unscale_array` does."""

    def unscale(score: float) -> float:
        return float(unscale_array(np.array([score], dtype=np.float64), scaling)[0])

    if scaling.method not in {"zscore", "minmax", "iq"} or scaling.factor == 0.0:
        return unscale
    center, factor = scaling.center, scaling.factor
    return lambda score: score / factor + center


def _center_and_spread(values: Floats, method: Method) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, 0.0
    if method in {"zscore", "yeo_johnson"}:
        return float(values.mean()), float(values.std())
    if method == "minmax":
        return low, high - low
    lower, middle, upper = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    spread = upper - lower
    return middle, spread if spread > 0 else (high - low) / 2


def _bound(x: float) -> float:
    return LARGEST if x > LARGEST else max(x, -LARGEST)


def _log1p(values: Floats) -> Floats:
    return pl.Series(values).log1p().to_numpy()


def _exp(values: Floats) -> Floats:
    return pl.Series(values).exp().to_numpy()


def _fit_knots(values: Floats) -> tuple[tuple[float, float], ...]:
    n = min(_N_QUANTILES, len(values))
    # Mid-ranks, so that the ends lie at finite normal quantiles without clipping.
    ranks = (np.arange(n) + 0.5) / n
    points = np.quantile(values, np.linspace(0, 1, n))
    distinct, group = np.unique(points, return_inverse=True)
    mean_rank = np.bincount(group, weights=ranks) / np.bincount(group)
    normal = NormalDist()
    return tuple(
        (float(x), normal.inv_cdf(float(p))) for x, p in zip(distinct, mean_rank, strict=True)
    )


def _interpolate_array(values: Floats, xs: list[float], ys: list[float]) -> Floats:
    if len(xs) < 2:  # noqa: PLR2004 - a line needs two points
        return np.where(np.isnan(values), values, ys[0] if ys else 0.0)
    x, y = np.array(xs), np.array(ys)
    slope = np.diff(y) / np.diff(x)
    bounded = np.clip(values, x[0], x[-1])
    at = np.clip(np.searchsorted(x, bounded, side="right") - 1, 0, len(slope) - 1)
    result: Floats = y[at] + (bounded - x[at]) * slope[at]
    return result


def _interpolator(xs: list[float], ys: list[float]) -> Callable[[float], float]:
    if len(xs) < 2:  # noqa: PLR2004 - a line needs two points
        constant = ys[0] if ys else 0.0
        return lambda _: constant
    slopes = (np.diff(np.array(ys)) / np.diff(np.array(xs))).tolist()
    low, high, last = xs[0], xs[-1], len(slopes) - 1

    def interpolate(x: float) -> float:
        x = low if x < low else min(x, high)
        at = min(bisect_right(xs, x) - 1, last)
        return ys[at] + (x - xs[at]) * float(slopes[at])

    return interpolate


def _power_one(x: float, power: float) -> float:
    # exp(p log1p(x)) and not pow: the same two library calls as the array path.
    p, sign, log = (power, 1.0, math.log1p(x)) if x >= 0 else (2.0 - power, -1.0, math.log1p(-x))
    if abs(p) < 1e-6:  # noqa: PLR2004 - the limit p -> 0 is the logarithm
        return sign * log
    return sign * ((math.exp(min(p * log, 80.0)) - 1.0) / p)


def _power_array(values: Floats, power: float) -> Floats:
    positive = values >= 0
    log = _log1p(np.abs(values))
    p = np.where(positive, power, 2.0 - power)
    sign = np.where(positive, 1.0, -1.0)
    flat = np.abs(p) < 1e-6  # noqa: PLR2004 - the limit p -> 0 is the logarithm
    curved = (_exp(np.minimum(p * log, 80.0)) - 1.0) / np.where(flat, 1.0, p)
    result: Floats = sign * np.where(flat, log, curved)
    return result


def _unpower_array(values: Floats, power: float) -> Floats:
    positive = values >= 0
    p = np.where(positive, power, 2.0 - power)
    sign = np.where(positive, 1.0, -1.0)
    flat = np.abs(p) < 1e-6  # noqa: PLR2004 - the limit p -> 0 is the exponential
    inner = np.maximum(np.abs(values) * p, -1.0 + 1e-12)
    log = np.where(flat, np.abs(values), _log1p(inner) / np.where(flat, 1.0, p))
    result: Floats = sign * (_exp(np.minimum(log, 88.0)) - 1.0)
    return result


def _fit_power(values: Floats) -> float:
    """Return the lambda of highest likelihood by golden-section search on [-2, 4]."""
    sample = values if len(values) <= 100_000 else np.quantile(values, np.linspace(0, 1, 100_000))  # noqa: PLR2004
    log_sum = float(np.sum(np.sign(sample) * np.log1p(np.abs(sample))))

    def loss(power: float) -> float:
        spread = float(np.var(_power_array(sample, power)))
        if not math.isfinite(spread) or spread <= 0:
            return math.inf
        return len(sample) / 2 * math.log(spread) - (power - 1) * log_sum

    ratio = (math.sqrt(5) - 1) / 2
    low, high = -2.0, 4.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    for _ in range(40):
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - ratio * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + ratio * (high - low)
            loss_right = loss(right)
    return round((low + high) / 2, 6)
