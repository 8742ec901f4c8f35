"""Fairness: how rates and errors differ between the values of a protected column.

For classes the positive class (binary), or each class against the rest (at most 10), has for every
group: the selection rate (share predicted as it), the true positive rate, the false positive rate
and the precision. The gap is the greatest minus the least over the groups, the ratio the least over
the greatest; both have intervals from the groups' own standard errors. Demographic parity compares
selection rates, equal opportunity true positive rates, equalised odds both error rates
(Hardt, Price and Srebro 2016). For numbers: mean error and mean absolute error.
Groups of fewer than 20 rows are shown and not compared. Which gap is acceptable is no question of
statistics; a ratio of selection rates below 0.8 is marked, after the rule of four fifths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
Z = 1.959963984540054


class GroupFigure(Record):
    """One figure of one group."""

    group: str
    value: float | None
    low: float | None
    """Of the 95 % interval."""
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
    """Least over greatest."""
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
    found: list[FairnessFigure] = []
    for column in columns:
        cuts = cut_column(frame, column)
        for figure in _figures(target):
            groups = tuple(_of_group(cut, figure) for cut in cuts)
            found.append(_compared(column, figure, groups))
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


def _of_group(cut: Cut, figure: _Figure) -> GroupFigure:
    values = figure.values[cut.rows]
    values = values[~np.isnan(values)]
    name = cut.name.removeprefix(f"{cut.group} = ").removeprefix(f"{cut.group} ")
    if not len(values):
        return GroupFigure(group=name, value=None, low=None, high=None, n_rows=0)
    mean = float(values.mean())
    if figure.is_rate:
        low, high = wilson(int(values.sum()), len(values))
    else:
        reach = Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        low, high = mean - reach, mean + reach
    return GroupFigure(group=name, value=mean, low=low, high=high, n_rows=len(values))


def _compared(column: str, figure: _Figure, groups: tuple[GroupFigure, ...]) -> FairnessFigure:
    able = [g for g in groups if g.value is not None and g.n_rows >= MIN_ROWS]
    plain = FairnessFigure(
        column=column,
        label=figure.label,
        figure=figure.name,
        groups=groups,
        gap=None,
        gap_low=None,
        gap_high=None,
        ratio=None,
    )
    if len(able) < 2:  # noqa: PLR2004 - one group has nothing to differ from
        return plain
    least = min(able, key=lambda group: group.value or 0.0)
    greatest = max(able, key=lambda group: group.value or 0.0)
    low_value, high_value = least.value or 0.0, greatest.value or 0.0
    gap = high_value - low_value
    # Newcombe 1998: from the ends of both intervals.
    down = math.hypot(high_value - (greatest.low or 0.0), (least.high or 0.0) - low_value)
    up = math.hypot((greatest.high or 0.0) - high_value, low_value - (least.low or 0.0))
    ratio = low_value / high_value if figure.is_rate and high_value > 0 else None
    is_beyond = gap - down > 0
    if figure.name == "selection_rate":
        is_beyond = is_beyond and ratio is not None and ratio < FOUR_FIFTHS
    return plain.model_copy(
        update={
            "gap": gap,
            "gap_low": max(0.0, gap - down),
            "gap_high": gap + up,
            "ratio": ratio,
            "least": least.group,
            "greatest": greatest.group,
            "is_marked": is_beyond,
        }
    )
