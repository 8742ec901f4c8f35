"""`ordain rollback`: an alias back to the version that held it before."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json, Registry


def rollback(
    name: Annotated[str, typer.Argument(help="The model.")],
    alias: Annotated[str, typer.Option("--alias", help="The alias to move.")] = "champion",
    note: Annotated[str, typer.Option("--note", help="Why; kept in the audit.")] = "",
    registry: Registry = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Point an alias back at the version that held it before; again, one further back.

    No gate is judged: only a damaged bundle stops a rollback.
    """
    from ordain.pipeline.promote import rollback as run_rollback

    line = run_rollback(name, alias, note=note, home=home, registry=registry)
    if json:
        print_json(line.to_json())
        return
    typer.echo(f"`{alias}` of {name} is {name}/{line.version}, before {name}/{line.previous}")
