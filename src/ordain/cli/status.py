"""`ordain status`: how what is deployed stands."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Home, Json

if TYPE_CHECKING:
    from ordain.serving.rollout.folder import DeploymentFolder
    from ordain.serving.rollout.standing import Standing

_PAUSE_SECONDS = 2.0


def status(
    name: Annotated[
        str | None,
        typer.Argument(help="The deployment, if there are several.", metavar="DEPLOYMENT"),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until Ctrl-C.")
    ] = False,
    quality: Annotated[
        bool, typer.Option("--quality", help="Add how good each version was on what came true.")
    ] = False,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show versions, shares, requests, errors, latencies, halts and workers of a deployment."""
    from ordain.serving.rollout.folder import find_folder
    from ordain.store.home import home as work_folder

    folder = find_folder(work_folder(home), name)
    _show(folder, with_quality=quality, json=json, is_fresh=watch)
    with contextlib.suppress(KeyboardInterrupt):
        while watch:
            time.sleep(_PAUSE_SECONDS)
            _show(folder, with_quality=quality, json=json, is_fresh=True)


def when(seconds: float) -> str:
    """Return a moment in local time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _show(folder: DeploymentFolder, *, with_quality: bool, json: bool, is_fresh: bool) -> None:
    from ordain.serving.rollout.standing import standing

    found = standing(folder, with_truth=with_quality)
    assert found is not None, "a deployment that was found was applied"
    judged = _quality(folder, found) if with_quality else []
    if json:
        more = {"quality": judged} if with_quality else {}
        print_json({**found.to_json(), **more})
        return
    if is_fresh:
        typer.echo("\x1b[2J\x1b[H", nl=False)
    _print(found)
    if with_quality:
        print_quality(judged)


def _quality(folder: DeploymentFolder, found: Standing) -> list[dict[str, Any]]:
    from ordain.serving.log.place import sink_of
    from ordain.serving.log.quality import quality

    sink = sink_of(found.applied.logging(), folder.home)
    return [one.to_json() for name in found.applied.models for one in quality(sink, name)]


def _print(found: Standing) -> None:
    applied = found.applied
    typer.echo(
        f"{applied.name}  generation {applied.generation}, since {when(applied.at)} by {applied.by}"
    )
    columns = ["model", "version", "arm", "share", "requests", "errors", "p50 ms", "p99 ms"]
    rows = [
        [
            row["model"],
            row["version"],
            row["arm"],
            _percent(row["share"]),
            row["requests"],
            _percent(row["errors"]),
            row["p50_ms"],
            row["p99_ms"],
        ]
        for row in found.rows
    ]
    print_table(columns, rows)
    for model, canary in found.canaries.items():
        _print_canary(model, canary)
    _print_workers(found)


def _print_canary(model: str, canary: dict[str, Any] | Any) -> None:
    told = f"canary {canary['version']} of {model}: {canary['state']}"
    if canary["state"] == "halted":
        typer.echo(f"{told} at {when(canary['halted_at'])} ({canary['test']})")
        typer.echo(f"  {canary['reason']}")
        return
    typer.echo(f"{told} since {when(canary['since'])}")
    for test in canary["tests"]:
        typer.echo(f"  {test}")


def _print_workers(found: Standing) -> None:
    generation = found.applied.generation
    workers = found.workers
    if not workers:
        typer.echo("no server runs; start one with: ordain serve DEPLOYMENT.yaml")
    else:
        behind = [one["worker"] for one in workers if one["generation"] != generation]
        late = f"; not at generation {generation} yet: {', '.join(behind)}" if behind else ""
        typer.echo(f"{len(workers)} worker{'s' if len(workers) != 1 else ''}{late}")
    if found.log:
        told = ", ".join(
            f"{found.log[key]:,} {text}"
            for key, text in (
                ("written", "predictions and outcomes written"),
                ("left_out", "left out by `sample`"),
                ("dropped", "dropped"),
                ("unwritable", "unwritable"),
            )
            if found.log.get(key) or key in {"written", "dropped"}
        )
        typer.echo(f"log: {told}")
    for problem in found.problems:
        typer.echo(f"warning: {problem}", err=True)


def print_quality(judged: list[dict[str, Any]]) -> None:
    """Print how good versions were, one row a version, arm and output."""
    metrics = list(dict.fromkeys(name for one in judged for name in one["metrics"]))
    columns = ["model", "version", "arm", "output", "predictions", "with outcome", "hours late"]
    rows = [
        [
            one["model"],
            one["version"],
            one["arm"],
            one["output"],
            one["predictions"],
            one["with_outcome"],
            one["hours_late"],
            *(one["metrics"].get(name) for name in metrics),
        ]
        for one in judged
    ]
    print_table([*columns, *metrics], rows)


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share * 100:.3g} %"
