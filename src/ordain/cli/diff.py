"""`ordain diff`: what two configs say differently, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Json
from ordain.core.errors import UsageError


def diff(
    before: Annotated[str, typer.Argument(help="A config.", metavar="CONFIG")],
    after: Annotated[
        str | None, typer.Argument(help="Another config; the same by default.", metavar="CONFIG")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o", "--override", help="Change a value of the second config.", metavar="PATH=VALUE"
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", help="An environment of both, or give it twice: one of each.", metavar="NAME"
        ),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Compare what two configs mean, not how they are written.

    Each change comes with the stage it touches and what it tends to do; at the end stands what
    would run again. One config is compared with itself in another environment or with overrides.
    """
    from ordain.config import Config
    from ordain.config.diff import diff as compare
    from ordain.config.diff import reruns

    environments: Sequence[str | None] = env or [None]
    if len(environments) > 2:  # noqa: PLR2004
        raise UsageError("`--env` may be given once or twice: there are two configs")
    if after is None and len(environments) == 1 and not override:
        raise UsageError(
            "there is nothing to compare with\n"
            "  Fix: ordain diff A.yaml B.yaml, ordain diff A.yaml --env dev --env prod, or "
            "ordain diff A.yaml -o trainer.epochs=3"
        )
    old = Config.load(before, environment=environments[0])
    new = Config.load(after or before, environment=environments[-1], overrides=override or ())
    changes = compare(old, new)
    again = reruns(changes)
    if json:
        print_json({"changes": [change.to_json() for change in changes], "reruns": again})
    elif not changes:
        typer.echo("The two configs mean the same.")
    else:
        for change in changes:
            typer.echo(str(change))
            if change.effect:
                typer.echo(f"    {change.effect}")
        typer.echo(f"\nRuns again: {', '.join(again)}." if again else "\nNothing runs again.")
