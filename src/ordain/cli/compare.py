"""`ordain compare`: runs side by side on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import number, print_json, print_table, seconds, size
from ordain.cli.options import Home, Json

if TYPE_CHECKING:
    from ordain.pipeline.comparison import ComparedOutput, Comparison, Flips, RunDiff

N_EXAMPLES = 3
N_CELLS = 4
N_LETTERS = 40


def compare(
    run: Annotated[list[str], typer.Argument(help="Two runs or more.", metavar="RUN RUN ...")],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Rows to compare on; by default test rows that no run has learned from.",
            metavar="DATA",
        ),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Lay runs side by side on the same rows, each against the first.

    Every metric with its interval and the verdict better, worse or cannot tell; the rows that
    changed; what each run costs; what differs in config, data, code and packages.
    """
    from ordain.pipeline.compare import compare as run_compare

    found = run_compare(*run, data=dataset, home=home)
    if json:
        print_json(found.to_json())
        return
    typer.echo(f"On {found.n_rows:,} rows: {found.rows}.")
    for note in found.notes:
        typer.echo(f"note: {note}")
    for output in found.outputs.values():
        _show_output(output)
    _show_costs(found)
    for one in found.diffs:
        _show_diff(found.runs[0], one)


def _show_output(output: ComparedOutput) -> None:
    runs = output.runs
    columns = ["metric", *(one.run for one in runs)]
    rows = []
    for metric in runs[0].metrics:
        if all(one.metrics.get(metric) is None for one in runs):
            continue
        cells: list[Any] = [metric]
        for one in runs:
            verdicts = {d.metric: d.verdict for d in one.differences}
            told = verdicts.get(metric)
            cells.append(_cell(one.metrics.get(metric), one.intervals.get(metric), told))
        rows.append(cells)
    print_table(columns, rows, title=f"{output.output}: against {runs[0].run}", bold=[0])
    for one in runs[1:]:
        found = output.verdict(one.run)
        if found is None or found.gain is None:
            continue
        between = ""
        if found.interval is not None:
            between = f" ({number(found.interval.low)} to {number(found.interval.high)})"
        typer.echo(
            f"{one.run} by {output.headline}: {found.verdict}, gain {number(found.gain)}{between}"
        )
    for flips in output.flips:
        _show_flips(flips)


def _cell(value: float | None, interval: Any, verdict: str | None) -> str:
    if value is None:
        return "-"
    text = number(value)
    if interval is not None:
        text += f" ({number(interval.low)} to {number(interval.high)})"
    return f"{text} {verdict}" if verdict in {"better", "worse"} else text


def _show_flips(flips: Flips) -> None:
    typer.echo(
        f"{flips.run}: {flips.better:,} rows better, {flips.worse:,} worse, {flips.same:,} the same"
    )
    for told, examples in (("better", flips.examples_better), ("worse", flips.examples_worse)):
        for one in examples[:N_EXAMPLES]:
            cells = list(one.values.items())[:N_CELLS]
            shown = ", ".join(f"{name}={_cut(value)}" for name, value in cells)
            typer.echo(
                f"  {told}: row {one.row}, {_text(one.before)} -> {_text(one.after)}, "
                f"truth {_text(one.truth)}  ({shown})"
            )


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else number(value)


def _cut(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= N_LETTERS else f"{text[: N_LETTERS - 3]}..."


def _show_costs(found: Comparison) -> None:
    rows = [
        [
            fact.run,
            fact.family,
            fact.latency_ms,
            "-" if fact.size_bytes is None else size(fact.size_bytes),
            "-" if fact.seconds is None else seconds(fact.seconds),
            fact.cost,
            fact.energy_joules,
        ]
        for fact in found.facts
    ]
    columns = ["run", "model", "ms a row", "size", "training", "cost", "joules"]
    kept = [i for i in range(len(columns)) if any(row[i] is not None for row in rows)]
    print_table([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _show_diff(first: str, one: RunDiff) -> None:
    from ordain.config import emit

    if one.is_empty:
        typer.echo(f"{first} and {one.run} have the same config, data, versions and machine.")
        return
    typer.echo(f"what differs from {first} in {one.run}:")
    for change in one.config:
        before, after = emit.show(change["before"]), emit.show(change["after"])
        typer.echo(f"  {change['path']}: {before} -> {after}")
        if change["effect"]:
            typer.echo(f"    {change['effect']}")
    for line in one.locked:
        typer.echo(f"  {line}")
