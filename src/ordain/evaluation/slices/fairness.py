"""Fairness: how rates and errors differ between the values of a protected column.

For classes the positive class (binary), or each class against the rest (at most 10), has for every
group: the selection rate (share predicted as it), the true positive rate, the false positive rate
and the precision. The gap is the greatest minus the least over the groups, the ratio the least over
the greatest; both have intervals, corrected after Bonferroni for the pairs of groups there are: of
twenty groups that are alike the first and the last always look apart. Demographic parity compares
selection rates, equal opportunity true positive rates, equalised odds both error rates
(Hardt, Price and Srebro 2016). For numbers: mean error and mean absolute error.
Groups of fewer than 20 rows are shown and not compared. Which gap is acceptable is no question of
statistics; a ratio of selection rates below 0.8 is marked, after the rule of four fifths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from ordain.evaluation.decision.conformal import wilson
from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.slices.cuts import Cut, cut_column
from ordain.evaluation.subject import Target

MIN_ROWS = 20
MAX_CLASSES = 10
FOUR_FIFTHS = 0.8
LEVEL = 0.95


class GroupFigure(Record):
    """One figure of one group."""

    group: str
    value: float | None
    low: float | None
    """Of the 95% interval."""
    high: float | None
    n_rows: int
    """That the figure rests on."""


class FairnessFigure(Record):
    """One figure in all groups of a column."""

    column: str
    label: str = ""
    """The class it is about; empty for numbers."""
    figure: str
    """selection_rate, true_positive_rate, false_positive_rate, precision; mean_error, ..."""
    groups: tuple[GroupFigure, ...]
    gap: float | None
    """Greatest minus least, among groups of at least 20 rows; None for fewer than two."""
    gap_low: float | None
    gap_high: float | None
    ratio: float | None
    """Least over greatest; rates only."""
    ratio_low: float | None = None
    ratio_high: float | None = None
    """None where the greatest may be zero."""
    least: str = ""
    greatest: str = ""
    is_marked: bool = False
    """Whether the interval of the gap leaves zero out; for selection rates: and the ratio is below
    0.8."""


def judge_fairness(
    frame: pl.DataFrame, target: Target, columns: Sequence[str]
) -> tuple[FairnessFigure, ...]:
    """Return every figure for every protected column.

    Args:
        frame: the rows as read; the columns need not be inputs.
        target: truth and scores of the same rows.
        columns: protected columns.

    Raises:
        DataError: a column is not there.
    """
    figures = _figures(target)
    found: list[FairnessFigure] = []
    for column in columns:
        cuts = cut_column(frame, column, key="evaluation.protected")
        found += [_compared(column, one, [_of_group(cut, one) for cut in cuts]) for one in figures]
    return tuple(found)


@dataclass(frozen=True)
class _Figure:
    """A mean over some rows.

    Attributes:
        values: of each row [N]; NaN for rows that do not count.
        is_rate: whether values are 0 or 1.
    """

    name: str
    label: str
    values: np.ndarray[tuple[int], np.dtype[np.float64]]
    is_rate: bool


def _figures(target: Target) -> list[_Figure]:
    known = target.is_judged
    if target.type == "number":
        error = np.where(known, target.scores - target.truth, np.nan)
        return [
            _Figure("mean_error", "", error, False),
            _Figure("mean_absolute_error", "", np.abs(error), False),
        ]
    predicted = predicted_class(target)
    truth = np.where(known, target.truth, -1).astype(np.int64)
    classes = [1] if target.type == "binary" else range(min(MAX_CLASSES, len(target.labels)))
    found = []
    for place in classes:
        is_chosen, is_true = (predicted == place).astype(np.float64), truth == place
        rows = {
            "selection_rate": (is_chosen, np.ones(len(truth), dtype=np.bool_)),
            "true_positive_rate": (is_chosen, is_true),
            "false_positive_rate": (is_chosen, known & ~is_true),
            "precision": (is_true.astype(np.float64), known & (predicted == place)),
        }
        found += [
            _Figure(name, target.labels[place], np.where(counts, values, np.nan), True)
            for name, (values, counts) in rows.items()
        ]
    return found


@dataclass(frozen=True)
class _Group:
    """One figure of one group: a mean of so many values."""

    name: str
    mean: float
    spread: float | None
    """Standard deviation of the values; None for a rate, whose mean tells it."""
    n_rows: int

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval that holds the true mean, at a level; both ends NaN for one row."""
        z = NormalDist().inv_cdf((1 + level) / 2)
        if self.spread is None:
            return wilson(round(self.mean * self.n_rows), self.n_rows, z)
        reach = z * self.spread / math.sqrt(self.n_rows)
        return self.mean - reach, self.mean + reach

    def told(self) -> GroupFigure:
        low, high = self.interval(LEVEL) if self.n_rows else (math.nan, math.nan)
        value, low, high = (None if math.isnan(v) else v for v in (self.mean, low, high))  # type: ignore[assignment]
        return GroupFigure(group=self.name, value=value, low=low, high=high, n_rows=self.n_rows)


def _of_group(cut: Cut, figure: _Figure) -> _Group:
    values = figure.values[cut.rows]
    values = values[~np.isnan(values)]
    spread = None
    if not figure.is_rate:
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
    mean = float(values.mean()) if len(values) else math.nan
    return _Group(cut.value, mean, spread, len(values))


def _compared(column: str, figure: _Figure, groups: Sequence[_Group]) -> FairnessFigure:
    able = [group for group in groups if group.n_rows >= MIN_ROWS]
    found: dict[str, Any] = {}
    if len(able) > 1:
        least = min(able, key=lambda group: group.mean)
        greatest = max(able, key=lambda group: group.mean)
        n_pairs = len(able) * (len(able) - 1) // 2
        level = 1 - (1 - LEVEL) / n_pairs
        found = {"least": least.name, "greatest": greatest.name}
        found |= _gap(least, greatest, level)
        found |= _ratio(least, greatest, level) if figure.is_rate else {}
        is_unlike = figure.name != "selection_rate" or (found["ratio"] or 0.0) < FOUR_FIFTHS
        found["is_marked"] = found["gap_low"] > 0 and is_unlike
    return FairnessFigure(
        column=column,
        label=figure.label,
        figure=figure.name,
        groups=tuple(group.told() for group in groups),
        **{"gap": None, "gap_low": None, "gap_high": None, "ratio": None, **found},
    )


def _gap(least: _Group, greatest: _Group, level: float) -> dict[str, float]:
    """Return the difference with its interval, from the ends of both (Newcombe 1998)."""
    gap = greatest.mean - least.mean
    (low, high), (bottom, top) = least.interval(level), greatest.interval(level)
    down = math.hypot(greatest.mean - bottom, high - least.mean)
    up = math.hypot(top - greatest.mean, least.mean - low)
    return {"gap": gap, "gap_low": max(0.0, gap - down), "gap_high": gap + up}


def _ratio(least: _Group, greatest: _Group, level: float) -> dict[str, float | None]:
    """Return the ratio with its interval, from the ends of both (Donner and Zou 2012)."""
    one, two = least.mean, greatest.mean
    if two <= 0:
        return {"ratio": None}
    (low, high), (bottom, top) = least.interval(level), greatest.interval(level)
    product = one * two

    def end(mine: float, theirs: float, sign: int) -> float | None:
        below = theirs * (2 * two - theirs)
        inside = product**2 - mine * (2 * one - mine) * below
        return (product + sign * math.sqrt(max(0.0, inside))) / below if below > 0 else None

    return {"ratio": one / two, "ratio_low": end(low, top, -1), "ratio_high": end(high, bottom, 1)}
