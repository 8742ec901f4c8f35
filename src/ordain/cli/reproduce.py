"""`ordain reproduce`: train a run again and compare the bytes."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json
from ordain.cli.progress import progress


def reproduce(
    run: Annotated[str, typer.Argument(help="A run.", metavar="RUN")],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="The rows, where they have moved.", metavar="DATA"),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Train a run again and say whether the bundle is the same, byte for byte."""
    from ordain.pipeline.reproduce import reproduce as run_reproduce

    with progress(quiet=json) as listener:
        verdict = run_reproduce(run, dataset, home=home, listeners=(listener,))
    if json:
        print_json(verdict.to_json())
    else:
        typer.echo(verdict.text)
    raise typer.Exit(0 if verdict.is_same else 1)
