"""What judging gives, as plain data: it goes into `metrics.json`, tables, report and card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ordain.core.errors import DataError

Verdict = Literal["better", "worse", "cannot tell"]


class Record(BaseModel):
    """Frozen plain data that reads back from its own JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def to_json(self) -> dict[str, Any]:
        """Return plain data; a metric without a value is None."""
        return self.model_dump(mode="json")


class Interval(Record):
    """A range that holds the value of a metric on such rows, at a level of confidence."""

    low: float
    high: float
    level: float
    method: str
    """`delong`, `delta` (both from each row's pull), `bootstrap`, or `wilson` at a bound."""


class Flips(Record):
    """How many rows one model judges better than another, worse, and no differently."""

    better: int
    """Rows that the first has right and the other wrong; for numbers, with the smaller error."""
    worse: int
    """The reverse."""
    same: int
    """All other rows."""


class Judgement(Record):
    """How good one model is at one output on one set of rows."""

    type: str
    """Of the output."""
    n_rows: int
    """Rows judged."""
    n_missing: int = 0
    """Rows left out because their truth is missing."""
    n_unseen: int = 0
    """Rows left out because their label did not occur in training (or, if encoded, is missing)."""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """By name, the headline first; None where undefined."""
    undefined: dict[str, str] = Field(default_factory=dict)
    """Why, for each metric that has no value."""
    headline: str = ""
    """The metric that decides."""
    interval: Interval | None = None
    """Of the headline metric; None where the rows cannot tell."""
    intervals: dict[str, Interval] = Field(default_factory=dict)
    """By metric, for all of which the rows can tell."""
    effective: dict[str, float] = Field(default_factory=dict)
    """Rows that a metric rests on, such as the positive ones, where these are fewer than all."""
    idle: dict[str, float] = Field(default_factory=dict)
    """What doing nothing would give, by metric, where that means something (a cost, a lift)."""
    n_groups: int | None = None
    """Groups of rows that belong together, which intervals take as one; None without any."""
    labels: tuple[str, ...] = ()
    """Names of the classes."""
    threshold: float | None = None
    """Probability from which a row is called positive; None unless binary."""
    confusion: dict[str, Any] = Field(default_factory=dict)
    """`matrix` [C][C] (rows: truth) with `labels`, or for many classes the `top` mistakes."""
    per_class: tuple[dict[str, Any], ...] = ()
    """For each class: rows, precision, recall, f1, and what it is most often taken for."""
    curves: dict[str, Any] = Field(default_factory=dict)
    """Of at most 200 points each: roc, precision_recall, gain, calibration, thresholds, scores;
    for a number residuals, scatter, by_size."""
    warnings: tuple[str, ...] = ()
    """What was left out or looks wrong, in words."""


def require_rows(judgements: Mapping[str, Judgement]) -> None:
    """Refuse judgements, by output, that rest on no row at all.

    Raises:
        DataError: the truth of every row is missing, or a label that training has not seen.
    """
    if any(judged.n_rows for judged in judgements.values()):
        return
    counts = ", ".join(
        f"`{name}`: {judged.n_missing:,} missing, {judged.n_unseen:,} not seen in training"
        for name, judged in judgements.items()
    )
    raise DataError(
        f"no row is left to judge, {counts}\n"
        "  Fix: give rows whose target is there, written as in the training rows"
    )


class Difference(Record):
    """Two models on the same rows by one metric; positive differences favour the first."""

    metric: str
    against: str
    """Name of the other model."""
    value: float | None
    other: float | None
    gain: float | None
    """How much better the first is, in the metric's unit; below zero it is worse."""
    interval: Interval | None
    """Of the gain."""
    verdict: Verdict
    p_value: float | None = None
    """Probability of so large a difference between two equal models; None where there is none."""
    test: str = ""
    """`mcnemar`, `delong`, `delta`, `permutation` or `bootstrap`."""
    flips: Flips | None = None
    """Rows that changed."""
    is_small: bool = False
    """Whether a gain, sure or not, is under one hundredth of what was left to gain."""


class OutputSummary(Record):
    """All about one output: this model and its baselines on every judged set."""

    type: str
    labels: tuple[str, ...] = ()
    headline: str
    headline_reason: str
    is_higher_better: dict[str, bool]
    """For every metric computed."""
    about: dict[str, str] = Field(default_factory=dict)
    """One sentence on every metric computed."""
    sets: dict[str, Judgement]
    """By set name, this model."""
    baselines: dict[str, dict[str, Judgement]] = Field(default_factory=dict)
    """By baseline, then by set name; metrics only."""
    differences: dict[str, tuple[Difference, ...]] = Field(default_factory=dict)
    """By set name: this model against each baseline by the headline metric."""
    verdict: str = ""
    """In plain words."""

    def _repr_html_(self) -> str:
        from ordain.evaluation.notebook import output_html

        return output_html(self)
