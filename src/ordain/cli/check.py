"""`ordain check`: every fault of a config at once."""

from __future__ import annotations

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Config, Dataset, Environment, Json, Overrides

UNREADABLE = "E400"
"""Code of data that cannot be read: no fault of the config, so the command ends as `train` does."""


def check(
    config: Config,
    override: Overrides = None,
    dataset: Dataset = None,
    env: Environment = None,
    *,
    json: Json = False,
) -> None:
    """Report every fault of a config at once, with its line, what is allowed, and the fix.

    With --dataset, or where the config names its data, columns and values are checked too. The
    config is checked in all its environments, the data in the one that counts.
    """
    from ordain.core.diagnostics import format_diagnostics
    from ordain.pipeline.check import check as run_check

    found = run_check(config, dataset, overrides=override or (), environment=env)
    errors = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    if json:
        print_json(
            {"ok": not errors, "diagnostics": [diagnostic.to_json() for diagnostic in found]}
        )
    else:
        if found:
            typer.echo(format_diagnostics(found) + "\n")
        warnings = len(found) - len(errors)
        said = (
            [f"{len(errors)} error{'s' if len(errors) != 1 else ''}"] if errors else ["no errors"]
        )
        if warnings:
            said.append(f"{warnings} warning{'s' if warnings != 1 else ''}")
        typer.echo(f"{config}: {', '.join(said)}")
    is_unread = all(diagnostic.code == UNREADABLE for diagnostic in errors)
    raise typer.Exit((1 if is_unread else 2) if errors else 0)
