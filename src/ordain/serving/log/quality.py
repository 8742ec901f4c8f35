"""How good each version is on what came true: from the log, by version and part of the traffic.

Shadows are judged as the others are, on the same rows as the version that answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from ordain.config.deployment import Halt
from ordain.serving.log.join import TRUTH, first_outcomes, last_outcomes, outputs_of, with_truth
from ordain.serving.log.place import Sink
from ordain.serving.log.read import read_outcomes, read_predictions
from ordain.serving.log.rows import INPUT, OUTPUT
from ordain.serving.rollout.halting import Labelled

_PREDICTION, _PROBABILITY = "_prediction", "_probability"


@dataclass(frozen=True)
class Quality:
    """How good a version was at an output.

    Attributes:
        model: name of the model.
        version: its label.
        arm: part of the traffic.
        output: name of the output.
        predictions: answered in the stretch of time.
        with_outcome: of those.
        metrics: by name: `accuracy`, `brier` and `log_loss` of classes, `mae`, `rmse` and `bias` of
            numbers.
        hours_late: median hours from prediction to outcome.
    """

    model: str
    version: str
    arm: str
    output: str
    predictions: int
    with_outcome: int
    metrics: Mapping[str, float]
    hours_late: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def quality(
    sink: Sink, model: str, *, since: float = 0.0, until: float | None = None
) -> list[Quality]:
    """Return how good each version was, by version, part of the traffic and output.

    Raises:
        StoreError: the log cannot be read.
    """
    logged = read_predictions(sink, model, since=since, until=until, inputs=())
    answered = logged.filter(pl.col("status") == "answered")
    outcomes = read_outcomes(sink, since=since)
    mine = outcomes.join(answered.select("prediction_id").unique(), on="prediction_id", how="semi")
    outputs = _predicted_outputs(answered) or outputs_of(mine)
    joined = with_truth(answered, last_outcomes(mine), outputs)
    found = []
    for (version, arm), rows in joined.group_by(["version", "arm"], maintain_order=True):
        found += [
            _judged(rows, name, model=model, version=str(version), arm=str(arm)) for name in outputs
        ]
    return sorted(found, key=lambda one: (one.output, one.arm != "champion", one.version))


def losses(
    sink: Sink,
    model: str,
    *,
    canary: str,
    champion: str,
    since: float,
    halt: Halt,
    sticky_by: str | None = None,
) -> Labelled | None:
    """Return the losses of a canary's trial, in the order in which the truth came.

    The first outcome of a prediction counts, so that what was looked at stays. With several outputs
    a row's loss is the mean over them.

    Args:
        sink: where the log is.
        model: name of the model.
        canary: label of the canary.
        champion: label of the champion.
        since: seconds since 1970 when the trial began.
        halt: says which metric.
        sticky_by: field by whose value was chosen: where the log has it, each value counts once.

    Returns:
        None where nothing was logged that the metric can be told of.
    """
    outcomes = first_outcomes(read_outcomes(sink, since=since))
    if not len(outcomes):
        return None
    logged = read_predictions(sink, model, since=since, inputs={sticky_by} if sticky_by else ())
    logged = logged.join(outcomes.select("prediction_id"), on="prediction_id", how="semi")
    is_side = (pl.col("arm") == "canary") & (pl.col("version") == canary)
    is_other = pl.col("arm").is_in(["champion", "a"]) & (pl.col("version") == champion)
    answered = logged.filter((pl.col("status") == "answered") & (is_side | is_other))
    outputs = _predicted_outputs(answered)
    if not outputs:
        return None
    joined = with_truth(answered, outcomes, outputs)
    metric = _metric_of(halt, joined, outputs)
    if metric is None:
        return None
    told = joined.with_columns(
        pl.mean_horizontal(
            *(_loss(joined, name, metric, scale=halt.error_scale or 1.0) for name in outputs)
        ).alias("loss")
    )
    told = told.filter(pl.col("loss").is_not_null()).sort("outcome_at", maintain_order=True)
    key = f"{INPUT}{sticky_by}"
    if key in told.columns:
        has_none = told[key].is_null()
        first = told[key].is_first_distinct()
        told = told.filter(first | has_none)
    sides = [told.filter(part)["loss"].to_list() for part in (is_side, is_other)]
    return Labelled(metric, *sides)


def _judged(rows: pl.DataFrame, name: str, *, model: str, version: str, arm: str) -> Quality:
    known = rows.filter(pl.col(f"{TRUTH}{name}").is_not_null())
    metrics = dict(_metrics(known, name)) if len(known) else {}
    late = (known["outcome_at"] - known["at"]).dt.total_seconds() / 3600
    return Quality(
        model,
        version,
        arm,
        name,
        len(rows),
        len(known),
        {key: float(value) for key, value in metrics.items() if value is not None},
        float(late.median()) if len(known) else None,  # type: ignore[arg-type]
    )


def _metrics(known: pl.DataFrame, name: str) -> Iterator[tuple[str, Any]]:
    if _is_number(known, name):
        error = known.select(_difference(name))[:, 0]
        yield "mae", error.abs().mean()
        yield "rmse", (error**2).mean() ** 0.5 if error.count() else None  # type: ignore[operator]
        yield "bias", error.mean()
        return
    right = known.select(_is_right(name))[:, 0]
    yield "accuracy", right.mean()
    classes = _classes(known, name)
    if classes:
        yield "brier", known.select(_brier(name, classes))[:, 0].mean()
        given = _given(name, classes)
        yield "log_loss", known.select(-given.clip(1e-15, 1.0).log())[:, 0].mean()


def _predicted_outputs(logged: pl.DataFrame) -> list[str]:
    ends = f"{_PREDICTION}"
    return [
        name.removeprefix(OUTPUT).removesuffix(ends)
        for name in logged.columns
        if name.startswith(OUTPUT) and name.endswith(ends)
    ]


def _metric_of(halt: Halt, joined: pl.DataFrame, outputs: Sequence[str]) -> str | None:
    """Return the metric to compare; None where the outputs have none."""
    numbers = [_is_number(joined, name) for name in outputs]
    if halt.metric == "absolute_error":
        return "absolute_error" if all(numbers) else None
    if any(numbers):
        return None
    if halt.metric != "auto":
        return halt.metric
    return "brier" if all(_classes(joined, name) for name in outputs) else "accuracy"


def _loss(rows: pl.DataFrame, name: str, metric: str, *, scale: float) -> pl.Expr:
    """Return the loss of each row, 0 to 1, null without truth."""
    if metric == "absolute_error":
        return (_difference(name).abs() / scale).clip(0.0, 1.0)
    if metric == "brier":
        return _brier(name, _classes(rows, name))
    return 1.0 - _is_right(name).cast(pl.Float64)


def _is_number(rows: pl.DataFrame, name: str) -> bool:
    dtype = rows.schema.get(f"{OUTPUT}{name}{_PREDICTION}", pl.Null())
    return dtype.is_numeric() and f"{OUTPUT}{name}{_PROBABILITY}" not in rows.columns


def _classes(rows: pl.DataFrame, name: str) -> dict[str, str]:
    """Return class to column of its probability."""
    start = f"{OUTPUT}{name}{_PROBABILITY}_"
    return {c.removeprefix(start): c for c in rows.columns if c.startswith(start)}


def _difference(name: str) -> pl.Expr:
    truth = pl.col(f"{TRUTH}{name}").cast(pl.Float64, strict=False)
    return pl.col(f"{OUTPUT}{name}{_PREDICTION}").cast(pl.Float64) - truth


def _is_right(name: str) -> pl.Expr:
    predicted = pl.col(f"{OUTPUT}{name}{_PREDICTION}").cast(pl.String)
    return _label(predicted) == _label(pl.col(f"{TRUTH}{name}"))


def _given(name: str, classes: Mapping[str, str]) -> pl.Expr:
    """Return the probability that was given to the truth; 0 for a class that was not known."""
    truth = _label(pl.col(f"{TRUTH}{name}"))
    chosen = [pl.when(truth == label).then(pl.col(column)) for label, column in classes.items()]
    found = pl.coalesce(*(one.otherwise(None) for one in chosen))
    return pl.when(truth.is_null()).then(None).otherwise(found.fill_null(0.0))


def _brier(name: str, classes: Mapping[str, str]) -> pl.Expr:
    """Return half the squared distance of the probabilities from the truth, 0 to 1."""
    squares = pl.sum_horizontal(
        *(pl.col(column).fill_null(0.0) ** 2 for column in classes.values())
    )
    return (squares - 2 * _given(name, classes) + 1.0) / 2


def _label(text: pl.Expr) -> pl.Expr:
    """Return labels as one spelling: a whole number with a point is the whole number."""
    return text.str.replace(r"^(-?\d+)\.0+$", "$1")
