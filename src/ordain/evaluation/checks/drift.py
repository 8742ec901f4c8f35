"""`drift`: rows that judge and rows that trained, told apart.

evaluation:
  checks: [{type: drift, auc_at_least: 0.6}]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from ordain.evaluation.checks.advice import without_input
from ordain.evaluation.checks.alone import area, group_cells, input_columns
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.domain import is_readable, tell_apart

FEWEST = 50
N_SHOWN = 3
PLAIN = 0.55
"""Area under the ROC curve of one column from which on it is named."""


@CHECKS.register
class Drift(Check):
    """Are the rows that judge drawn as the training rows were?

    A model learns to tell the two sets apart from the inputs, each half of the rows judged by a
    model of the other half. The columns that the split goes by are left out.
    """

    type: Literal["drift"] = "drift"
    auc_at_least: Annotated[float, Field(gt=0.5, le=1)] = 0.6
    """Area under the ROC curve from which on the sets are unlike; 0.5 is alike."""
    max_rows: Annotated[int, Field(ge=100)] = 4_000
    """Rows of each set that are looked at, at most."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return one answer: it is about inputs, not about an output."""
        train = training.train.sample(self.max_rows, "drift")
        test = training.test.sample(self.max_rows, "drift")
        if min(len(train), len(test)) < FEWEST:
            return [self.idle(f"too few rows: {len(train):,} and {len(test):,}")]
        own = {one.name for one in train.columns if one.column in training.split_columns}
        names = sorted(name for name in train.encoded if name not in own)
        if not any(is_readable(train.encoded[name]) for name in names):
            return [self.idle("no input can be looked at: all are sequences of tokens")]
        found = tell_apart(train.encoded, test.encoded, names=names, seed=train.seed)
        if found is None:
            return [self.idle("no input can be looked at")]
        value, interval = found
        low = value if interval is None else interval.low
        told = f"roc_auc {value:.3f}" + (
            "" if interval is None else f" ({interval.low:.3f} to {interval.high:.3f})"
        )
        rows = f"{len(train):,} training rows and {len(test):,} of `{test.set}`"
        if value < self.auc_at_least or low <= 0.5:  # noqa: PLR2004 - a coin
            return [self.passed(f"a model tells {rows} apart with {told}; 0.5 is a coin")]
        differing = _differing(training, own)
        where = ", ".join(shown for _, shown in differing) or "no column alone; they do together"
        return [
            self.warned(
                f"a model tells {rows} apart with {told}: the metrics speak of rows unlike those "
                f"it learned from; they differ most in {where}",
                fix=_fix(training, differing),
            )
        ]


def _differing(training: Training, own: set[str]) -> list[tuple[str, str]]:
    """Return up to three columns in which the sets differ, each with its words."""
    reported = training.split.get("drift", {}).get(training.test.set, {})
    worst: list[Mapping[str, Any]] = [
        one for one in reported.get("worst", ()) if one["column"] not in training.split_columns
    ]
    if worst:
        return [
            (
                one["column"],
                f"`{one['column']}` ({one['measure'].replace('_', ' ')} {one['value']:.2f})",
            )
            for one in worst[:N_SHOWN]
        ]
    return [
        (column, f"`{column}` (roc_auc {value:.2f})")
        for value, column in _alone(training, own)[:N_SHOWN]
        if value >= PLAIN
    ]


def _measure(one: Mapping[str, Any]) -> str:
    return str(one["measure"]).replace("_", " ")


def _alone(training: Training, own: set[str]) -> list[tuple[float, str]]:
    """Return how well each input column alone tells the sets apart, best first."""
    found = []
    for name, column, _ in input_columns(training.test):
        first, second = training.train.frame[column], training.test.frame[column]
        if name in own or first.dtype != second.dtype:
            continue
        cells = pl.concat([first, second])
        groups = group_cells(cells, cells)
        if groups is None:
            continue
        is_test = np.repeat(np.array([False, True]), [len(first), len(second)])
        learns = np.arange(len(is_test)) % 2 == 0
        counts = np.bincount(groups.train[learns], minlength=groups.n) + 1
        shares = np.bincount(groups.train[learns & is_test], minlength=groups.n) / counts
        value = area(shares[groups.train[~learns]], is_test[~learns])
        found.append((value, column))
    return sorted(found, reverse=True)


def _fix(training: Training, differing: Sequence[tuple[str, str]]) -> str:
    """Return a random split, or where a split by time or groups is meant, fewer inputs."""
    names = {one.column: one.name for one in training.test.columns}
    worst = next((names[column] for column, _ in differing if column in names), None)
    if training.splitter in {"datetime", "group", "fixed"} and worst is not None:
        return without_input(training.test, worst)
    return "preprocessing: {split: {type: random}}"
