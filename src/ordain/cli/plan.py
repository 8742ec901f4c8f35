"""`ordain plan`: what a training would do."""

from __future__ import annotations

import typer

from ordain.cli.console import number, print_json, print_table, seconds, size
from ordain.cli.options import (
    Config,
    Dataset,
    Home,
    Json,
    Overrides,
    TestSet,
    TrainingSet,
    ValidationSet,
)


def plan(
    config: Config,
    override: Overrides = None,
    dataset: Dataset = None,
    training_set: TrainingSet = None,
    validation_set: ValidationSet = None,
    test_set: TestSet = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Say for each stage whether it is reused or computed, and what forces it."""
    from ordain.config import Config as Loaded
    from ordain.pipeline.plan import plan as make_plan

    loaded = Loaded.load(config, overrides=override or ())
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
        [[step.stage, step.subject, step.action, step.reason] for step in made.steps],
    )
    typer.echo(made.summary)
    if made.estimate.seconds is not None:
        typer.echo(
            f"About {seconds(made.estimate.seconds)} and "
            f"{size(made.estimate.memory_bytes)} of memory "
            f"for {number(made.estimate.rows)} rows ({made.estimate.basis})."
        )
