"""`ordain explain`: what a model rests on, and why a row got its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import cell, number, print_json, print_table
from ordain.cli.options import Home, Json
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.evaluation.explain.counterfactual import Change
    from ordain.evaluation.explain.explanation import Explanation, RowExplanation
    from ordain.evaluation.explain.highlight import Piece
    from ordain.pipeline.leave_out import LeaveOneOut

MOST_SHOWN = 20
"""Inputs that a table shows."""
BAR = 24
"""Characters of the longest bar."""
WEAK = 0.05
"""Strength from which an interaction is worth a line."""


def explain(
    bundle: Annotated[
        str,
        typer.Argument(
            help="A bundle folder, a run, or a version as churn@champion.", metavar="BUNDLE"
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", "-d", help="Rows; by default the test rows of the run.", metavar="DATA"
        ),
    ] = None,
    row: Annotated[
        list[int] | None,
        typer.Option(
            "--row",
            help="Explain this row, counted from 0: of --dataset, else of the table the run read, "
            "as `errors` and the report number it; may be given again.",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", help="Only this output of the model.")
    ] = None,
    immutable: Annotated[
        str, typer.Option(help="Inputs that counterfactuals may not change.", metavar="A,B")
    ] = "",
    wanted: Annotated[
        str | None,
        typer.Option(help="Class that counterfactuals lead to; any other by default."),
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(help="Number that counterfactuals reach.")
    ] = None,
    at_most: Annotated[
        float | None, typer.Option(help="Highest number that counterfactuals may give.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Ask the row again with this value, as a what-if; may be given again.",
            metavar="INPUT=VALUE",
        ),
    ] = None,
    neighbours: Annotated[
        int, typer.Option(help="Known rows most like the row; 0 for none.", min=0)
    ] = 5,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Train again without each input of a run.")
    ] = False,
    inputs: Annotated[
        int, typer.Option(help="Inputs that are left out at most, the most important first.", min=1)
    ] = 10,
    *,
    home: Home = None,
    json: Json = False,
) -> None:
    """Tell what a model rests on; with --row, why a row got its answer."""
    if leave_one_out:
        if dataset is not None or row:
            raise UsageError(
                "--leave-one-out trains again on the rows of the run\n"
                "  Fix: leave out --dataset and --row"
            )
        _leave_out(bundle, output=output, n_inputs=inputs, home=home, json=json)
        return
    changes = dict(_change(text) for text in change or ())
    if not row and (
        changes or immutable or wanted is not None or at_least is not None or at_most is not None
    ):
        raise UsageError(
            "--set, --immutable, --wanted, --at-least and --at-most are about the answer of a row\n"
            "  Fix: name it with --row N"
        )
    from ordain.pipeline.explain import explain as run_explain

    found = run_explain(
        bundle,
        dataset,
        row=row,
        output=output,
        immutable=[name.strip() for name in immutable.split(",") if name.strip()],
        wanted=wanted,
        at_least=at_least,
        at_most=at_most,
        n_neighbours=neighbours,
        changes=changes,
        home=home,
    )
    if json:
        print_json(found.to_json())
        return
    for item in found.rows:
        _show_row(item)
    if not found.rows:
        _show_model(found)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)


def _show_model(found: Explanation) -> None:
    for name, item in found.outputs.items():
        if item.importance is not None:
            table = item.importance
            highest = max((one.share for one in table.inputs), default=0.0)
            rows = [
                [one.input, _signed(one.increase), f"{_signed(one.low)} to {_signed(one.high)}",
                 f"{one.share:.0%}", _bar(one.share, highest)]
                for one in table.inputs[:MOST_SHOWN]
            ]  # fmt: skip
            title = f"{name}: how much the {table.loss} ({cell(table.base)}) rises when an input"
            title += f" is shuffled, {_of_all(table.n_rows, found.n_used)}"
            print_table(["input", "rises by", "95% interval", "share", ""], rows, title=title)
            _more(len(table.inputs))
        strong = [one for one in item.interactions if one.strength >= WEAK][:3]
        for pair in strong:
            typer.echo(
                f"`{pair.inputs[0]}` and `{pair.inputs[1]}` act together (strength "
                f"{pair.strength:.2f} of 1)"
            )
    for sentence in found.sentences():
        typer.echo(sentence)


def _show_row(item: RowExplanation) -> None:
    answer = cell(item.answer)
    if item.probability is not None:
        bound = ""
        if item.threshold not in (None, 0.5):
            bound = f"; {item.label} from {item.threshold:.3f} of its own on"
        answer += f" (probability {item.probability:.3f}{bound})"
    typer.echo(f"\nrow {item.row}: {item.output} is {answer}")
    highest = max((abs(one.value) for one in item.contributions), default=0.0)
    rows = [
        [one.input, _short(one.cell), _signed(one.value), _bar(one.value, highest)]
        for one in item.contributions[:MOST_SHOWN]
    ]
    scale = item.scale.replace("_", " ") + (f" of {item.label}" if item.label else "")
    print_table(
        ["input", "value", "adds", ""],
        rows,
        title=f"what each input adds to the {scale}: from {cell(item.base)} to "
        f"{cell(item.margin)} ({item.method.replace('_', ' ')})",
    )
    _more(len(item.contributions))
    for name, pieces in item.pieces.items():
        _show_text(name, pieces)
    _show_what_if(item)
    _show_ways(item)
    _show_neighbours(item)


def _show_neighbours(item: RowExplanation) -> None:
    """Print known rows as columns beside the row, the inputs that add most first."""
    known = item.neighbours
    if not known:
        return
    rows = [
        ["distance", "-", *(cell(one.distance) for one in known)],
        [item.output, "-", *(cell(one.truth) for one in known)],
        *(
            [one.input, _short(one.cell), *(_short(other.values.get(one.input)) for other in known)]
            for one in item.contributions[:MOST_SHOWN]
        ),
    ]
    columns = ["", "this row", *(f"row {one.row}" for one in known)]
    print_table(columns, rows, title="known rows most like it")


def _change(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"'{text}' changes nothing\n  Fix: --set INPUT=VALUE, such as age=40")
    return name.strip(), value.strip()


def _show_what_if(item: RowExplanation) -> None:
    one = item.what_if
    if one is None:
        return
    how = "" if one.probability is None else f" (probability {one.probability:.3f})"
    typer.echo(f"what if {_changed(one.changes)}: {item.output} is {cell(one.after)}{how}")


def _changed(changes: Sequence[Change]) -> str:
    return ", ".join(
        f"`{one.input}` {_short(one.before)} -> {_short(one.after)}" for one in changes
    )


def _show_ways(item: RowExplanation) -> None:
    if not item.counterfactuals and item.has_sought:
        typer.echo("no change of up to four inputs was found that flips the answer")
    for way, one in enumerate(item.counterfactuals, start=1):
        how = "" if one.probability is None else f" (probability {one.probability:.3f})"
        typer.echo(f"way {way} to {cell(one.after)}{how}: {_changed(one.changes)}")


def _show_text(name: str, pieces: Sequence[Piece]) -> None:
    """Print a text with the words that speak for the label green, those against it red."""
    if not pieces:
        return
    from rich.text import Text

    from ordain.cli.console import console

    highest = max(abs(piece.value) for piece in pieces)
    text = Text(f"{name}: ")
    for piece in pieces:
        share = piece.value / highest if highest else 0.0
        style = "" if abs(share) < 0.2 else ("green" if share > 0 else "red")  # noqa: PLR2004
        text.append(piece.text, style=f"bold {style}" if abs(share) > 0.6 else style)  # noqa: PLR2004
        text.append(" ")
    console().print(text)
    top = sorted(pieces, key=lambda piece: -abs(piece.value))[:5]
    typer.echo("  most: " + ", ".join(f"{_short(one.text)} {_signed(one.value)}" for one in top))


def _leave_out(
    bundle: str, *, output: str | None, n_inputs: int, home: str | None, json: bool
) -> None:
    from ordain.cli.progress import progress
    from ordain.pipeline.leave_out import leave_one_out

    with progress(quiet=json) as listener:
        found = leave_one_out(
            bundle, output=output, n_inputs=n_inputs, home=home, listeners=(listener,)
        )
    if json:
        print_json(found.to_json())
        return
    _show_left_out(found)


def _show_left_out(found: LeaveOneOut) -> None:
    by_output: dict[str, list[list[Any]]] = {}
    for one in found.frame.to_dicts():
        interval = "-" if one["low"] is None else f"{_signed(one['low'])} to {_signed(one['high'])}"
        gain = "-" if one["gain"] is None else _signed(one["gain"])
        by_output.setdefault(one["output"], []).append(
            [one["input"], one["metric"], one["with"], one["without"], gain, interval,
             one["note"] or _SAID[one["verdict"]]]
        )  # fmt: skip
    for output, rows in by_output.items():
        columns = ["input", "metric", "with", "without", "gain", "95% interval", "the model is"]
        print_table(columns, rows, title=f"{output} without each input, {found.set} rows")
    if found.n_left:
        typer.echo(f"{found.n_left} less important inputs were not tried (--inputs tries more)")


_SAID = {
    "better": "better with it",
    "worse": "worse with it",
    "cannot tell": "as good without it, as far as the rows tell",
    None: "-",
}


def _of_all(n_rows: int, n_given: int) -> str:
    return f"{n_rows:,} rows" if n_rows >= n_given else f"{n_rows:,} of {n_given:,} rows"


def _more(n_inputs: int) -> None:
    if n_inputs > MOST_SHOWN:
        typer.echo(f"... and {n_inputs - MOST_SHOWN} inputs more (--json has all)")


def _bar(value: float, highest: float) -> str:
    length = round(BAR * abs(value) / highest) if highest else 0
    return ("█" if value >= 0 else "▒") * length


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else ''}{number(value)}"


def _short(value: Any) -> str:
    text = cell(value) if not isinstance(value, str) else value
    return text if len(text) <= 40 else text[:37] + "..."  # noqa: PLR2004 - what a table bears
