"""`ordain trace` and `ordain preview`: rows through every step, with a model and without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Config, Dataset, Environment, Home, Json, Overrides

if TYPE_CHECKING:
    from ordain.features.step import Step


def trace(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="BUNDLE"
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Rows; the target need not be there. By default the test rows of the run.",
            metavar="DATA",
        ),
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(
            "--row",
            help="Which row, counted from 0: of --dataset, else of the table the run read, as "
            "`errors` and the report number it. By default the first.",
        ),
    ] = None,
    *,
    home: Home = None,
    json: Json = False,
) -> None:
    """Follow one row through every step of a model, with the values at each."""
    from ordain.pipeline.trace import trace as run_trace

    found = run_trace(bundle, dataset, row, home=home)
    if json:
        print_json(found.to_json())
        return
    rows = [line for cell in found.cells for line in _lines(cell.feature, cell.steps)]
    print_table(["input", "step", "value", "why"], rows, title=f"row {found.row}: inputs")
    if found.inside:
        inside = [[name, value] for name, value in found.inside.items()]
        print_table(["encoder", "length of what it gives"], inside, title="inside the model")
    rows = [line for one in found.outputs for line in _lines(one.output, one.steps)]
    print_table(["output", "step", "value", "why"], rows, title="answer")


def preview(
    config: Config,
    dataset: Dataset = None,
    rows: Annotated[int, typer.Option(help="How many training rows.")] = 5,
    override: Overrides = None,
    env: Environment = None,
    *,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show training rows before and after each step, without training a model."""
    from ordain.config import Config as Loaded
    from ordain.pipeline.trace import preview as run_preview

    loaded = Loaded.load(config, overrides=override or (), environment=env)
    found = run_preview(loaded, dataset, n_rows=rows, home=home)
    if json:
        print_json(found.to_json())
        return
    for row, cells in found.rows:
        lines = [line for cell in cells for line in _lines(cell.column, cell.steps)]
        print_table(["column", "step", "value", "why"], lines, title=f"row {row}")
    typer.echo(f"statistics are those of {found.n_train:,} training rows")


def _lines(name: str, steps: tuple[Step, ...]) -> list[list[str]]:
    from ordain.store.trace import shown

    return [
        ["" if place else name, step.name, _cut(shown(step.value)), _cut(step.why)]
        for place, step in enumerate(steps)
    ]


def _cut(text: str, *, longest: int = 72) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
