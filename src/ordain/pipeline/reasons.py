"""What `why` answers, as plain data: how much of a change each cause brought."""

from __future__ import annotations

from html import escape
from typing import Literal

import polars as pl

from ordain.evaluation.judgement import Interval, Record

Cause = Literal["config", "data", "seed"]


class Share(Record):
    """What one cause brought."""

    cause: Cause
    gain: float
    """How much better the second run is for it, in the metric's unit; below zero it is worse."""
    what: tuple[str, ...] = ()
    """What differs."""


class Trained(Record):
    """One combination: which of the causes are those of the second run."""

    causes: tuple[str, ...]
    seed: int
    value: float


class Why(Record):
    """Why one output's metric is not what it was."""

    before: str
    after: str
    output: str
    metric: str
    set: str
    """Of rows that the metric was measured on; each run's own."""
    value_before: float | None
    value_after: float | None
    change: float | None
    """How much better the second run is, as recorded."""
    change_again: float | None = None
    """The same when both are trained today; None where that was not possible."""
    shares: tuple[Share, ...] = ()
    noise: Interval | None = None
    """Changes that other seeds alone bring, at 95%; None where no other seed was trained.

    Of learning on the same rows; where the runs differ in their seed, of drawing the rows too.
    """
    paired: Interval | None = None
    """Of the change, at 95%, row by row on test rows that both runs can be judged by; None where
    there are none."""
    is_noise: bool | None = None
    """Whether the change lies within it; None where that is not known."""
    rest: float | None = None
    """Of the change that config, data and seed do not explain: code, packages, machine."""
    cannot: tuple[str, ...] = ()
    """Causes that differ and cannot be trained again, with the reason."""
    trained: tuple[Trained, ...] = ()
    left_out: tuple[str, ...] = ()
    """Combinations that the budget left out."""

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each cause: output, metric, cause, gain, what differs; the rest last."""
        rows: list[tuple[str, float, str]] = [
            (one.cause, one.gain, "; ".join(one.what)) for one in self.shares
        ]
        if self.rest is not None:
            rows.append(("not trained again", self.rest, "code, packages, machine"))
        found = pl.DataFrame(
            rows, schema={"cause": pl.String, "gain": pl.Float64, "what": pl.String}, orient="row"
        )
        about = [pl.lit(self.output).alias("output"), pl.lit(self.metric).alias("metric")]
        return found.select(*about, pl.all())

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.sentence)}</p>{self.frame._repr_html_()}"

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        if self.change is None:
            return f"{self.metric} has no value in both runs"
        told = f"{self.metric} {self.value_before:.4g} -> {self.value_after:.4g}"
        if self.is_noise:
            return f"{told}: within what another seed alone changes"
        if self.paired is not None and self.paired.low <= 0 <= self.paired.high:
            return f"{told}: within what other test rows alone would change"
        largest = max(self.shares, key=lambda one: abs(one.gain), default=None)
        if self.rest is not None and (largest is None or abs(self.rest) > abs(largest.gain)):
            return f"{told}: mostly what cannot be trained again (code, packages, machine)"
        if largest is None:
            return f"{told}: the budget was too short to say why"
        return f"{told}: mostly the {largest.cause} ({largest.gain:+.4g})"
