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
    bench_serve,
    cache,
    check,
    compare,
    datasets,
    deploy,
    diagnose,
    diff,
    errors,
    evaluate,
    explain,
    export,
    init,
    keys,
    log,
    plan,
    predict,
    promote,
    register,
    render,
    report,
    reproduce,
    rollback,
    runs,
    schema,
    score,
    serve,
    sign,
    status,
    synthesize,
    trace,
    train,
    verify,
    versions,
    visualize,
    why,
)
from ordain.cli.deferred import defer
from ordain.cli.panels import DECLARE, JUDGE, TRAIN, USE, Panels
from ordain.core.errors import MissingExtraError, OrdainError, UsageError
from ordain.core.files import error_number, store_error

_CALL_ERROR: type[Exception] = typer.BadParameter.__bases__[0]
"""A call that cannot be understood; Typer offers no name of its own for it."""

app = typer.Typer(
    name="ordain",
    cls=Panels,
    help="Declare what to predict; get a trained, judged model as data.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init", rich_help_panel=DECLARE)(init.init)
app.command("check", rich_help_panel=DECLARE)(check.check)
app.command("render", rich_help_panel=DECLARE)(render.render)
app.command("schema", rich_help_panel=DECLARE)(schema.schema)
app.command("plan", rich_help_panel=DECLARE)(plan.plan)
app.command("preview", rich_help_panel=DECLARE)(trace.preview)
app.command("diff", rich_help_panel=DECLARE)(diff.diff)
app.command("synthesize", rich_help_panel=DECLARE)(synthesize.synthesize)
app.command("datasets", rich_help_panel=DECLARE)(datasets.datasets)
app.command("train", rich_help_panel=TRAIN)(train.train)
app.add_typer(runs.app, name="runs", rich_help_panel=TRAIN)
app.command("reproduce", rich_help_panel=TRAIN)(reproduce.reproduce)
app.add_typer(cache.app, name="cache", rich_help_panel=TRAIN)
app.command("evaluate", rich_help_panel=JUDGE)(evaluate.evaluate)
app.command("report", rich_help_panel=JUDGE)(report.report)
app.command("compare", rich_help_panel=JUDGE)(compare.compare)
app.command("why", rich_help_panel=JUDGE)(why.why)
app.command("explain", rich_help_panel=JUDGE)(explain.explain)
app.command("trace", rich_help_panel=JUDGE)(trace.trace)
app.command("errors", rich_help_panel=JUDGE)(errors.errors)
app.command("diagnose", rich_help_panel=JUDGE)(diagnose.diagnose)
app.command("apply-patch", rich_help_panel=JUDGE)(apply_patch.apply_patch)
app.command("score", rich_help_panel=JUDGE)(score.score)
app.command("visualize", rich_help_panel=JUDGE)(visualize.visualize)
app.command("predict", rich_help_panel=USE)(predict.predict)
app.command("register", rich_help_panel=USE)(register.register)
app.command("promote", rich_help_panel=USE)(promote.promote)
app.command("versions", rich_help_panel=USE)(versions.versions)
app.command("rollback", rich_help_panel=USE)(rollback.rollback)
app.command("export", rich_help_panel=USE)(export.export)
app.command("sign", rich_help_panel=USE)(sign.sign)
app.command("verify", rich_help_panel=USE)(verify.verify)
app.command("serve", rich_help_panel=USE)(serve.serve)
app.command("bench-serve", rich_help_panel=USE)(bench_serve.bench_serve)
app.add_typer(keys.app, name="keys", rich_help_panel=USE)
app.command("deploy", rich_help_panel=USE)(deploy.deploy)
app.command("status", rich_help_panel=USE)(status.status)
app.add_typer(log.app, name="log", rich_help_panel=USE)

_SERVING = ("uvicorn", "msgspec", "prometheus_client", "uvloop", "httptools", "starlette")
"""Packages of the extra `serve`: commands about a server import them where they need them."""


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
    except ModuleNotFoundError as error:
        if error.name not in _SERVING:
            raise
        purpose = f"`ordain {arguments[0]}`"
        missing = MissingExtraError.for_package(error.name, extra="serve", purpose=purpose)
        fail(missing, as_json="--json" in arguments)
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
