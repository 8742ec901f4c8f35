"""`ordain status`: how what is deployed stands."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import print_json, print_table
from ordain.cli.options import Home, Json

if TYPE_CHECKING:
    from ordain.serving.rollout.folder import DeploymentFolder
    from ordain.serving.rollout.standing import Standing
    from ordain.serving.running import RunningServer

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
    """Show versions, shares, requests, errors, latencies, halts and workers of a deployment.

    Servers of the work folder that run without a deployment are listed below it.
    """
    from ordain.store.home import home as work_folder

    folder = work_folder(home)
    _show(folder, name, with_quality=quality, json=json, is_fresh=watch)
    with contextlib.suppress(KeyboardInterrupt):
        while watch:
            time.sleep(_PAUSE_SECONDS)
            _show(folder, name, with_quality=quality, json=json, is_fresh=True)


def when(seconds: float) -> str:
    """Return a moment in local time, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _show(home: Path, name: str | None, *, with_quality: bool, json: bool, is_fresh: bool) -> None:
    from ordain.serving.rollout.folder import deployments, find_folder
    from ordain.serving.rollout.standing import standing
    from ordain.serving.running import running

    servers = running(home)
    is_alone = bool(servers) and not (name or with_quality or deployments(home))
    folder = None if is_alone else find_folder(home, name)
    found = standing(folder, with_truth=with_quality) if folder else None
    judged = _quality(folder, found) if folder and found and with_quality else []
    if json:
        own = found.to_json() if found else {"deployment": None}
        more = {"quality": judged} if with_quality else {}
        print_json({**own, **more, "servers": [one.to_json() for one in servers]})
        return
    if is_fresh:
        typer.echo("\x1b[2J\x1b[H", nl=False)
    if found:
        _print(found)
    if with_quality:
        print_quality(judged)
    _print_servers(servers)


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
        typer.echo(f"no server runs it; start one with: ordain serve {found.applied.name}")
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


def _print_servers(servers: Sequence[RunningServer]) -> None:
    """Print the servers that run without a deployment, one row a model."""
    columns = ["address", "model", "version", "since", "pid", "workers"]
    rows = [
        [server.address, model.name, model.version, when(server.since), str(server.pid),
         server.n_workers]
        for server in servers
        for model in server.models
    ]  # fmt: skip
    if rows:
        print_table(columns, rows, title="servers without a deployment")


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
    return f"{share * 100:.3g}%"
