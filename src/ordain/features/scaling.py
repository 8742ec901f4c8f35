"""How a number is brought to a scale a model likes, and back.

| method | formula |
| --- | --- |
| zscore | (x - mean) / standard deviation |
| minmax | (x - min) / (max - min) |
| iq | (x - median) / (q75 - q25) |
| log1p | sign(x) log(1 + abs(x)) |
| robust | z = (x - median) / (q75 - q25), then z / sqrt(1 + (z / 3)^2), which lies in (-3, 3) |
| quantile | piecewise linear through 1,000 quantiles to those of the normal distribution |
| quantile_uniform | the same to those of the uniform distribution, from 0 to 1 |
| yeo_johnson | power transform of Yeo and Johnson (2000), then zscore |
| box_cox | power transform of Box and Cox (1964), then zscore; for numbers above 0 |

A spread of zero is replaced by half the range (`iq`, `robust`); a constant column becomes 0. NaN
stays NaN. Results are bounded by the range of 32-bit floats. A number that is not above 0 takes the
place of the lowest one of training under `box_cox`. The powers are described in `powers.py`.

Array and single-number paths use the same arithmetic in the same order, so they agree to the last
bit: `log`, `log1p` and `exp` come from the platform's mathematical library in both (Polars and
Python), never from NumPy, whose vector versions round differently.

Source of `robust`: Holzmueller, Grinsztajn, Steinwart (2024), arXiv 2407.04491.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from statistics import NormalDist
from typing import Literal

import numpy as np

from ordain.core.component import Spec
from ordain.features.numerals import LARGEST
from ordain.features.powers import (
    Floats,
    box_cox_array,
    box_cox_one,
    exp_array,
    fit_box_cox,
    fit_yeo_johnson,
    log1p_array,
    unbox_cox_array,
    unyeo_johnson_array,
    yeo_johnson_array,
    yeo_johnson_one,
)

Method = Literal[
    "zscore",
    "minmax",
    "iq",
    "log1p",
    "robust",
    "quantile",
    "quantile_uniform",
    "yeo_johnson",
    "box_cox",
]

_N_QUANTILES = 1000
_FAR = 1e9
_SPREAD = 3.0
_QUANTILES = frozenset({"quantile", "quantile_uniform"})


class Scaling(Spec):
    """A fitted scale."""

    method: Method | None
    """None leaves numbers as they are."""
    center: float = 0.0
    """Subtracted first."""
    factor: float = 1.0
    """Multiplied then; 0 for a constant column."""
    power: float = 1.0
    """Lambda of `yeo_johnson` and `box_cox`."""
    lowest: float = 1.0
    """Lowest number of training, above 0, of `box_cox`."""
    knots: tuple[tuple[float, float], ...] = ()
    """Pairs of number and quantile of the wanted distribution, ascending."""


def fit_scaling(values: Floats, method: Method | None) -> Scaling:
    """Return the scale of present values [N], which hold no NaN; none at all is allowed.

    Numbers that are not above 0 have no part in fitting `box_cox`.
    """
    if method is None or method == "log1p" or len(values) == 0:
        return Scaling(method=method)
    if method in _QUANTILES:
        return Scaling(method=method, knots=_fit_knots(values, is_uniform=method != "quantile"))
    power, lowest = 1.0, 1.0
    if method == "yeo_johnson":
        power = fit_yeo_johnson(values)
        values = yeo_johnson_array(values, power)
    elif method == "box_cox":
        values = values[values > 0]
        if len(values) == 0:
            return Scaling(method=method, factor=0.0)
        power, lowest = fit_box_cox(values), float(values.min())
        values = box_cox_array(values, power, lowest=lowest)
    center, spread = _center_and_spread(values, method)
    factor = 1.0 / spread if spread > 0 and math.isfinite(1.0 / spread) else 0.0
    return Scaling(method=method, center=center, factor=factor, power=power, lowest=lowest)


def scale_array(values: Floats, scaling: Scaling) -> Floats:
    """Return scaled numbers [N]; NaN stays NaN."""
    method = scaling.method
    if method is None:
        return values
    if method == "log1p":
        return np.copysign(log1p_array(np.abs(values)), values)
    if method in _QUANTILES:
        return _interpolate_array(
            values, [k[0] for k in scaling.knots], [k[1] for k in scaling.knots]
        )
    if method == "yeo_johnson":
        values = yeo_johnson_array(values, scaling.power)
    elif method == "box_cox":
        values = box_cox_array(values, scaling.power, lowest=scaling.lowest)
    scaled = (values - scaling.center) * scaling.factor
    if method == "robust":
        scaled = np.clip(scaled, -_FAR, _FAR)
        third = scaled / _SPREAD
        return scaled / np.sqrt(1.0 + third * third)
    return np.clip(scaled, -LARGEST, LARGEST)


def scaler(scaling: Scaling) -> Callable[[float], float]:
    """Return the function that scales one number that is not NaN, as `scale_array` does."""
    method, center, factor = scaling.method, scaling.center, scaling.factor
    power, lowest = scaling.power, scaling.lowest
    if method is None or method == "log1p":
        return float if method is None else lambda x: math.copysign(math.log1p(abs(x)), x)
    if method in _QUANTILES:
        return _interpolator([k[0] for k in scaling.knots], [k[1] for k in scaling.knots])
    if method == "robust":
        return _robust_scaler(center, factor)
    if method == "yeo_johnson":
        return lambda x: _bound((yeo_johnson_one(x, power) - center) * factor)
    if method == "box_cox":
        return lambda x: _bound((box_cox_one(x, power, lowest=lowest) - center) * factor)
    return lambda x: _bound((x - center) * factor)


def _robust_scaler(center: float, factor: float) -> Callable[[float], float]:
    def scale(x: float) -> float:
        z = (x - center) * factor
        z = _FAR if z > _FAR else max(z, -_FAR)
        third = z / _SPREAD
        return z / math.sqrt(1.0 + third * third)

    return scale


def unscale_array(scores: Floats, scaling: Scaling) -> Floats:
    """Return numbers [N] from scaled ones; the inverse of `scale_array` where it has one."""
    method = scaling.method
    if method is None:
        return scores
    if method == "log1p":
        return np.copysign(exp_array(np.abs(scores)) - 1.0, scores)
    if method in _QUANTILES:
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
    if method == "box_cox":
        return unbox_cox_array(values, scaling.power)
    return unyeo_johnson_array(values, scaling.power) if method == "yeo_johnson" else values


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
    if method in {"zscore", "yeo_johnson", "box_cox"}:
        return float(values.mean()), float(values.std())
    if method == "minmax":
        return low, high - low
    lower, middle, upper = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    spread = upper - lower
    return middle, spread if spread > 0 else (high - low) / 2


def _bound(x: float) -> float:
    return LARGEST if x > LARGEST else max(x, -LARGEST)


def _fit_knots(values: Floats, *, is_uniform: bool) -> tuple[tuple[float, float], ...]:
    n = min(_N_QUANTILES, len(values))
    # Mid-ranks, so that the ends lie at finite normal quantiles without clipping.
    ranks = (np.arange(n) + 0.5) / n
    points = np.quantile(values, np.linspace(0, 1, n))
    distinct, group = np.unique(points, return_inverse=True)
    mean_rank = np.bincount(group, weights=ranks) / np.bincount(group)
    to_quantile = float if is_uniform else NormalDist().inv_cdf
    return tuple(
        (float(x), to_quantile(float(p))) for x, p in zip(distinct, mean_rank, strict=True)
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
