"""`ordain train`: train and judge what a config declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.judged import show_gates, show_scenarios, write_summaries
from ordain.cli.options import (
    Dataset,
    Environment,
    Home,
    Json,
    Junit,
    Markdown,
    Overrides,
    TestSet,
    TrainingSet,
    ValidationSet,
)
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.pipeline.result import Result

FINDINGS = "findings.json"
INTERRUPTED_EXIT = 130
"""Exit code after Ctrl-C, as shells have it."""


def train(
    config: Annotated[
        str | None, typer.Argument(help="The config: a YAML or JSON file.", metavar="CONFIG")
    ] = None,
    override: Overrides = None,
    dataset: Dataset = None,
    training_set: TrainingSet = None,
    validation_set: ValidationSet = None,
    test_set: TestSet = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", help="Go on with a run that was broken off.", metavar="RUN"),
    ] = None,
    env: Environment = None,
    home: Home = None,
    junit: Junit = None,
    markdown: Markdown = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Train again even if nothing has changed.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Json = False,
) -> None:
    """Train what a config declares, and judge it beside its baselines; exit 3 if a gate fails."""
    from ordain.cli.progress import progress
    from ordain.config import Config as Loaded
    from ordain.pipeline.inputs import Given
    from ordain.pipeline.train import Options, execute
    from ordain.pipeline.train import resume as resume_run
    from ordain.store.home import home as work_folder

    with progress(quiet=quiet or json) as listener:
        if resume is not None:
            result = resume_run(
                resume, home=home, data=dataset, listeners=(listener,), handle_interrupt=True
            )
        elif config is None:
            raise UsageError(
                "no config is given\n  Fix: ordain train CONFIG, or ordain train --resume RUN"
            )
        else:
            result = execute(
                Loaded.load(config, overrides=override or (), environment=env),
                Given(dataset, training_set, validation_set, test_set),
                Options(
                    work_folder(home), force=force, listeners=(listener,), handle_interrupt=True
                ),
            )
    if junit is not None or markdown is not None:
        from ordain.store.run_summary import read_summary

        write_summaries(read_summary(result.run), junit=junit, markdown=markdown)
    if json:
        print_json(result.to_json())
    else:
        show(result)
        if not (quiet or is_interrupted(result)):
            _show_next(result, home)
    if is_interrupted(result):
        raise typer.Exit(INTERRUPTED_EXIT)
    if not result.is_passed:
        from ordain.cli.judged import GATE_EXIT, gate_lines

        for line in gate_lines(result.gates):
            typer.echo(line, err=True)
        raise typer.Exit(GATE_EXIT)


def show(result: Result) -> None:
    """Print what a person wants to know of a training."""
    from ordain.cli.results import came_to, print_scores, time_spent

    if result.is_reused:
        typer.echo(
            f"Nothing has changed: run {result.run.reference} is the answer already "
            "(--force trains again)."
        )
    print_scores(result.metrics, result.baselines, result.cross_validation)
    show_gates(result.gates)
    if (result.run.folder / FINDINGS).exists():
        findings = result.findings
        show_gates(findings.limits, title="limits of `satisfy`")
        show_scenarios(findings.scenarios)
    if result.verdict:
        typer.echo(result.verdict)
    for warning in dict.fromkeys(result.warnings):
        typer.echo(f"warning: {warning}", err=True)
    if is_interrupted(result):
        has = "all but the rest of the folds is learned"
        if result.facts.get("stop_reason") == "interrupted":
            has = "these are the best weights so far"
        typer.echo(
            f"Interrupted: {has}. Go on with `ordain train --resume {result.run.reference}`."
        )
    typer.echo(f"\nrun     {result.run.reference}")
    typer.echo(f"bundle  {result.bundle}")
    typer.echo(f"report  {result.report}")
    typer.echo(f"time    {time_spent(result.seconds)}")
    if cost := came_to(result.account):
        typer.echo(f"cost    {cost}")
    if result.bottleneck and not result.is_reused:
        typer.echo(result.bottleneck)


def _show_next(result: Result, home: str | None) -> None:
    """Print the commands that go on from a run: to use it, or to mend it where a gate fails."""
    import shlex

    where = f" --home {shlex.quote(home)}" if home is not None else ""
    verbs = ("serve", "register") if result.is_passed else ("diagnose",)
    for label, verb in zip(("next", ""), verbs, strict=False):
        typer.echo(f"{label:<8}ordain {verb} {shlex.quote(result.run.reference)}{where}")


def is_interrupted(result: Result) -> bool:
    """Return whether the training was broken off and ended with what it had."""
    from ordain.store.runs import INTERRUPTED

    return bool(result.run.status["state"] == INTERRUPTED)
