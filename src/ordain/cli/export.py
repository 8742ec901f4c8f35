"""`ordain export`: a model in the form that another system runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.bundles import say_other_meaning
from ordain.cli.console import number, print_json, seconds, size
from ordain.cli.options import Home, Json
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.store.export.checking import Difference
    from ordain.store.export.export import Exported


def export(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="BUNDLE"
        ),
    ],
    format: Annotated[  # noqa: A002 - the word of the option
        str,
        typer.Option(
            "--format",
            help="onnx, sql, runtime, docker, mlflow, safetensors, torch_export, torchscript or "
            "handover.",
            metavar="FORMAT",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="File or folder to make.", metavar="PATH")
    ],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            "--option",
            help="Option of the format, as in -o quantize=int8.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Write a model as ONNX, SQL, a container ..., checked against its own answers."""
    from ordain.store.export.export import export as run_export

    say_other_meaning(bundle, home)
    made = run_export(bundle, output, format=format, options=_options(options or ()), home=home)
    if json:
        print_json(made.to_json())
        return
    _show(made)


def _show(made: Exported) -> None:
    typer.echo(f"wrote {made.path}  {size(made.n_bytes)}  {seconds(made.seconds)}")
    typer.echo(f"checked by {made.difference.n_rows} rows: {_in_words(made.difference)}")
    before = made.facts.get("bytes_before")
    if before:
        typer.echo(f"8 bits: {size(before)} before, {size(made.n_bytes)} now")
    for note in made.notes:
        typer.echo(f"note: {note}")


def _in_words(found: Difference) -> str:
    """Return how far answers are from the bundle's."""
    if not (found.largest or found.n_labels):
        return "no difference"
    changed = f"{found.n_labels} prediction{'s' if found.n_labels != 1 else ''} changed"
    if not found.largest:
        return f"no difference in numbers, {changed}"
    return f"largest difference {number(found.largest)} in `{found.column}`, {changed}"


def _options(given: list[str] | tuple[()]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise UsageError(f"'{text}' is not KEY=VALUE\n  Fix: -o quantize=int8, for instance")
        found[key.strip()] = value
    return found
