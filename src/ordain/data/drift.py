"""Drift between sets: how far the values of a column in one set are from those in training.

Numbers and moments by the greatest distance of their cumulative shares (Kolmogorov-Smirnov),
classes by the total variation of their shares, text of many values by the KS of its length; a
differing share of missing values counts as well. All are between 0 and 1, and all are computed on
samples. A value counts as drift from 0.1 on, if chance gives it to none of 10,000 equal columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

LEAST_DRIFT = 0.1
SAMPLE_ROWS = 20_000
_ALPHA = 1e-4
_MOST_CLASSES = 200


def sample_rows(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return at most 20,000 of the rows, spread over all of them by a fixed draw, in order."""
    if len(rows) <= SAMPLE_ROWS:
        return rows
    chosen = np.random.default_rng(len(rows)).choice(len(rows), SAMPLE_ROWS, replace=False)
    return rows[np.sort(chosen)]


def column_drift(
    train: pl.Series, other: pl.Series, *, n_columns: int = 1
) -> dict[str, Any] | None:
    """Return how far a column is from its training rows; None for nested and empty columns.

    Keys: ``column``, ``measure`` (``ks``, ``total_variation``, ``ks_of_length``, ``missing``),
    ``value``, ``limit`` from which on it is drift.

    Args:
        train: sample of the training rows.
        other: sample of another set's rows.
        n_columns: compared in all, since among many one is far off by chance.
    """
    if train.dtype.is_nested() or not len(train) or not len(other):
        return None
    alpha = _ALPHA / n_columns
    missing = abs(train.null_count() / len(train) - other.null_count() / len(other))
    found = [("missing", missing, _ks_limit(len(train), len(other), alpha))]
    left, right = train.drop_nulls(), other.drop_nulls()
    if len(left) and len(right):
        found.append(_distance(left, right, alpha))
    measure, value, limit = max(found, key=lambda one: one[1] - one[2])
    return {
        "column": train.name,
        "measure": measure,
        "value": round(value, 4),
        "limit": round(max(limit, LEAST_DRIFT), 4),
    }


def rank_drift(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns that drift, the furthest over its limit first."""
    over = [one for one in found if one["value"] >= one["limit"]]
    return sorted(over, key=lambda one: (one["limit"] - one["value"], one["column"]))


def _distance(left: pl.Series, right: pl.Series, alpha: float) -> tuple[str, float, float]:
    limit = _ks_limit(len(left), len(right), alpha)
    if left.dtype.is_numeric() or left.dtype.is_temporal():
        return "ks", _ks(_numbers(left), _numbers(right)), limit
    left, right = left.cast(pl.String), right.cast(pl.String)
    if left.n_unique() > _MOST_CLASSES:
        lengths = [_numbers(one.str.len_chars()) for one in (left, right)]
        return "ks_of_length", _ks(*lengths), limit
    return ("total_variation", *_total_variation(left, right, alpha))


def _numbers(values: pl.Series) -> npt.NDArray[np.float64]:
    numbers = values.to_physical().cast(pl.Float64).to_numpy()
    return np.sort(numbers[~np.isnan(numbers)])


def _ks(left: npt.NDArray[np.float64], right: npt.NDArray[np.float64]) -> float:
    if not len(left) or not len(right):
        return 0.0
    points = np.concatenate([left, right])
    shares = [np.searchsorted(one, points, side="right") / len(one) for one in (left, right)]
    return float(np.abs(shares[0] - shares[1]).max())


def _ks_limit(n: int, m: int, alpha: float) -> float:
    """Return the distance that samples of one population pass with probability `alpha`."""
    return math.sqrt(-math.log(alpha / 2) / 2 * (1 / n + 1 / m))


def _total_variation(left: pl.Series, right: pl.Series, alpha: float) -> tuple[float, float]:
    """Return the total variation of the shares, and what samples of one population pass.

    By chance alone the shares of a class differ by a normal deviate of variance p (1 - p) (1/n +
    1/m), whose mean size makes the expectation; the margin is that of McDiarmid 1989.
    """
    counts = (
        left.rename("value").value_counts(name="left")
        .join(right.rename("value").value_counts(name="right"), on="value", how="full")
        .select(pl.col("left", "right").fill_null(0).cast(pl.Float64))
    )  # fmt: skip
    n, m = len(left), len(right)
    first, second = counts["left"].to_numpy(), counts["right"].to_numpy()
    pooled = (first + second) / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    expected = float(spread.sum()) * math.sqrt(2 / math.pi) / 2
    margin = math.sqrt(-math.log(alpha) / 2 * (1 / n + 1 / m))
    return float(np.abs(first / n - second / m).sum()) / 2, expected + margin
