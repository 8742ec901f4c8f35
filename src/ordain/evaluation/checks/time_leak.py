"""`time_leak`: a target that drifts with time, and a split that looks into the future.

evaluation:
  checks: [{type: time_leak, drift_at_least: 0.02}]
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.core.errors import DataError
from ordain.data.dates import parse_dates
from ordain.evaluation.checks.advice import split_by
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.group_leak import IN_ORDER
from ordain.evaluation.checks.likeness import joined_target, likeness, target_matrix
from ordain.evaluation.subject import Target

N_STRETCHES = 10
CHANCE = 4.0
"""Standard errors of a likeness that is zero, which it must pass."""


@CHECKS.register
class TimeLeak(Check):
    """Does the split respect time, where the target changes with it?

    Rows are cut, by each column of dates, into ten stretches of equally many. Where the target
    differs between them and the split is drawn row by row, the model has learned from rows later
    than those that judge it.
    """

    type: Literal["time_leak"] = "time_leak"
    is_told: ClassVar[bool] = True
    drift_at_least: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Share of the target's variance that lies between the stretches, from which on it drifts."""
    rows_at_least: Annotated[int, Field(ge=20)] = 200
    """Rows with a date and a truth, below which nothing is said."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        if training.splitter in IN_ORDER - {"group"}:
            kind = f"by `{training.splitter}`" if training.splitter else "given as files"
            return [self.idle(f"the sets are {kind}, not drawn row by row")]
        if not training.dates:
            return [self.idle("no column holds dates")]
        return [self._judge(training, name) for name in training.test.targets]

    def _judge(self, training: Training, output: str) -> CheckResult:
        subjects = (training.train, training.test)
        found = []
        for column in training.dates:
            moments = np.concatenate([_moments(one.frame[column]) for one in subjects])
            target = joined_target(training.train, training.test, output)
            drift = self._drift(moments, target)
            if drift is not None:
                found.append((drift, column, _course(moments, target)))
        if not found:
            return self.idle("too few rows have a date and a truth", output=output)
        (share, is_sure), column, course = max(found)
        if share < self.drift_at_least or not is_sure:
            return self.passed(
                f"`{output}` does not drift along `{column}`: {max(share, 0.0):.1%} of its "
                "variance lies between ten stretches of time",
                output=output,
            )
        return self.warned(
            f"`{output}` drifts along `{column}` ({course}), and the sets are drawn row by row: "
            "the model has learned from rows later than those that judge it",
            fix=split_by("datetime", column),
            output=output,
        )

    def _drift(self, moments: npt.NDArray[np.float64], target: Target) -> tuple[float, bool] | None:
        """Return the share of variance between stretches, and whether it is more than chance."""
        usable = np.isfinite(moments) & target.is_judged
        n_rows = int(usable.sum())
        if n_rows < self.rows_at_least:
            return None
        matrix = target_matrix(target)[usable]
        alike, _ = likeness(matrix, stretches(moments[usable]))
        # Of rows without drift: F of k - 1 and n - k degrees, so a spread of sqrt(2 (k - 1)) / n.
        chance = CHANCE * float(np.sqrt(2 * (N_STRETCHES - 1))) / n_rows
        return alike, alike > chance


def stretches(moments: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the stretch of time of each row, 0 to 9, of about equally many rows."""
    edges = np.unique(np.quantile(moments, np.linspace(0, 1, N_STRETCHES + 1)[1:-1]))
    return np.searchsorted(edges, moments, side="right").astype(np.int64)


def _moments(column: pl.Series) -> npt.NDArray[np.float64]:
    """Return the moments of a column in microseconds, NaN where there is none [N]."""
    if column.dtype.is_numeric():
        values = column
    else:
        try:
            values = parse_dates(column).values.to_physical()
        except DataError:
            return np.full(len(column), np.nan)
    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _course(moments: npt.NDArray[np.float64], target: Target) -> str:
    """Return the target in the first and in the last tenth of the time, in words."""
    usable = np.isfinite(moments) & target.is_judged
    if not usable.any():
        return ""
    parts = stretches(moments[usable])
    truth = target.truth[usable].astype(np.float64)
    ends = truth[parts == 0], truth[parts == parts.max()]
    if target.type == "number":
        first, last = (f"{np.median(one):,.4g}" for one in ends)
        return f"median {first} in the first tenth, {last} in the last"
    label = int(np.argmax([abs(np.mean(ends[0] == c) - np.mean(ends[1] == c))
                           for c in range(int(truth.max()) + 1)]))  # fmt: skip
    name = target.labels[label] if label < len(target.labels) else str(label)
    first, last = (f"{np.mean(one == label):.1%}" for one in ends)
    return f"'{name}' is {first} of the first tenth, {last} of the last"
