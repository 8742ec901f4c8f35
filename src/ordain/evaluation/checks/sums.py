"""How well a weighted sum of number columns tells a number, such as a part told by its total.

Fitted on training rows by least squares, measured on others. A sum of whole columns that leaves
only a few fixed amounts, such as fees, is told apart: it explains less, and is an identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ordain.evaluation.checks.alone import FEW_ROWS, Floats, as_numbers
from ordain.evaluation.checks.check import Training
from ordain.evaluation.subject import Subject

_NEAR = 0.05
"""How far a weight may be from 1 or -1 to be taken for it, as rounding makes it."""
_HALF = 0.5
"""Weight from which on a column is tried whole."""
_N_AMOUNTS = 10
_MOSTLY = 0.95
"""Share of rows in which a few fixed amounts are all that a sum of whole columns leaves."""
_VARIED = 0.6
"""Share of rows that as many values of the target itself may have at most."""


@dataclass(frozen=True)
class Sum:
    """A weighted sum that tells a target.

    Attributes:
        r2: share of the variance that it explains on rows that it was not fitted on.
        n_rows: these rows.
        weights: name and weight, those near 1 or -1 first, then by what they explain.
    """

    r2: float
    n_rows: int
    weights: tuple[tuple[str, float], ...]
    is_whole: bool = False
    """Whether the sum of these columns, each whole, leaves a few fixed amounts only."""


def sum_of(training: Training, output: str, columns: Sequence[tuple[str, str]]) -> Sum | None:
    """Return the sum of number columns that is nearest to a target; None where rows cannot say.

    Args:
        training: with rows to fit on and to measure on; rows with a missing cell are left out.
        output: a number.
        columns: name and column of each input.
    """
    kept = [(name, column) for name, column in columns if _varies(training.train.frame[column])]
    if len(kept) < 2:  # noqa: PLR2004 - one alone is looked at by itself
        return None
    first = _rows(training.train, output, [column for _, column in kept])
    second = _rows(training.test, output, [column for _, column in kept])
    if first is None or second is None:
        return None
    if len(first) < FEW_ROWS + 2 * len(kept) or len(second) < FEW_ROWS:
        return None
    mean, spread = first.mean(axis=0), first.std(axis=0)
    if not np.all(spread > 0) or not second[:, -1].std() > 0:
        return None
    scaled, target = (first - mean)[:, :-1] / spread[:-1], first[:, -1] - mean[-1]
    weights, *_ = np.linalg.lstsq(scaled, target, rcond=1e-8)
    missed = second[:, -1] - mean[-1] - (second - mean)[:, :-1] / spread[:-1] @ weights
    total = float(np.square(second[:, -1] - second[:, -1].mean()).sum())
    own = [(name, float(w / s)) for (name, _), w, s in zip(kept, weights, spread, strict=False)]
    order = sorted(range(len(own)), key=lambda i: (not _is_one(own[i][1]), -abs(weights[i])))
    told = tuple(own[i] for i in order)
    r2 = 1 - float(np.square(missed).sum()) / total
    ones = np.array([np.sign(w) * (abs(w) >= _HALF) for _, w in own])
    if np.count_nonzero(ones) > 1 and _leaves_amounts(second, ones):
        whole = tuple((own[i][0], float(ones[i])) for i in order if ones[i])
        return Sum(r2, len(second), whole, is_whole=True)
    near = tuple(one for one in told if _is_one(one[1]))
    return Sum(r2, len(second), near or told)


def _leaves_amounts(rows: Floats, ones: Floats) -> bool:
    rest = rows[:, -1] - rows[:, :-1] @ ones
    return _commonest(rest) >= _MOSTLY and _commonest(rows[:, -1]) <= _VARIED


def _commonest(values: Floats) -> float:
    """Return the share of the ten commonest values."""
    _, counts = np.unique(values.round(6), return_counts=True)
    return float(np.sort(counts)[-_N_AMOUNTS:].sum() / len(values))


def _is_one(weight: float) -> bool:
    return abs(abs(weight) - 1) <= _NEAR


def _varies(column: pl.Series) -> bool:
    numbers = as_numbers(column)
    return numbers is not None and bool(np.nanmax(numbers) > np.nanmin(numbers))


def _rows(subject: Subject, output: str, columns: Sequence[str]) -> Floats | None:
    """Return the columns and then the target [N, D + 1], of rows where all are known."""
    numbers = [as_numbers(subject.frame[column]) for column in columns]
    if any(one is None for one in numbers):
        return None
    truth = subject.targets[output].truth.astype(np.float64)
    table = np.column_stack([*(one for one in numbers if one is not None), truth])
    return np.asarray(table[np.isfinite(table).all(axis=1)])
