"""`ordain datasets`: named data sets that installed packages ship."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Json


def datasets(
    search: Annotated[str | None, typer.Argument(help="Part of a name.", metavar="TEXT")] = None,
    *,
    json: Json = False,
) -> None:
    """List named data sets; use one as dataset:NAME wherever rows are asked for."""
    from ordain.data import list_datasets

    found = list_datasets()
    if search:
        found = found.filter(
            found["name"].str.to_lowercase().str.contains(search.lower(), literal=True)
        )
    if json:
        print_json({"datasets": found.to_dicts()})
        return
    print_table(found.columns, [list(row) for row in found.iter_rows()])
    typer.echo(f"{found.height} data sets. Read one with `--dataset dataset:NAME`.")
