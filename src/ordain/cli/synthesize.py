"""`ordain synthesize`: made rows for a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.options import Config, Dataset, Overrides


def synthesize(
    config: Config,
    override: Overrides = None,
    dataset: Dataset = None,
    rows: Annotated[int, typer.Option("--rows", "-n", help="How many.", min=1)] = 1000,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="A .csv, .jsonl or .parquet file; printed by default."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the rows; the config's by default.")
    ] = None,
) -> None:
    """Make rows that fit a config, for trying it before its data is there.

    With --dataset numbers keep the range and labels the shares of real rows; no row is copied.
    """
    from ordain.config import Config as Loaded
    from ordain.pipeline.check import profiles_of
    from ordain.pipeline.predict import write_rows
    from ordain.pipeline.synthesize import synthesize as make

    loaded = Loaded.load(config, overrides=override or ())
    profiles = profiles_of(loaded, dataset) if dataset is not None else None
    frame = make(loaded, rows, profiles=profiles, seed=seed)
    write_rows(frame, output)
    if output is not None:
        typer.echo(f"wrote {rows} made rows to {output}")
