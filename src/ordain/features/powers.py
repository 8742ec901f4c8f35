"""Power transforms: lambda by maximum likelihood, columns and single numbers by the same steps.

| transform | formula |
| --- | --- |
| Yeo-Johnson | ((1 + x)^p - 1) / p for x >= 0, else -((1 - x)^(2 - p) - 1) / (2 - p) |
| Box-Cox | (x^p - 1) / p, for x > 0; lower numbers take the place of `lowest` |

The limit p -> 0 is the logarithm. Powers are written as exp(p log x): the same two calls of the
platform's library in a column (Polars) and for one number (Python), so that both agree to the last
bit. NaN stays NaN.

Source: Box and Cox (1964), Journal of the Royal Statistical Society B 26; Yeo and Johnson (2000),
Biometrika 87.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

_FLAT = 1e-6
_MOST_ROWS = 100_000
_HIGHEST_EXPONENT = 80.0
_SEARCHED = (-2.0, 4.0)
_N_STEPS = 40


def yeo_johnson_array(values: Floats, power: float) -> Floats:
    """Return the transform of numbers [N]."""
    positive = values >= 0
    log = log1p_array(np.abs(values))
    p = np.where(positive, power, 2.0 - power)
    sign = np.where(positive, 1.0, -1.0)
    flat = np.abs(p) < _FLAT
    curved = (exp_array(np.minimum(p * log, _HIGHEST_EXPONENT)) - 1.0) / np.where(flat, 1.0, p)
    result: Floats = sign * np.where(flat, log, curved)
    return result


def yeo_johnson_one(x: float, power: float) -> float:
    """Return the transform of one number, as `yeo_johnson_array` gives it."""
    p, sign, log = (power, 1.0, math.log1p(x)) if x >= 0 else (2.0 - power, -1.0, math.log1p(-x))
    if abs(p) < _FLAT:
        return sign * log
    return sign * ((math.exp(min(p * log, _HIGHEST_EXPONENT)) - 1.0) / p)


def unyeo_johnson_array(values: Floats, power: float) -> Floats:
    """Return the numbers [N] whose transforms are given."""
    positive = values >= 0
    p = np.where(positive, power, 2.0 - power)
    sign = np.where(positive, 1.0, -1.0)
    flat = np.abs(p) < _FLAT
    inner = np.maximum(np.abs(values) * p, -1.0 + 1e-12)
    log = np.where(flat, np.abs(values), log1p_array(inner) / np.where(flat, 1.0, p))
    result: Floats = sign * (exp_array(np.minimum(log, 88.0)) - 1.0)
    return result


def box_cox_array(values: Floats, power: float, *, lowest: float) -> Floats:
    """Return the transform of numbers [N]; those below `lowest`, which is above 0, as of it."""
    log = pl.Series(np.maximum(values, lowest)).log().to_numpy()
    if abs(power) < _FLAT:
        return log
    result: Floats = (exp_array(np.minimum(power * log, _HIGHEST_EXPONENT)) - 1.0) / power
    return result


def box_cox_one(x: float, power: float, *, lowest: float) -> float:
    """Return the transform of one number, as `box_cox_array` gives it."""
    log = math.log(max(x, lowest))
    if abs(power) < _FLAT:
        return log
    return (math.exp(min(power * log, _HIGHEST_EXPONENT)) - 1.0) / power


def unbox_cox_array(values: Floats, power: float) -> Floats:
    """Return the numbers [N] whose transforms are given."""
    if abs(power) < _FLAT:
        return exp_array(np.minimum(values, 88.0))
    log = log1p_array(np.maximum(values * power, -1.0 + 1e-12)) / power
    return exp_array(np.minimum(log, 88.0))


def fit_yeo_johnson(values: Floats) -> float:
    """Return the lambda of highest likelihood on [-2, 4]."""
    sample = _sample(values)
    log_sum = float(np.sum(np.sign(sample) * np.log1p(np.abs(sample))))
    return _most_likely(sample, yeo_johnson_array, log_sum)


def fit_box_cox(values: Floats) -> float:
    """Return the lambda of highest likelihood on [-2, 4] of numbers above 0."""
    sample = _sample(values)
    lowest = float(sample.min())
    log_sum = float(np.sum(np.log(sample)))
    return _most_likely(sample, lambda x, p: box_cox_array(x, p, lowest=lowest), log_sum)


def log1p_array(values: Floats) -> Floats:
    """Return log(1 + x) [N], as Python's `math.log1p` gives it."""
    return pl.Series(values).log1p().to_numpy()


def exp_array(values: Floats) -> Floats:
    """Return exp(x) [N], as Python's `math.exp` gives it."""
    return pl.Series(values).exp().to_numpy()


def _sample(values: Floats) -> Floats:
    if len(values) <= _MOST_ROWS:
        return values
    return np.quantile(values, np.linspace(0, 1, _MOST_ROWS))


def _most_likely(
    sample: Floats, transform: Callable[[Floats, float], Floats], log_sum: float
) -> float:
    """Return the lambda of highest likelihood by golden-section search."""

    def loss(power: float) -> float:
        spread = float(np.var(transform(sample, power)))
        if not math.isfinite(spread) or spread <= 0:
            return math.inf
        return len(sample) / 2 * math.log(spread) - (power - 1) * log_sum

    ratio = (math.sqrt(5) - 1) / 2
    low, high = _SEARCHED
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    for _ in range(_N_STEPS):
        if loss_left <= loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - ratio * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + ratio * (high - low)
            loss_right = loss(right)
    return round((low + high) / 2, 6)
