"""Growing one booster for one output."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.events import Events
from ordain.core.randomness import derive_seed, generator
from ordain.features.encoded import EncodedColumn
from ordain.models.family import UNFINISHED, FitContext
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.native import Booster, Dataset, Params

SAMPLE_ROWS = 200_000
"""Rows that bins are cut from, as many as LightGBM itself draws."""

_MAXIMISED = frozenset({"auc", "average_precision", "auc_mu"})


@dataclass(frozen=True)
class Rows:
    """Rows to learn one output from.

    Attributes:
        inputs: by name.
        truth: [N] float32: a number, 0 or 1, or the index of a class.
        weights: [N] float32, or None for equal weights.
    """

    inputs: Mapping[str, EncodedColumn]
    truth: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Plan:
    """How to grow.

    Attributes:
        output: its name, for reports.
        params: LightGBM's, with the objective and the metric.
        n_rounds: at most.
        patience: rounds without a better validation metric after which to stop; 0 never stops.
        report_every: rounds between two reports.
        deadline: of `time.monotonic`, or None.
    """

    output: str
    params: Params
    n_rounds: int
    patience: int
    report_every: int
    deadline: float | None


@dataclass
class Grown:
    """A booster as text, and how it came about.

    Attributes:
        text: of the rounds that are kept.
        n_rounds: that are kept.
        stop_reason: `rounds`, `early_stop`, `no_split`, `interrupted` or `time_budget`.
        history: one mapping a report.
    """

    text: str
    n_rounds: int
    stop_reason: str
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether the same config and data always end here."""
        return self.stop_reason not in UNFINISHED


def grow(
    layout: Layout, train: Rows, validation: Rows | None, *, plan: Plan, context: FitContext
) -> Grown:
    """Return the booster that fits best on the validation rows, or after all rounds without them.

    Raises:
        LightGBMError: LightGBM refuses a setting or the data.
    """
    seeded = {**plan.params, **_seeds(context.seed, plan.output)}
    bins = _bin(layout, train, params=seeded, seed=context.seed)
    judged = _bin(layout, validation, params=seeded, reference=bins) if validation else None
    booster = Booster.start(bins, seeded, validation=judged)
    course = _Course(plan, booster, has_validation=validation is not None, events=context.events)
    for done in range(1, plan.n_rounds + 1):
        if context.stop.is_set():
            return course.end(done - 1, "interrupted")
        if booster.grow():
            return course.end(done - 1, "no_split")
        course.judge(done)
        if course.is_out_of_patience(done):
            return course.end(done, "early_stop")
        if plan.deadline is not None and time.monotonic() >= plan.deadline:
            return course.end(done, "time_budget")
    return course.end(plan.n_rounds, "rounds")


def bound_threads(n_threads: int, *, n_cells: int) -> int:
    """Return the threads worth using: one for each million cells, at most all.

    With less to do, threads wait for one another longer than they work.
    """
    return max(1, min(n_threads, 1 + n_cells // 1_000_000))


class _Course:
    """Keeps the best round and tells of the course."""

    def __init__(
        self, plan: Plan, booster: Booster, *, has_validation: bool, events: Events
    ) -> None:
        self._plan, self._booster, self._events = plan, booster, events
        self._has_validation = has_validation
        self._sign = -1.0 if plan.params.get("metric") in _MAXIMISED else 1.0
        # Dropped trees change earlier rounds, so no earlier round can be gone back to.
        self._can_go_back = has_validation and plan.params.get("boosting") != "dart"
        self._best, self._best_round = float("inf"), 0
        self._started = time.perf_counter()
        self._last: float | None = None
        self.history: list[dict[str, Any]] = []

    def judge(self, done: int) -> None:
        """Look at the round that was just grown."""
        if self._has_validation:
            self._last = self._booster.evaluate(1)
            if self._sign * self._last < self._best:
                self._best, self._best_round = self._sign * self._last, done
        if done == 1 or done % self._plan.report_every == 0:
            self._report(done)

    def is_out_of_patience(self, done: int) -> bool:
        """Return whether the best round is too long ago."""
        patience = self._plan.patience
        return self._can_go_back and patience > 0 and done - self._best_round >= patience

    def end(self, done: int, reason: str) -> Grown:
        """Return what is kept."""
        kept = self._best_round if self._can_go_back and self._best_round else done
        if done and (not self.history or self.history[-1]["epoch"] != done):
            self._report(done)
        return Grown(self._booster.to_text(max(1, kept)), kept, reason, self.history)

    def _report(self, done: int) -> None:
        losses = {"train": self._booster.evaluate(0)}
        if self._last is not None:
            losses["validation"] = self._last
        metric = str(self._plan.params.get("metric"))
        record = {"output": self._plan.output, "epoch": done, "metric": metric, "losses": losses}
        self.history.append(record)
        self._events.emit(
            "progress", task="train", done=done, total=self._plan.n_rounds, unit="rounds"
        )
        self._events.emit(
            "epoch",
            **record,
            step=done,
            metrics={},
            seconds=round(time.perf_counter() - self._started, 3),
            learning_rate=self._plan.params.get("learning_rate"),
        )


def _bin(
    layout: Layout, rows: Rows, *, params: Params, seed: int = 0, reference: Dataset | None = None
) -> Dataset:
    n_rows = len(rows.truth)
    sample = layout.gather(rows.inputs, slice(0, 0) if reference else _sample(n_rows, seed))
    dataset = Dataset(n_rows, layout.n_columns, sample=sample, params=params, reference=reference)
    dataset.set_field("label", rows.truth)
    if rows.weights is not None:
        dataset.set_field("weight", rows.weights)
    for _, block in layout.blocks(rows.inputs, n_rows, size=1 << 17):
        dataset.push(block)
    for column in rows.inputs.values():
        column.release()  # once binned, their files are not needed
    return dataset


def _sample(n_rows: int, seed: int) -> slice | npt.NDArray[np.int64]:
    if n_rows <= SAMPLE_ROWS:
        return slice(0, n_rows)
    chosen = generator(seed, "gbm", "bins").choice(n_rows, SAMPLE_ROWS, replace=False)
    return np.sort(chosen)


def _seeds(seed: int, output: str) -> dict[str, int]:
    names = ("bagging_seed", "feature_fraction_seed", "extra_seed", "drop_seed", "data_random_seed")
    return {name: derive_seed(seed, "gbm", output, name) % (1 << 31) for name in names}
