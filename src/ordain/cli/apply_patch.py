"""`ordain apply-patch`: put a patch of `diagnose` into a config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Config, Json


def apply_patch(
    config: Config,
    patch: Annotated[
        Path, typer.Argument(help="A patch, as `ordain diagnose` writes them.", metavar="PATCH")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the change, and leave the file.")
    ] = False,
    json: Json = False,
) -> None:
    """Put a patch into a config file, keeping its comments and layout, and check the result."""
    from ordain.pipeline.patches import apply_patch as apply

    applied = apply(config, patch, write=not dry_run)
    if json:
        print_json(applied.to_json())
        return
    if not applied.diff:
        typer.echo(f"{config} says all of '{applied.patch.name}' already.")
        return
    typer.echo(applied.diff, nl=False)
    typer.echo(f"\n{applied.patch.expected}")
    typer.echo(applied.patch.measured)
    done = "not written (--dry-run)" if dry_run else "written"
    typer.echo(f"{config}: {done}, no errors. Train it with: ordain train {config}")
