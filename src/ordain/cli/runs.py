"""`ordain runs`: what has been trained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import plain, print_json, print_table, seconds
from ordain.cli.options import Home, Json
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.store.runs import Run

if TYPE_CHECKING:
    from ordain.store.runs import Runs

app = typer.Typer(
    invoke_without_command=True, help="List, show and tag runs.", rich_markup_mode=None
)
RunArgument = Annotated[
    str, typer.Argument(help="A run: its name, id, the start of it, or latest.", metavar="RUN")
]


@app.callback()
def runs(context: typer.Context) -> None:
    """List, show and tag runs."""
    if context.invoked_subcommand is None:
        list_()


@app.command("list")
def list_(
    search: Annotated[
        str | None, typer.Argument(help="Part of a name, tag, note or model.", metavar="TEXT")
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """List runs, newest first, with their first metrics on the test set."""
    from ordain.store.runs import summary_line

    lines = [summary_line(run) for run in _runs(home).all()]
    if search:
        lines = [line for line in lines if search.lower() in _text(line)]
    if json:
        print_json({"runs": lines})
        return
    rows = [
        [
            line["run"],
            line["state"],
            line["model"],
            _headline(line["metrics"]),
            seconds(line["seconds"]) if line["seconds"] else "-",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(line["started"] or 0)),
            ", ".join(line["tags"]),
        ]
        for line in lines
    ]
    print_table(["run", "state", "model", "test", "time", "started", "tags"], rows)
    if not rows:
        typer.echo("No runs yet. Train one with `ordain train CONFIG`.")


@app.command()
def show(run: RunArgument, home: Home = None, *, json: Json = False) -> None:
    """Show one run: metrics beside baselines, time, warnings, where its files are."""
    found = _runs(home).find(run)
    status, metrics = found.status, found.metrics
    if json:
        print_json(
            {
                "run": found.reference,
                "folder": str(found.folder),
                "status": status,
                "lock": found.lock,
                **metrics,
            }
        )
        return
    typer.echo(f"{found.reference}  {status['state']}  {status.get('model', '')}")
    _print_metrics(metrics)
    for line in (status.get("verdict"), status.get("error"), status.get("note")):
        if line:
            typer.echo(line)
    for warning in status.get("warnings", []):
        typer.echo(f"warning: {warning}")
    if status["state"] == "interrupted":
        typer.echo(f"go on with: ordain train --resume {found.reference}")
    _print_places(found)


@app.command()
def diff(before: RunArgument, after: RunArgument, home: Home = None, *, json: Json = False) -> None:
    """Say what differs between two runs: config, data, packages, machine, code."""
    from ordain.pipeline.compare import changes_between, difference

    pair = _runs(home).find(before), _runs(home).find(after)
    found = difference(*pair)
    if json:
        print_json({"config": list(found.config), "lock": list(found.locked)})
        return
    for line in [*map(str, changes_between(*pair)), *found.locked]:
        typer.echo(line)
    if found.is_empty:
        typer.echo("The two runs have the same config, data, versions and machine.")


@app.command()
def tag(
    run: RunArgument,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to add.", metavar="TAG")] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", help="A tag to take away; may be repeated.", metavar="TAG"),
    ] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Add tags to a run, or take them away."""
    found = _runs(home).find(run)
    if not tags and not remove:
        raise UsageError(
            "no tag is given\n  Fix: ordain runs tag RUN TAG, or ordain runs tag RUN --remove TAG"
        )
    before = set(found.status.get("tags", []))
    absent = [name for name in remove or () if name not in before]
    if absent:
        raise UsageError(
            f"{found.reference} has no tag '{absent[0]}'; "
            f"its tags: {', '.join(sorted(before)) or 'none'}"
        )
    kept = (before | set(tags or ())) - set(remove or ())
    found.update(tags=sorted(kept))
    if json:
        print_json({"run": found.reference, "tags": sorted(kept)})
        return
    typer.echo(f"{found.reference}: {', '.join(sorted(kept)) or 'no tags'}")


@app.command()
def note(
    run: RunArgument,
    text: Annotated[str, typer.Argument(help="The note.")],
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Keep a note with a run."""
    found = _runs(home).find(run)
    found.update(note=text)
    if json:
        print_json({"run": found.reference, "note": text})
        return
    typer.echo(f"{found.reference}: {text}")


@app.command()
def export(
    run: RunArgument,
    folder: Annotated[Path, typer.Argument(help="Where to; made if needed.", metavar="FOLDER")],
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Write a run as small text files to commit beside the code: config, lock, metrics, card.

    No weights, rows or paths. An earlier export in the folder is replaced, so that version control
    shows what has changed.
    """
    from ordain.store.run_texts import export_run

    found = _runs(home).find(run)
    written = export_run(found, folder)
    if json:
        print_json({"run": found.reference, "files": [str(path) for path in written]})
        return
    names = ", ".join(path.name for path in written)
    typer.echo(f"{found.reference}: wrote {names} to {folder}")


def _runs(home: str | None) -> Runs:
    from ordain.store.home import home as work_folder
    from ordain.store.runs import Runs

    return Runs(work_folder(home))


def _print_metrics(metrics: dict[str, Any]) -> None:
    from ordain.cli.results import print_scores

    print_scores(
        metrics.get("metrics", {}),
        metrics.get("baselines", {}),
        metrics.get("cross_validation", {}),
    )


def _print_places(found: Run) -> None:
    from ordain.cli.results import came_to, time_spent

    typer.echo(f"folder  {found.folder}")
    report = found.folder / "report.html"
    for name, path in (("bundle", found.bundle), ("report", report)):
        if path.exists():
            typer.echo(f"{name}  {path}")
    if by_stage := found.status.get("seconds"):
        typer.echo(f"time    {time_spent(by_stage)}")
    if cost := came_to(found.status.get("account", {})):
        typer.echo(f"cost    {cost}")


def _headline(metrics: dict[str, Any]) -> str:
    from ordain.cli.console import cell

    first = next(iter(plain(metrics).items()), None)
    return f"{first[0]} {cell(first[1])}" if first else ""


def _text(line: dict[str, Any]) -> str:
    return " ".join(
        [line["run"], line["model"], line["note"], *line["tags"], line["state"]]
    ).lower()
