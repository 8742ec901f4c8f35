"""`ordain diff`: what two configs say differently."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Json


def diff(
    before: Annotated[str, typer.Argument(help="A config.", metavar="CONFIG")],
    after: Annotated[str, typer.Argument(help="Another config.", metavar="CONFIG")],
    *,
    json: Json = False,
) -> None:
    """Compare what two configs mean, not how they are written, and say which stage each touches."""
    from ordain.config import Config
    from ordain.config.diff import diff as compare

    changes = compare(Config.load(before), Config.load(after))
    if json:
        print_json({"changes": [change.to_json() for change in changes]})
    elif not changes:
        typer.echo("The two configs mean the same.")
    else:
        for change in changes:
            typer.echo(str(change))
