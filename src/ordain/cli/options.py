"""Options that several commands share, spelled once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[str, typer.Argument(help="The config: a YAML or JSON file.", metavar="CONFIG")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "-o", "--override", help="Change a value, as in -o trainer.epochs=3.", metavar="PATH=VALUE"
    ),
]
Environment = Annotated[
    str | None,
    typer.Option(
        "--env",
        help="Which of the config's environments counts; ORDAIN_ENV by default.",
        metavar="NAME",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        "-d",
        help="The rows: a file, a glob, a URL, dataset:NAME, a table as in sqlite:///a.db::TABLE.",
        metavar="DATA",
    ),
]
TrainingSet = Annotated[
    str | None, typer.Option(help="Rows to train on, where the sets are separate.", metavar="DATA")
]
ValidationSet = Annotated[
    str | None, typer.Option(help="Rows that decide when to stop.", metavar="DATA")
]
TestSet = Annotated[
    str | None, typer.Option(help="Rows that judge; never touched in training.", metavar="DATA")
]
Home = Annotated[
    str | None,
    typer.Option(
        "--home", help="The work folder; ORDAIN_HOME or .ordain by default.", metavar="FOLDER"
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        help="An MLflow server or sqlite:///FILE; ORDAIN_REGISTRY_URI, else the work folder's.",
        metavar="URI",
    ),
]
Junit = Annotated[
    Path | None,
    typer.Option("--junit", help="Write gates and checks as JUnit XML, for CI.", metavar="FILE"),
]
Markdown = Annotated[
    Path | None,
    typer.Option("--markdown", help="Write a summary for a pull request.", metavar="FILE"),
]
