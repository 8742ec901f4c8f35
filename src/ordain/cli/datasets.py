"""`ordain datasets`: named data sets that installed packages ship."""

from __future__ import annotations

import difflib
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
    known = found["name"].to_list()
    if search:
        found = found.filter(
            found["name"].str.to_lowercase().str.contains(search.lower(), literal=True)
        )
    if json:
        print_json({"datasets": found.to_dicts()})
        return
    if search and not found.height:
        typer.echo(f"No data set has '{search}' in its name.{_near(search, known)}")
        return
    print_table(found.columns, [list(row) for row in found.iter_rows()])
    typer.echo(f"{found.height} data sets. Read one with `--dataset dataset:NAME`.")


def _near(search: str, known: list[str]) -> str:
    by_end = {name.rpartition(":")[2].rpartition("/")[2].lower(): name for name in known}
    close = difflib.get_close_matches(search.lower(), list(by_end), n=3, cutoff=0.5)
    if not close:
        return " All of them: ordain datasets"
    return f" Near names: {', '.join(by_end[name] for name in close)}"
