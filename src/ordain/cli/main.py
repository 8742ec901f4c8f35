"""The `ordain` command: every subcommand, and what happens to an error."""

from __future__ import annotations

import errno
import importlib
import json
import os
import sys
from typing import Any

import typer

from ordain.cli import (
    apply_patch,
    cache,
    check,
    compare,
    datasets,
    diagnose,
    diff,
    errors,
    evaluate,
    explain,
    init,
    plan,
    predict,
    render,
    report,
    reproduce,
    runs,
    schema,
    score,
    synthesize,
    trace,
    train,
    visualize,
    why,
)
from ordain.cli.deferred import defer
from ordain.core.errors import OrdainError, UsageError
from ordain.core.files import error_number, store_error

_CALL_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
"""A call that cannot be understood; Typer offers no name of its own for it."""

app = typer.Typer(
    name="ordain",
    help="Declare what to predict; get a trained, judged model as data.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(init.init)
app.command("check")(check.check)
app.command("render")(render.render)
app.command("schema")(schema.schema)
app.command("plan")(plan.plan)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("score")(score.score)
app.command("errors")(errors.errors)
app.command("visualize")(visualize.visualize)
app.command("predict")(predict.predict)
app.command("report")(report.report)
app.command("explain")(explain.explain)
app.command("trace")(trace.trace)
app.command("preview")(trace.preview)
app.command("compare")(compare.compare)
app.command("why")(why.why)
app.command("diagnose")(diagnose.diagnose)
app.command("apply-patch")(apply_patch.apply_patch)
app.add_typer(runs.app, name="runs")
app.command("reproduce")(reproduce.reproduce)
app.command("diff")(diff.diff)
app.command("synthesize")(synthesize.synthesize)
app.command("datasets")(datasets.datasets)
app.add_typer(cache.app, name="cache")


@app.callback(invoke_without_command=True)
def top(
    *, version: bool = typer.Option(False, "--version", help="Print the version and end.")
) -> None:
    """Declare what to predict; get a trained, judged model as data."""
    if version:
        typer.echo(importlib.import_module("importlib.metadata").version("ordain"))
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Most modules only name it: a config without data is checked in three quarters of the time.
    defer("polars")
    try:
        _run(arguments)
    except OrdainError as error:
        fail(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except OSError as error:
        number = error_number(error)
        if number is None:
            raise
        if number == errno.EPIPE:  # the reader of a pipe has gone
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        known = store_error(number, error.filename or "the output")
        fail(known, as_json="--json" in arguments)


def _run(arguments: list[str]) -> None:
    """Run a command; with --json, a call that cannot be understood is told as JSON too."""
    if "--json" not in arguments:
        app(arguments, standalone_mode=True)
        return
    try:
        code = app(arguments, standalone_mode=False)
    except _CALL_ERROR as error:
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        fail(UsageError(said), as_json=True)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    sys.exit(code if isinstance(code, int) else 0)


def fail(error: OrdainError, *, as_json: bool) -> None:
    """Print an error for a person, or as one JSON object, and end with its exit code."""
    typer.echo(error.message, err=True)
    if as_json:
        record: dict[str, Any] = {
            "error": {
                "type": type(error).__name__,
                "message": error.message,
                "diagnostics": [diagnostic.to_json() for diagnostic in error.diagnostics],
            }
        }
        typer.echo(json.dumps(record, ensure_ascii=False))
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
