"""`ordain cache`: the artefacts of earlier stages."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json, print_table, size
from ordain.cli.options import Home, Json
from ordain.core.diagnostics import nearest
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.pipeline.cache import Cache

app = typer.Typer(
    no_args_is_help=True, help="See, check and empty the cache of stages.", rich_markup_mode=None
)


@app.command("list")
def list_(home: Home = None, *, json: Json = False) -> None:
    """List what the cache holds; all of it may be deleted at any time."""
    entries = _cache(home).entries()
    if json:
        print_json(
            {"artefacts": [{**vars(entry), "folder": str(entry.folder)} for entry in entries]}
        )
        return
    rows = [
        [
            entry.stage,
            entry.subject,
            size(entry.size_bytes),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.created)),
            entry.key[:12],
        ]
        for entry in entries
    ]
    print_table(["stage", "of", "size", "made", "key"], rows)
    typer.echo(f"{len(entries)} artefacts, {size(sum(entry.size_bytes for entry in entries))}")


@app.command()
def clear(
    stage: Annotated[str | None, typer.Argument(help="Only this stage.", metavar="STAGE")] = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Delete artefacts; runs and bundles are not touched."""
    cache = _cache(home)
    if stage is not None:
        _require_stage(stage, [entry.stage for entry in cache.entries()])
    freed = cache.clear(stage)
    print_json({"freed_bytes": freed}) if json else typer.echo(f"freed {size(freed)}")


@app.command()
def verify(home: Home = None, *, json: Json = False) -> None:
    """Check every artefact against the digests written when it was made."""
    cache = _cache(home)
    faults = cache.verify()
    if json:
        print_json({"ok": not faults, "faults": faults})
    else:
        for fault in faults:
            typer.echo(fault)
        typer.echo(
            f"{len(faults)} damaged"
            if faults
            else f"{len(cache.entries())} artefacts, all as written"
        )
        if faults:
            typer.echo("Fix: ordain cache clear", err=True)
    raise typer.Exit(1 if faults else 0)


def _require_stage(stage: str, present: list[str]) -> None:
    stages = list(dict.fromkeys(present))
    if stage in stages:
        return
    close = nearest(stage, stages)
    hint = f" Did you mean '{close}'?" if close else ""
    raise UsageError(
        f"the cache holds nothing of a stage '{stage}'.{hint}\n"
        f"  Stages it holds: {', '.join(sorted(stages)) or 'none, it is empty'}"
    )


def _cache(home: str | None) -> Cache:
    from ordain.pipeline.cache import Cache
    from ordain.store.home import home as work_folder

    return Cache(work_folder(home) / "cache")
