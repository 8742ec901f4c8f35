"""`ordain evaluate`: judge a bundle on other rows."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Json


def evaluate(
    bundle: Annotated[str, typer.Argument(help="A bundle folder, or a run.", metavar="BUNDLE")],
    dataset: Annotated[
        str, typer.Option("--dataset", "-d", help="Rows with the targets.", metavar="DATA")
    ],
    *,
    json: Json = False,
) -> None:
    """Judge a trained model on new rows that hold the targets."""
    from ordain.cli.results import comparison
    from ordain.pipeline.evaluate import evaluate as run_evaluate

    judged = run_evaluate(bundle, dataset)
    if json:
        print_json(judged.to_json())
        return
    for title, columns, rows, best in comparison({"given": judged.metrics}, {}, title=dataset):
        print_table(columns, rows, title=title, bold=best)
    for note in judged.warnings:
        typer.echo(f"warning: {note}", err=True)
