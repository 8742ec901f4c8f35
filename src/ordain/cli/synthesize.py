"""`ordain synthesize`: made rows for a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Config, Dataset, Json, Overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ordain.config import Config as Loaded
    from ordain.data.profile import ColumnProfile


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
    *,
    json: Json = False,
) -> None:
    """Make rows that fit a config, for trying it before its data is there.

    Where the config names its data, or --dataset does, numbers keep the range and labels the shares
    of the real rows; no row is copied.
    """
    from ordain.config import Config as Loaded
    from ordain.pipeline.predict import write_rows
    from ordain.pipeline.synthesize import synthesize as make

    loaded = Loaded.load(config, overrides=override or ())
    frame = make(loaded, rows, profiles=_profiles(loaded, dataset), seed=seed)
    if json and output is None:
        print_json({"rows": frame.to_dicts()})
        return
    write_rows(frame, output)
    if json:
        print_json({"rows": rows, "output": str(output)})
    elif output is not None:
        typer.echo(f"wrote {rows} made rows to {output}")


def _profiles(config: Loaded, dataset: str | None) -> Mapping[str, ColumnProfile] | None:
    """Return the profiles of the rows; without them where those the config names are not there."""
    from ordain.core.errors import DataError
    from ordain.pipeline.check import profiles_of

    try:
        return profiles_of(config, dataset)
    except DataError as error:
        if dataset is not None or isinstance(config.document.input_features, str):
            raise
        typer.echo(f"without the rows: {error.message.splitlines()[0]}", err=True)
        return None
