"""`ordain errors`: the worst rows of a run, in groups, with tags given by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import cell, number, print_json, print_table
from ordain.cli.judged import between
from ordain.cli.options import Home, Json
from ordain.cli.runs import RunArgument
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.pipeline.browse_errors import ErrorBook

MOST_COLUMNS = 6
LONGEST = 32


def errors(
    run: RunArgument,
    output: Annotated[
        str | None, typer.Option("--output", help="Output; the first by default.", metavar="OUTPUT")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="Tag a row; may be repeated; '' clears.", metavar="ROW=TAG"),
    ] = None,
    tags: Annotated[
        Path | None,
        typer.Option("--tags", help="Take tags from a table that --csv wrote.", metavar="FILE"),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the table to tag by hand.", metavar="FILE")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Worst rows to show.", min=0)] = 15,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show the worst rows of a run, what they share, and what each kind of error amounts to."""
    from ordain.pipeline.browse_errors import browse_errors, tags_from

    given = [_pair(text) for text in tag or ()]
    if tags is not None:
        given += [(row, one) for row, own in tags_from(tags).items() for one in own]
    book = browse_errors(run, output=output, tags=given, home=home)
    if csv is not None:
        book.write_csv(csv)
    if json:
        print_json(book.to_json())
        return
    show(book, n_rows=rows)
    if csv is not None:
        typer.echo(f"table  {csv}: fill in `tag`, then ordain errors {book.run} --tags {csv}")


def show(book: ErrorBook, *, n_rows: int) -> None:
    """Print worst rows, groups, mistakes and tags."""
    found = book.analysis
    worst = found.worst[:n_rows]
    names = list(worst[0].values)[:MOST_COLUMNS] if worst else []
    print_table(
        ["row", "loss", "true", "predicted", "label", "tags", *names],
        [
            [str(one.row), one.loss, one.truth, one.prediction,
             "suspect" if one.is_suspect else "", "; ".join(book.tags.get(one.row, ())),
             *(cell(one.values.get(name))[:LONGEST] for name in names)]
            for one in worst
        ],
        title=f"worst rows of {found.output} by {found.loss}, of {found.n_rows:,}",
    )  # fmt: skip
    if found.groups:
        print_table(
            ["shared by", "rows", "of the worst left", "of all left", "times as common"],
            [[g.shared, g.n_rows, g.share, g.share_of_all, g.lift] for g in found.groups],
            title=f"what the {found.n_worst:,} worst rows share, each among what those above leave",
        )
    if found.mistakes:
        print_table(
            ["true", "predicted", "rows", "share of the class", "overlap"],
            [
                [m.truth, m.prediction, m.n_rows, m.share, m.overlap]
                for m in found.mistakes[:n_rows]
            ],
            title="mistakes",
        )
    _show_tags(book)
    typer.echo(f"{found.n_suspect:,} labels look wrong, of {found.n_rows:,} rows.")


def _show_tags(book: ErrorBook) -> None:
    if not book.shares:
        typer.echo(f"No row is tagged yet: ordain errors {book.run} --tag ROW=TAG")
        return
    judged = {one.name: one for one in book.slices}
    names = list(book.slices[0].metrics)
    told = (n for n in names if any(one.metrics.get(n) is not None for one in book.slices))
    metric = next(told, names[0])
    print_table(
        ["tag", "rows", "wrong", "share of the loss", metric, "interval", "against the rest"],
        [
            [one.tag, one.n_rows, one.n_wrong, one.share, judged[one.tag].metrics.get(metric),
             between(judged[one.tag].intervals.get(metric)), judged[one.tag].verdict]
            for one in book.shares
        ],
        title="tags",
    )  # fmt: skip
    for one in book.shares:
        typer.echo(
            f"Mending '{one.tag}' would at most bring the mean {book.analysis.loss} from "
            f"{number(book.mean_loss)} to {number(one.mean_without)}."
        )


def _pair(text: str) -> tuple[int, str]:
    row, sign, tag = text.partition("=")
    if not sign or not row.strip().isdigit():
        raise UsageError(f"'{text}' is no tag of a row\n  Fix: --tag ROW=TAG, such as 17='typo'")
    return int(row), tag
