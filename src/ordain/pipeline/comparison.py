"""What comparing runs gives, as plain data."""

from __future__ import annotations

from typing import Any

import polars as pl
from pydantic import Field

from ordain.evaluation.judgement import Difference, Interval, Record


class Compared(Record):
    """One run on the shared rows, for one output."""

    run: str
    metrics: dict[str, float | None]
    intervals: dict[str, Interval] = Field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    """Against the first run, by metric; empty for the first."""


class Flipped(Record):
    """A row that one run judges better than the first, or worse."""

    row: int
    """Position in the table that was read."""
    truth: str | float
    before: str | float
    """Answer of the first run."""
    after: str | float
    """Answer of the other."""
    change: float
    """Of the row's loss; below zero it became better."""
    values: dict[str, Any]
    """Inputs as they were read."""


class Flips(Record):
    """Rows that changed between the first run and another, the greatest change first."""

    run: str
    better: int
    worse: int
    same: int
    examples_better: tuple[Flipped, ...] = ()
    examples_worse: tuple[Flipped, ...] = ()


class ComparedOutput(Record):
    """All runs on one output."""

    output: str
    type: str
    headline: str
    """The metric that decides."""
    n_rows: int
    runs: tuple[Compared, ...]
    flips: tuple[Flips, ...] = ()

    def verdict(self, run: str) -> Difference | None:
        """Return the difference of a run to the first by the deciding metric."""
        for one in self.runs:
            if one.run == run:
                return next((d for d in one.differences if d.metric == self.headline), None)
        return None


class RunFacts(Record):
    """What a run costs."""

    run: str
    family: str
    latency_ms: float | None = None
    """Of one row, median."""
    size_bytes: float | None = None
    """Of the bundle."""
    seconds: float | None = None
    """Of the whole training."""
    cost: float | None = None
    energy_joules: float | None = None


class RunDiff(Record):
    """What differs between the first run and another."""

    run: str
    config: tuple[dict[str, Any], ...] = ()
    data: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    machine: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.config or self.locked)

    @property
    def locked(self) -> tuple[str, ...]:
        """What differs in the locks."""
        return (*self.data, *self.code, *self.packages, *self.machine, *self.other)


class Comparison(Record):
    """Runs side by side."""

    runs: tuple[str, ...]
    rows: str
    """Which rows they were judged on."""
    n_rows: int
    outputs: dict[str, ComparedOutput]
    facts: tuple[RunFacts, ...]
    diffs: tuple[RunDiff, ...]
    """Of every run but the first, against it."""
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each output, metric and run: value, interval, gain, verdict."""
        rows = []
        for name, output in self.outputs.items():
            for one in output.runs:
                gains = {difference.metric: difference for difference in one.differences}
                for metric, value in one.metrics.items():
                    interval, difference = one.intervals.get(metric), gains.get(metric)
                    rows.append(
                        {
                            "output": name,
                            "metric": metric,
                            "run": one.run,
                            "value": value,
                            "low": interval.low if interval else None,
                            "high": interval.high if interval else None,
                            "gain": difference.gain if difference else None,
                            "p_value": difference.p_value if difference else None,
                            "verdict": difference.verdict if difference else None,
                        }
                    )
        return pl.DataFrame(rows, infer_schema_length=None)

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())
