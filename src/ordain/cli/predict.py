"""`ordain predict`: predictions for rows of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.console import print_json, seconds
from ordain.cli.options import Json


def predict(
    bundle: Annotated[str, typer.Argument(help="A bundle folder, or a run.", metavar="BUNDLE")],
    dataset: Annotated[
        str,
        typer.Option("--dataset", "-d", help="Rows; the target need not be there.", metavar="DATA"),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="A .csv, .jsonl or .parquet file; printed as CSV by default."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="Input column to write beside the predictions; `all` for all."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Write one prediction row for each row given, in their order."""
    from ordain.pipeline.predict import predict as run_predict

    done = run_predict(bundle, dataset, output, keep=keep or ())
    if json:
        print_json(done.to_json())
    elif output is not None:
        typer.echo(f"wrote {done.rows} rows to {output} in {seconds(done.seconds)}")
    for warning in done.warnings:
        typer.echo(f"warning: {warning}", err=True)
