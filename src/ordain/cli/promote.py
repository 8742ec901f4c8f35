"""`ordain promote`: point an alias at a version, if what must hold does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json, Registry

if TYPE_CHECKING:
    from ordain.pipeline.promote import NotPromotedError


def promote(
    name: Annotated[str, typer.Argument(help="The model, as `churn`, or `churn/3`.")],
    version: Annotated[
        str | None,
        typer.Argument(help="Its version: a number, or an alias such as challenger."),
    ] = None,
    to: Annotated[str, typer.Option("--to", help="The alias.", metavar="ALIAS")] = "champion",
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            help="Rows to compare on; by default test rows of its run that the version it replaces "
            "has not learned from.",
            metavar="DATA",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Do it where something is not met; this is recorded.")
    ] = False,
    note: Annotated[str, typer.Option("--note", help="Why; kept in the audit.")] = "",
    registry: Registry = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Point an alias at a version; exit code 3 if a gate is not met.

    Its run must have met the gates of the config and failed no sanity check, and it must not be
    shown to be worse than the version it replaces, on the same rows.
    """
    from ordain.cli.judged import show_gates
    from ordain.pipeline.promote import NotPromotedError
    from ordain.pipeline.promote import promote as run_promote

    try:
        done = run_promote(
            name, version, to=to, data=dataset, force=force, note=note, home=home, registry=registry
        )
    except NotPromotedError as error:
        if json:
            print_json(_refused(error))
            raise typer.Exit(error.exit_code) from error
        show_gates(error.conditions, title="conditions")
        raise
    if json:
        print_json(done.to_json())
        return
    show_gates(done.conditions, title="conditions")
    for told in done.notes:
        typer.echo(f"note: {told}")
    reference = done.version.reference
    if done.line is None:
        typer.echo(f"`{to}` of {done.version.name} is {reference} already")
        return
    before = f", before {done.version.name}/{done.previous}" if done.previous else ""
    typer.echo(f"`{to}` of {done.version.name} is {reference}{before}")
    for one in done.failed:
        typer.echo(f"warning: forced, not met: {one.name}: {one.reason}", err=True)
    if done.failed and not note:
        typer.echo("warning: no reason is recorded; give one with --note", err=True)


def _refused(error: NotPromotedError) -> dict[str, Any]:
    return {
        "changed": False,
        "conditions": [one.to_json() for one in error.conditions],
        "notes": list(error.notes),
        "error": {"type": type(error).__name__, "message": error.message, "diagnostics": []},
    }
