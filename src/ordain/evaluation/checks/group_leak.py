"""`group_leak`: rows of one customer, patient or machine on both sides of the split.

evaluation:
  checks: [{type: group_leak, likeness_at_least: 0.3}]
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field

from ordain.evaluation.checks.advice import split_by
from ordain.evaluation.checks.alone import as_numbers, group_cells
from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.checks.likeness import (
    joined_target,
    likeness,
    target_matrix,
    without_groups,
)

IN_ORDER = frozenset({"datetime", "group", "fixed", ""})
"""Splits that were made with care for what belongs together, or by hand."""

VALUES_A_BIN = 10
"""Values of a column with an order, whose rows are alike by their order alone."""


@CHECKS.register
class GroupLeak(Check):
    """Are rows that belong together kept together?

    A column whose values recur and whose rows have like targets names things (customers, patients,
    machines). Where rows of one thing train and others judge, the judgement speaks of known things
    only. Columns with an order are looked at beside what their order tells.
    """

    type: Literal["group_leak"] = "group_leak"
    is_told: ClassVar[bool] = True
    likeness_at_least: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Correlation of the targets of two rows of one value, from which on they belong together."""
    seen_at_least: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the rows to judge whose value stands in training too, from which on it counts."""
    values_at_least: Annotated[int, Field(ge=2)] = 30
    """Distinct values of a column that names things, at least."""
    rows_per_value: Annotated[float, Field(gt=1)] = 20
    """Rows of a value of an input, on average; above it is taken for an ordinary category."""
    rows_at_least: Annotated[int, Field(ge=2)] = 100
    """Rows that share their value with another, below which nothing is said."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        if training.splitter in IN_ORDER:
            kind = f"by `{training.splitter}`" if training.splitter else "given as files"
            return [self.idle(f"the sets are {kind}, not drawn row by row")]
        candidates = list(self._candidates(training))
        return [self._judge(training, name, candidates) for name in training.test.targets]

    def _candidates(self, training: Training) -> list[tuple[str, pl.Series]]:
        """Return the columns that may name things, over the rows of both samples."""
        left, right = training.train.frame, training.test.frame
        inputs = {column.column: column.type for column in training.test.columns}
        targets = {target.column for target in training.test.targets.values()}
        names = [n for n in left.columns if n in right.columns and n not in targets]
        found = []
        for name in names:
            if inputs.get(name) in {"text", "date", "binary"} or name in training.dates:
                continue
            cells = _whole(left[name], right[name])
            if cells is None:
                continue
            n_values, n_rows = cells.n_unique(), len(cells) - cells.null_count()
            is_category = name in inputs and n_rows > self.rows_per_value * n_values
            if n_values >= self.values_at_least and n_values < n_rows and not is_category:
                found.append((name, cells))
        return found

    def _judge(
        self, training: Training, output: str, candidates: list[tuple[str, pl.Series]]
    ) -> CheckResult:
        matrix = target_matrix(joined_target(training.train, training.test, output))
        scored = []
        for name, cells in candidates:
            alike, n_rows = _alike(cells, matrix)
            if n_rows >= self.rows_at_least:
                scored.append((alike, name, cells))
        scored.sort(key=lambda one: -one[0])
        for alike, name, cells in scored:
            if alike < self.likeness_at_least:
                break
            seen = self._seen(training, name)
            if seen >= self.seen_at_least:
                return self._found(output, name, alike, seen=seen, n_values=cells.n_unique())
        if not scored:
            return self.idle("no column has values that recur as those of things do", output=output)
        alike, name, _ = scored[0]
        return self.passed(
            f"of {len(scored)} columns whose values recur, rows of one `{name}` are most "
            f"alike: correlation {max(alike, 0.0):.2f}",
            output=output,
        )

    def _found(
        self, output: str, name: str, alike: float, *, seen: float, n_values: int
    ) -> CheckResult:
        return self.warned(
            f"rows of one `{name}` have like `{output}` (correlation {alike:.2f}, {n_values:,} "
            f"values in the rows looked at), and {seen:.0%} of the rows that judge have a `{name}` "
            "that trained: for one never seen the model is worse than it looks",
            fix=split_by("group", name),
            output=output,
        )

    def _seen(self, training: Training, name: str) -> float:
        if training.seen is not None:
            return training.seen(name)
        cells = training.test.frame[name].drop_nulls()
        known = cells.is_in(training.train.frame[name].drop_nulls().unique().implode())
        return float(known.mean() or 0.0) if len(cells) else 0.0  # type: ignore[arg-type]


def _whole(left: pl.Series, right: pl.Series) -> pl.Series | None:
    """Return words or whole numbers of both; None for what names no things."""
    if left.dtype != right.dtype:
        return None
    if left.dtype.is_integer() or left.dtype in {pl.String, pl.Categorical, pl.Enum}:
        return pl.concat([left.cast(pl.String), right.cast(pl.String)])
    return None


def _alike(cells: pl.Series, matrix: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Return how alike rows of one value are beside what the order of the values tells."""
    present = cells.is_not_null().to_numpy()
    cells, matrix = cells.filter(pl.Series(present)), matrix[present]
    if as_numbers(cells) is not None:
        bins = group_cells(cells, cells, n_bins=max(2, cells.n_unique() // VALUES_A_BIN))
        if bins is not None:
            matrix = without_groups(matrix, bins.train)
    return likeness(matrix, cells.rank("dense").cast(pl.Int64).to_numpy() - 1)
