"""`ordain predict`: predictions for rows of a file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ordain.cli.bundles import bundle_of
from ordain.cli.console import print_json, seconds
from ordain.cli.options import Home, Json
from ordain.core.errors import UsageError

MOST_ROWS_PRINTED = 10_000
"""Rows that are printed as one JSON object."""


def predict(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="BUNDLE"
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option("--dataset", "-d", help="Rows; the target need not be there.", metavar="DATA"),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            help="A .csv, .jsonl, .parquet or .arrow file, or a table as in sqlite:///a.db::TABLE; "
            "printed as CSV (or JSON) by default.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="Input column to write beside the predictions; `all` for all."),
    ] = None,
    home: Home = None,
    *,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Begin anew, and leave what a broken attempt has written."),
    ] = False,
    json: Json = False,
) -> None:
    """Write one prediction row for each row given, in their order.

    Rows may be more than memory holds. The same command goes on where a broken one stopped.
    """
    from ordain.pipeline.predict import predict as run_predict

    bundle = str(bundle_of(bundle, home))
    if json and output is None:
        print_json(_as_object(bundle, dataset, keep or ()))
        return
    done = run_predict(bundle, dataset, output, keep=keep or (), fresh=fresh)
    if json:
        print_json(done.to_json())
    elif output is not None:
        before = f", {done.resumed} of them before" if done.resumed else ""
        typer.echo(f"wrote {done.rows} rows to {done.output} in {seconds(done.seconds)}{before}")
    for warning in done.warnings:
        typer.echo(f"warning: {warning}", err=True)


def _as_object(bundle: str, dataset: str, keep: Sequence[str]) -> dict[str, Any]:
    import polars as pl

    from ordain.data import open_source, read_table
    from ordain.pipeline.predict import predict as run_predict

    source = open_source(dataset)
    n_rows = read_table(source).n_rows
    if n_rows > MOST_ROWS_PRINTED:
        raise UsageError(
            f"{n_rows:,} rows are too many to print as one JSON object; "
            f"at most {MOST_ROWS_PRINTED:,} are\n  Fix: give --output FILE.jsonl"
        )
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "predictions.parquet"
        done = run_predict(bundle, source, output, keep=keep)
        rows = pl.read_parquet(output).to_dicts()
    return {"predictions": rows, "rows": done.rows, "warnings": list(done.warnings)}
