"""`ordain log`: what was predicted and what came true, as tables."""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ordain.cli.console import print_json
from ordain.cli.options import Home, Json, Registry
from ordain.core.errors import UsageError

if TYPE_CHECKING:
    from ordain.serving.log.origin import Origin
    from ordain.serving.log.place import Sink

app = typer.Typer(
    no_args_is_help=True, help="Export predictions with their outcomes.", rich_markup_mode=None
)
Model = Annotated[str, typer.Option("--model", help="The model, by the name it is served under.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="First prediction: 2026-11-01, 2026-11-01T06:00, or 7d, 12h, 30m ago.",
        metavar="WHEN",
    ),
]
Until = Annotated[str | None, typer.Option("--until", help="Last prediction.", metavar="WHEN")]
SinkOption = Annotated[
    str | None,
    typer.Option(
        "--sink",
        help="Where the log is: a folder, or a url of PostgreSQL; that of the deployment by "
        "default.",
        metavar="SINK",
    ),
]
Deployment = Annotated[
    str | None,
    typer.Option("--deployment", help="Whose log, if there are several.", metavar="NAME"),
]
_AGO = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WRITERS = {".parquet": "write_parquet", ".csv": "write_csv", ".jsonl": "write_ndjson"}


@app.command()
def export(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", help="A .parquet, .csv or .jsonl file.", metavar="FILE")
    ],
    since: Since = None,
    until: Until = None,
    bundle: Annotated[
        str | None,
        typer.Option(
            "--bundle",
            help="A version whose training names columns and types; the champion by default.",
            metavar="BUNDLE",
        ),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Add ids, times, versions and parts of the traffic.")
    ] = False,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Keep rows whose outcome has not come.")
    ] = False,
    sink: SinkOption = None,
    deployment: Deployment = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Write predictions joined with their outcomes as a table to train on.

    Columns are called as in the training data; the outcome stands under the name of the output. Of
    several outcomes the last counts.
    """
    from ordain.serving.log.join import export as run_export

    write = _WRITERS.get(output.suffix.lower())
    if write is None:
        raise UsageError(
            f"'{output}' must end with one of {', '.join(_WRITERS)}\n  Fix: --output table.parquet"
        )
    found = run_export(
        _sink(sink, deployment, home),
        model,
        since=moment(since) or 0.0,
        until=moment(until),
        bundle=_bundle(bundle, model, deployment, home),
        with_details=details,
        with_unlabelled=unlabelled,
    )
    from ordain.core.files import atomic_file

    with atomic_file(output) as file:
        getattr(found.table, write)(file)
    told = {
        "model": model,
        "output": str(output),
        "rows": len(found.table),
        "predictions": found.n_predictions,
        "with_outcome": found.n_with_outcome,
        "replaced": found.n_replaced,
        "missing": list(found.missing),
        "unread": dict(found.unread),
    }
    if json:
        print_json(told)
        return
    typer.echo(
        f"{output}: {len(found.table):,} rows; {found.n_with_outcome:,} of {found.n_predictions:,} "
        f"predictions have an outcome, {found.n_replaced:,} more than one, of which the last counts"
    )
    if found.missing:
        typer.echo(f"warning: the log does not have: {', '.join(found.missing)}", err=True)
    for column, count in found.unread.items():
        typer.echo(f"warning: {count:,} cells of `{column}` are not of its type", err=True)


@app.command()
def quality(
    model: Annotated[
        str | None, typer.Option("--model", help="The model; all of them by default.")
    ] = None,
    since: Since = None,
    until: Until = None,
    sink: SinkOption = None,
    deployment: Deployment = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show how good each version was on what came true, shadows too."""
    from ordain.cli.status import print_quality
    from ordain.serving.log.quality import quality as run_quality
    from ordain.serving.log.read import logged_models

    place = _sink(sink, deployment, home)
    names = [model] if model else logged_models(place)
    judged = [
        one.to_json()
        for name in names
        for one in run_quality(place, name, since=moment(since) or 0.0, until=moment(until))
    ]
    if json:
        print_json({"quality": judged})
        return
    if judged:
        print_quality(judged)
    else:
        of = f" of '{model}'" if model else ""
        typer.echo(f"nothing{of} was logged in {place} in that time")


@app.command()
def show(
    prediction_id: Annotated[
        str, typer.Argument(help="As the answer gave it.", metavar="PREDICTION_ID")
    ],
    sink: SinkOption = None,
    deployment: Deployment = None,
    registry: Registry = None,
    home: Home = None,
    *,
    json: Json = False,
) -> None:
    """Show one prediction, what came true of it, and where it comes from, down to the data."""
    from ordain.serving.log.origin import origin_of
    from ordain.store.home import home as work_folder

    place = _sink(sink, deployment, home)
    found = origin_of(place, prediction_id, home=work_folder(home), registry=registry)
    if json:
        print_json({"predictions": [one.to_json() for one in found]})
        return
    for one in found:
        _print_origin(one)


def _print_origin(one: Origin) -> None:
    """Print an answer, a line for each thing that is known of it."""
    from ordain.cli.console import print_table

    row, came = one.row, one.came
    answer = {k: v for k, v in one.outputs.items() if v is not None}
    told = [
        ("prediction", row["prediction_id"]),
        ("when", row["at"].astimezone().isoformat(sep=" ", timespec="milliseconds")),
        ("model", f"{row['model']} version {row['version']} ({row['arm']})"),
        ("status", f"{row['status']} in {row['latency_ms']:.2f} ms, for {row['caller']}"),
        ("request", row["request_id"]),
        ("unusual", ", ".join(row["flags"] or ())),
        ("error", row["error_id"]),
    ]
    for number, outcome in enumerate(one.outcomes, 1):
        values = ", ".join(f"{name}: {value}" for name, value in outcome["values"].items())
        came_at = outcome["at"].astimezone().isoformat(sep=" ", timespec="seconds")
        told.append((f"truth {number}", f"{values}, told {came_at} by {outcome['caller']}"))
    if came.deployment:
        told.append(("served", f"{came.deployment}, generation {came.generation}"))
    changed = {False: " (changed since: not what answered)", None: " (gone)"}
    if came.bundle:
        told.append(("bundle", f"{came.bundle}{changed.get(came.is_unchanged, '')}"))
    lineage = came.lineage
    if lineage is not None:
        told += [
            ("digest", lineage.bundle),
            ("run", lineage.run),
            ("data", lineage.data),
            ("config", lineage.config),
            ("commit", f"{lineage.commit}{' with changes' if lineage.has_changes else ''}"),
            ("trained by", f"ordain {lineage.ordain}, {lineage.family}"),
        ]
    else:
        told.append(("origin", "no deployment or registry of this work folder knows the version"))
    for label, value in told:
        if value:
            typer.echo(f"{label:<12}{value}")
    print_table(["field", "value"], [[k, v] for k, v in one.inputs.items()], title="inputs")
    print_table(["output", "value"], [[k, v] for k, v in answer.items()], title="answer")


@app.command()
def models(
    sink: SinkOption = None, deployment: Deployment = None, home: Home = None, *, json: Json = False
) -> None:
    """List the models that have a log."""
    from ordain.serving.log.read import logged_models

    place = _sink(sink, deployment, home)
    names = logged_models(place)
    if json:
        print_json({"sink": str(place), "models": names})
        return
    for name in names:
        typer.echo(name)
    if not names:
        typer.echo(f"nothing was logged in {place}")


def moment(text: str | None, *, now: float | None = None) -> float | None:
    """Return what a user means by a time, in seconds since 1970; local time where no zone is said.

    Raises:
        UsageError: it is neither a date nor a length of time.
    """
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return (time.time() if now is None else now) - int(ago[1]) * _SECONDS[ago[2]]
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"'{text}' is not a time\n  Possible: 2026-11-01, 2026-11-01T06:00, 7d, 12h, 30m"
        ) from error
    return found.timestamp()


def _sink(sink: str | None, deployment: str | None, home: str | None) -> Sink:
    from ordain.config.deployment import PredictionLogging
    from ordain.serving.log.place import sink_of
    from ordain.serving.rollout.folder import deployments, find_folder
    from ordain.store.home import home as work_folder

    folder = work_folder(home)
    if sink is None and (deployment is not None or deployments(folder)):
        applied = find_folder(folder, deployment).read()
        assert applied is not None, "a deployment that was found was applied"
        return sink_of(applied.logging(), folder)
    return sink_of(PredictionLogging(sink=sink), folder)


def _bundle(
    bundle: str | None, model: str, deployment: str | None, home: str | None
) -> Path | None:
    """Return the bundle that names columns: the one given, or the champion of what is deployed."""
    from ordain.serving.rollout.folder import deployments, find_folder
    from ordain.store.home import home as work_folder

    if bundle is not None:
        from ordain.store.find import bundle_folder

        return bundle_folder(bundle, home)
    folder = work_folder(home)
    if deployment is None and len(deployments(folder)) != 1:
        return None
    applied = find_folder(folder, deployment).read()
    known = applied.models.get(model) if applied else None
    return Path(known.champion.bundle) if known else None
