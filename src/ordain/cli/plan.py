"""`ordain plan`: what a training would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from ordain.cli.console import number, print_json, print_table, seconds, size
from ordain.cli.options import (
    Config,
    Dataset,
    Environment,
    Home,
    Json,
    Overrides,
    TestSet,
    TrainingSet,
    ValidationSet,
)

if TYPE_CHECKING:
    from ordain.pipeline.estimate import Estimate
    from ordain.pipeline.plan import Step

BASELINES = " (baselines)"
MOST_ALONE = 3
"""Columns with one fate that are named one by one."""


def plan(
    config: Config,
    override: Overrides = None,
    dataset: Dataset = None,
    training_set: TrainingSet = None,
    validation_set: ValidationSet = None,
    test_set: TestSet = None,
    env: Environment = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Say for each stage whether it is reused or computed, and what forces it."""
    from ordain.config import Config as Loaded
    from ordain.pipeline.plan import plan as make_plan

    loaded = Loaded.load(config, overrides=override or (), environment=env)
    made = make_plan(
        loaded,
        dataset,
        training_set=training_set,
        validation_set=validation_set,
        test_set=test_set,
        home=home,
    )
    if json:
        print_json(made.to_json())
        return
    if made.answer:
        typer.echo(f"Nothing to do: run {made.answer} is the answer already.")
        return
    print_table(
        ["stage", "of", "action", "because"],
        [list(row) for row in in_short(made.steps)],
    )
    typer.echo(made.summary)
    typer.echo(_estimated(made.estimate))
    if made.note:
        typer.echo(made.note)


def in_short(steps: Sequence[Step]) -> Iterator[tuple[str, str, str, str]]:
    """Yield stage, subject, action and reason; many columns with one fate share a row."""
    for (stage, action, reason), group in groupby(
        steps, lambda step: (step.stage, step.action, step.reason)
    ):
        subjects = [step.subject for step in group]
        if stage != "encode" or len(subjects) <= MOST_ALONE:
            yield from ((stage, subject, action, reason) for subject in subjects)
            continue
        others = sum(subject.endswith(BASELINES) for subject in subjects)
        if own := len(subjects) - others:
            yield stage, f"{own} columns", action, reason
        if others:
            yield stage, f"{others} columns{BASELINES}", action, reason


def _estimated(estimate: Estimate) -> str:
    """Return what a training takes in one sentence; only what is known."""
    memory, disk = size(estimate.memory_bytes), size(estimate.disk_bytes)
    if estimate.memory_without:
        memory += f" (without {estimate.memory_without})"
    takes = f"{memory} of memory and {disk} of disk for {estimate.rows:,} rows"
    if estimate.seconds is None:
        return f"About {takes}; time is not known ({estimate.basis})."
    cost = "" if estimate.cost is None else f", a cost of {number(estimate.cost)}"
    return f"About {seconds(estimate.seconds)}{cost}, {takes} ({estimate.basis})."
