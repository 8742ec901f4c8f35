"""`ordain visualize`: plots of runs as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json


def visualize(
    name: Annotated[
        str, typer.Argument(help="The plot, such as roc_curves; `list` names all.", metavar="NAME")
    ],
    run: Annotated[list[str] | None, typer.Argument(help="Runs.", metavar="RUN ...")] = None,
    output_directory: Annotated[
        Path, typer.Option("--output-dir", help="Folder to write to.", metavar="FOLDER")
    ] = Path(),
    format_: Annotated[
        Literal["png", "svg", "html"], typer.Option("--format", help="Kind of file.")
    ] = "html",
    output: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            help="Output feature it is about; the first that fits by default. Twice for two.",
            metavar="OUTPUT",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", help="As in -o top_n_classes=5.", metavar="KEY=VALUE"),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Draw a plot of one run or several into a file."""
    from ordain.core.errors import UsageError
    from ordain.evaluation.plots.plot import PLOTS
    from ordain.pipeline.visualize import draw, notes_of, write_plot

    if name == "list" and not run:
        about = {plot: PLOTS.build(plot).about for plot in PLOTS.names()}
        if json:
            print_json(about)
            return
        for plot, words in about.items():
            typer.echo(f"{plot}\n    {words}")
        return
    if not run and PLOTS.has(name):
        raise UsageError(f"no run is given\n  Fix: ordain visualize {name} RUN")
    made = draw(name, run or [], output=output, home=home, options=_options(option or []))
    path = output_directory / f"{name}.{format_}"
    write_plot(made, path, format_)
    if json:
        print_json({"plot": name, "file": str(path), "runs": run, "notes": notes_of(made)})
        return
    typer.echo(str(path))
    for note in notes_of(made):
        typer.echo(f"note: {note}", err=True)


def _options(given: list[str]) -> dict[str, object]:
    """Return options by key, their values read as YAML."""
    import yaml

    from ordain.core.errors import UsageError

    found: dict[str, object] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"'{text}' is no option\n  Fix: -o KEY=VALUE")
        found[key.strip()] = yaml.safe_load(value)
    return found
