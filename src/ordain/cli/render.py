"""`ordain render`: the filled config."""

from __future__ import annotations

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Config, Dataset, Environment, Json, Overrides


def render(
    config: Config,
    override: Overrides = None,
    dataset: Dataset = None,
    env: Environment = None,
    *,
    json: Json = False,
) -> None:
    """Print the config with every default written out, and why each inferred value is what it is.

    Where the data can be read, types are inferred from it; without data they stay `auto`.
    """
    from ordain.pipeline.check import render as run_render

    document, reasons, text = run_render(config, dataset, overrides=override or (), environment=env)
    if json:
        print_json({"config": document, "reasons": reasons})
    else:
        typer.echo(text, nl=False)
