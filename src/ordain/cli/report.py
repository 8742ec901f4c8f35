"""`ordain report`: draw the report of a run again, and open it."""

from __future__ import annotations

from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json


def report(
    run: Annotated[
        str, typer.Argument(help="A run: its name, id, the start of it, or latest.", metavar="RUN")
    ],
    home: Home = None,
    *,
    is_opened: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Draw the report of a run again from what its folder holds, and print where it is."""
    from ordain.evaluation.report import write_report
    from ordain.store.home import home as work_folder
    from ordain.store.run_summary import read_summary
    from ordain.store.runs import Runs

    found = Runs(work_folder(home)).find(run)
    path = found.folder / "report.html"
    write_report(read_summary(found), path)
    if json:
        print_json({"run": found.reference, "report": str(path)})
    else:
        typer.echo(str(path))
    if is_opened:
        typer.launch(path.resolve().as_uri())
