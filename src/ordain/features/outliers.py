"""Outliers of a number: where they begin, and what they become.

An outlier lies more than `outlier_threshold` standard deviations from the mean of the training
rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import polars as pl

from ordain.core.component import Spec
from ordain.features.numerals import LARGEST
from ordain.features.powers import Floats

OutlierStrategy = Literal[
    "clip",
    "keep",
    "fill_with_const",
    "fill_with_mean",
    "fill_with_median",
    "fill_with_mode",
    "drop_row",
]


class Cleaning(Spec):
    """What happens to outliers."""

    outliers: Literal["none", "clip", "fill", "missing"] = "none"
    """What happens outside of `low` to `high`."""
    low: float = -LARGEST
    """Lowest value that is no outlier."""
    high: float = LARGEST
    """Highest value that is no outlier."""
    outlier_fill: float = 0.0
    """Value put in an outlier's place by `fill`."""


def fit_cleaning(
    present: Floats, strategy: OutlierStrategy | None, *, threshold: float | None, constant: float
) -> Cleaning:
    """Return bounds and action of a strategy, fitted on present values [N]."""
    if strategy is None or threshold is None or len(present) == 0:
        return Cleaning()
    reach, mean = threshold * float(present.std()), float(present.mean())
    bounds = {"low": _bounded(mean - reach), "high": _bounded(mean + reach)}
    if strategy == "drop_row":
        # Dropped in training by `rows_to_drop`; elsewhere the number stands.
        return Cleaning(**bounds)
    if strategy in {"clip", "keep"}:
        return Cleaning(outliers="clip" if strategy == "clip" else "missing", **bounds)
    inside = present[(present >= bounds["low"]) & (present <= bounds["high"])]
    return Cleaning(
        outliers="fill", outlier_fill=statistic(inside, strategy, constant=constant), **bounds
    )


def is_outside(values: Floats, cleaning: Cleaning) -> Any:
    """Return True for every outlier [N]; NaN is none."""
    return (values < cleaning.low) | (values > cleaning.high)


def clean_array(values: Floats, cleaning: Cleaning) -> Floats:
    """Return the values with outliers treated; NaN stays NaN."""
    if cleaning.outliers == "none":
        return values
    if cleaning.outliers == "clip":
        return np.clip(values, cleaning.low, cleaning.high)
    instead = np.nan if cleaning.outliers == "missing" else cleaning.outlier_fill
    return np.where(is_outside(values, cleaning), instead, values)


def cleaned_reader(
    read: Callable[[object], float], cleaning: Cleaning
) -> Callable[[object], float]:
    """Return a reader of numbers that treats outliers as `clean_array` does."""
    action, low, high = cleaning.outliers, cleaning.low, cleaning.high
    instead = math.nan if action == "missing" else cleaning.outlier_fill
    if action == "none":
        return read

    def clean(value: object) -> float:
        x = read(value)
        if action == "clip":
            return low if x < low else min(x, high)
        return instead if x < low or x > high else x

    return clean


def statistic(values: Floats, strategy: str, *, constant: float) -> float:
    """Return the number that a strategy fills with; 0 where there is nothing to take it from."""
    if strategy == "fill_with_const":
        return constant
    if len(values) == 0:
        return 0.0
    kind = strategy.rpartition("_")[2]
    if kind == "mean":
        return float(values.mean())
    if kind == "mode":
        distinct, counts = np.unique(values, return_counts=True)
        return float(distinct[np.argmax(counts)])
    return median(values)


def median(values: Floats) -> float:
    """Return the median of present values."""
    # The same number as NumPy's, in a fifth of its time.
    return float(pl.Series(values).median())  # type: ignore[arg-type]


def _bounded(value: float) -> float:
    return min(max(value, -LARGEST), LARGEST)
