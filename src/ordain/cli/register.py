"""`ordain register`: the bundle of a run as the next version of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import number, print_json
from ordain.cli.options import Home, Json, Registry
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.store.registry import ModelVersion

N_METRICS = 3


def register(
    run: Annotated[str, typer.Argument(help="A run, or a bundle folder.", metavar="RUN")],
    name: Annotated[
        str | None,
        typer.Option("--name", help="Of the model; the config's name by default."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What is to be known of the version.")] = "",
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="A tag; may be given again.", metavar="KEY=VALUE"),
    ] = None,
    registry: Registry = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Register a run's bundle as the next version of a model, with its lineage and its gates.

    The bundle is copied, so that the run may go. The first use of a registry makes its database,
    which takes some seconds.
    """
    from ordain.pipeline.register import register as run_register

    tags = dict(map(_key_and_value, tag or ()))
    made = run_register(run, name, note=note, tags=tags, home=home, registry=registry)
    if json:
        print_json(made.to_json())
    else:
        typer.echo(f"registered {made.reference}")
        for other in _same(made, home, registry):
            typer.echo(f"note: {other} is the same bundle")
        show_version(made)
        typer.echo(f"next    ordain promote {made.name} {made.version} --to champion")
    for gate in made.failed:
        typer.echo(f"warning: not met: {gate.name}: {gate.reason}", err=True)
    if made.failed:
        typer.echo("warning: `ordain promote` will refuse this version without --force", err=True)


def _same(made: ModelVersion, home: str | None, registry: str | None) -> list[str]:
    """Return the other versions of the model that are the same bundle, newest first."""
    from ordain.store.registry import open_registry

    known = open_registry(home, registry).versions(made.name)
    return [
        one.reference
        for one in known
        if one.lineage.bundle == made.lineage.bundle and one.version != made.version
    ]


def show_version(made: ModelVersion) -> None:
    """Print where a version comes from, a line each."""
    lineage = made.lineage
    commit = f"{lineage.commit[:12]}{' with changes' if lineage.has_changes else ''}"
    for label, value in (
        ("aliases", ", ".join(made.aliases)),
        ("run", lineage.run),
        ("metrics", "\n        ".join(metrics_in_words(made))),
        ("data", lineage.data),
        ("config", lineage.config[:32]),
        ("commit", commit),
        ("bundle", str(made.bundle)),
        ("by", f"{made.by}, {made.when}"),
        ("tags", ", ".join(f"{key}={value}" for key, value in made.tags.items())),
        ("note", made.note),
    ):
        if value:
            typer.echo(f"{label:<8}{value}")


def metrics_in_words(version: ModelVersion) -> list[str]:
    """Return the first metrics of a version with their intervals, a line each."""
    told = []
    for one in version.metrics[:N_METRICS]:
        if one.value is None:
            continue
        text = f"{one.output}.{one.metric} {number(one.value)}"
        if one.low is not None and one.high is not None:
            text += f" ({number(one.low)} to {number(one.high)})"
        told.append(f"{text} on {version.set}" if version.set else text)
    return told


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"'{text}' is no tag\n  Fix: --tag KEY=VALUE, such as --tag team=risk")
    return key.strip(), value.strip()
