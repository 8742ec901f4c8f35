"""`test_size`: enough rows to tell.

evaluation:
  checks: [{type: test_size, rows_at_least: 30, width_at_most: 0.2}]
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.checks.check import CHECKS, Check, CheckResult, Training
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.judgement import Judgement, OutputSummary

FIX = "preprocessing: {split: {k_fold: 5}}"


@CHECKS.register
class TestSize(Check):
    """Do enough rows judge to tell a good model from a bad one?

    Counts rows, groups of rows that belong together, and rows of the rarer class of a binary
    output; and looks at how wide the interval of the metric that decides is.
    """

    __test__ = False  # its name makes test runners take it for one of theirs

    type: Literal["test_size"] = "test_size"
    rows_at_least: Annotated[int, Field(ge=1)] = 30
    """Rows, groups, and rows of the rarer class of a binary output, at least."""
    width_at_most: Annotated[float, Field(gt=0)] = 0.2
    """Width of the interval of the metric that decides, at most: as it is for classes, over the
    value for numbers."""

    def run(self, training: Training) -> list[CheckResult]:
        """Return an answer for each output."""
        return [self._judge(name, output) for name, output in training.judged.items()]

    def _judge(self, name: str, output: OutputSummary) -> CheckResult:
        where = deciding_set(output.sets)
        judged = output.sets[where]
        counts = self._counts(judged)
        width, told = _width(judged)
        short = [(count, what) for count, what in counts if count < self.rows_at_least]
        if short:
            shown = " and ".join(f"only {count:,} {what}" for count, what in short)
            return self.warned(f"{shown} of `{where}` judge{told}", fix=FIX, output=name)
        shown = ", ".join(f"{count:,} {what}" for count, what in counts)
        if width is not None and width > self.width_at_most:
            return self.warned(
                f"{shown} of `{where}` leave the model's quality open{told}", fix=FIX, output=name
            )
        return self.passed(f"{shown} of `{where}` judge{told}", output=name)

    def _counts(self, judged: Judgement) -> list[tuple[int, str]]:
        found = [(judged.n_rows, "rows")]
        if judged.n_groups is not None:
            found.append((judged.n_groups, "groups"))
        rows = [int(one["rows"]) for one in judged.per_class if "rows" in one]
        if judged.type == "binary" and rows:
            found.append((min(rows), "rows of the rarer class"))
        return found


def _width(judged: Judgement) -> tuple[float | None, str]:
    """Return how wide the interval of the metric that decides is, and the same in words."""
    interval, value = judged.interval, judged.metrics.get(judged.headline)
    if interval is None or value is None:
        return None, f"; {judged.headline} has no interval" if judged.headline else ""
    told = f"; {judged.headline} {value:.4g} ({interval.low:.4g} to {interval.high:.4g})"
    width = interval.high - interval.low
    if judged.type != "number":
        return width, told
    return (width / abs(value) if value else float(np.inf)), told
