"""`ordain score`: the ML Test Score of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Home, Json
from ordain.cli.runs import RunArgument
from ordain.core.errors import UsageError


def score(
    run: RunArgument,
    by_hand: Annotated[
        list[str] | None,
        typer.Option(
            "--by-hand",
            help="How a person made sure; may be repeated; no text takes it away.",
            metavar="TEST=TEXT",
        ),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Score a run by the 28 tests of production readiness, with evidence for each."""
    from ordain.evaluation.rubric import GROUPS
    from ordain.pipeline.score import score as score_run

    found = score_run(run, by_hand=dict(_pair(text) for text in by_hand or ()), home=home)
    if json:
        print_json(found.to_json())
        return
    for group in GROUPS:
        answers = [one for one in found.answers if one.question.group == group]
        rows = [[one.question.name, one.state, f"{one.points:g}", one.evidence] for one in answers]
        title = f"{group}: {found.groups[group]:g} of {len(answers)}"
        print_table(["test", "answer", "points", "evidence"], rows, title=title)
    more = {one.question.name: one.earned_by(found.run) for one in found.answers}
    if any(more.values()):
        typer.echo("to earn more:")
    for name, told in more.items():
        if told:
            typer.echo(f"  {name}: {told}")
    least = min(found.groups, key=found.groups.__getitem__)
    typer.echo(f"\nML Test Score {found.total:g}, that of {least}: {found.meaning}")


def _pair(text: str) -> tuple[str, str]:
    name, sign, said = text.partition("=")
    if not sign:
        raise UsageError(f"'{text}' names no test\n  Fix: --by-hand TEST=\"how it was made sure\"")
    return name.strip(), said
