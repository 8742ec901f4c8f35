"""`ordain init`: a commented config for a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Json
from ordain.core.errors import UsageError


def init(
    data: Annotated[
        str, typer.Argument(help="The rows: a file, a glob, a URL, SQL, dataset:NAME.")
    ],
    target: Annotated[
        list[str], typer.Option("--target", "-t", help="Column to predict; may be repeated.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", help="File to write; NAME.yaml by default, - prints.")
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file if it is there.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a commented config: types inferred from the data, each inference explained."""
    from json import dumps

    from ordain.config.render import SCHEMA_FILE
    from ordain.config.schema import json_schema
    from ordain.core.files import write_text
    from ordain.pipeline.check import draft_config

    name, text = draft_config(data, target)
    path = output or Path(f"{name}.yaml")
    if str(path) == "-":
        if json:
            print_json({"name": name, "text": text})
        else:
            typer.echo(text, nl=False)
        return
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists already\n  Fix: give --output FILE, or --force to replace it"
        )
    write_text(path, text)
    schema_file = path.parent / SCHEMA_FILE
    write_text(schema_file, dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
    if json:
        print_json({"name": name, "config": str(path), "schema": str(schema_file)})
        return
    typer.echo(
        f"wrote {path}, and {schema_file} for completion in editors\n\n"
        f"Next:\n  ordain check {path}\n  ordain train {path}"
    )
