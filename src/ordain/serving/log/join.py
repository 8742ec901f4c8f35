"""Joins predictions with what came true of them, into a table that can be trained on.

Of the outcomes of one prediction the last to come counts; all of them are kept in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError
from ordain.core.files import read_json
from ordain.serving.log.place import Sink
from ordain.serving.log.read import columns_of, read_outcomes, read_predictions
from ordain.serving.log.rows import INPUT, OUTPUT
from ordain.store.bundle import GOLDEN

TRUTH = "truth."
"""What names of columns with outcomes begin with, before the name of the output."""
DETAILS = ("prediction_id", "request_id", "at", "version", "arm", "status", "outcome_at")
"""Columns beside those of a training, on request."""


@dataclass(frozen=True)
class Exported:
    """A table to train on.

    Attributes:
        table: inputs under their names, outcomes under those of the outputs.
        n_predictions: answered in the stretch of time.
        n_with_outcome: of those.
        n_replaced: predictions with more than one outcome, of which the last counts.
        missing: columns of the training that the log does not have, such as those never kept.
        unread: cells that are not of the training's type and became missing, by column.
    """

    table: pl.DataFrame
    n_predictions: int
    n_with_outcome: int
    n_replaced: int
    missing: tuple[str, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)


def last_outcomes(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return one row a prediction: the outcome that came last, and how many came.

    Columns: ``prediction_id``, ``values`` (JSON), ``outcome_at``, ``n_outcomes``.
    """
    return (
        outcomes.sort("at", maintain_order=True)
        .group_by("prediction_id", maintain_order=True)
        .agg(
            pl.col("values").last(),
            pl.col("at").last().alias("outcome_at"),
            pl.len().alias("n_outcomes"),
        )
    )


def first_outcomes(outcomes: pl.DataFrame) -> pl.DataFrame:
    """Return one row a prediction: the outcome that came first; see `last_outcomes`.

    What a test that runs all the time has looked at must not change behind it.
    """
    return (
        outcomes.sort("at", maintain_order=True)
        .unique("prediction_id", keep="first", maintain_order=True)
        .rename({"at": "outcome_at"})
        .select("prediction_id", "values", "outcome_at")
    )


def with_truth(
    predictions: pl.DataFrame, outcomes: pl.DataFrame, outputs: Sequence[str]
) -> pl.DataFrame:
    """Return predictions with ``truth.<output>`` as text, null where nothing came.

    Args:
        predictions: rows of a log.
        outcomes: one row a prediction.
        outputs: names of the outputs.
    """
    joined = predictions.join(outcomes, on="prediction_id", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col("values").str.json_path_match(_json_path(name)).alias(f"{TRUTH}{name}")
        for name in outputs
    )


def columns_of_prediction(
    row: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a row of a log in its parts: what is known of it, inputs, outputs."""
    parts: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {})
    for name, value in row.items():
        place = 1 if name.startswith(INPUT) else 2 if name.startswith(OUTPUT) else 0
        prefix = ("", INPUT, OUTPUT)[place]
        if place == 0 or value is not None:
            parts[place][name.removeprefix(prefix)] = value
    return parts


def values_of(written: str) -> dict[str, Any]:
    """Return the values of an outcome, by the name of each output."""
    values: dict[str, Any] = json.loads(written)
    return values


def outputs_of(outcomes: pl.DataFrame) -> list[str]:
    """Return the names of outputs that outcomes tell of, in the order they are met."""
    names = outcomes["values"].str.extract_all(r'"((?:[^"\\]|\\.)*)"\s*:').explode().drop_nulls()
    plain = names.str.strip_suffix(":").str.strip_chars(' "')
    return plain.unique(maintain_order=True).to_list()


def export(
    sink: Sink,
    model: str,
    *,
    since: float = 0.0,
    until: float | None = None,
    bundle: Path | None = None,
    with_details: bool = False,
    with_unlabelled: bool = False,
) -> Exported:
    """Return what was predicted and came true as a table that can be trained on.

    Answers that nobody saw (shadows) and those of a fallback are left out: a row is there once.

    Args:
        sink: where the log is.
        model: name of the model.
        since: seconds since 1970 of the first prediction.
        until: of the last; None for all.
        bundle: whose training names the columns and their types; as they were logged by default.
        with_details: whether ids, times and versions stand beside, see `DETAILS`.
        with_unlabelled: whether rows without an outcome are there too.

    Raises:
        DataError: nothing of the model was logged in that time.
        StoreError: the log cannot be read.
    """
    logged = read_predictions(sink, model, since=since, until=until)
    answered = logged.filter((pl.col("status") == "answered") & (pl.col("arm") != "shadow"))
    if not len(answered):
        raise DataError(
            f"the log in {sink} has no prediction of '{model}' in that time\n"
            "  Fix: an earlier --since, or ordain log models"
        )
    outcomes = read_outcomes(sink, since=since)
    mine = outcomes.join(answered.select("prediction_id").unique(), on="prediction_id", how="semi")
    last = last_outcomes(mine)
    schema = _schema_of(bundle) if bundle else None
    outputs = list(schema.outputs) if schema else outputs_of(mine)
    joined = with_truth(answered, last, outputs)
    if not with_unlabelled and outputs:
        known = [pl.col(f"{TRUTH}{name}").is_not_null() for name in outputs]
        joined = joined.filter(pl.any_horizontal(known))
    elif not with_unlabelled:
        joined = joined.clear()
    table, missing, unread = _shaped(joined, outputs, schema)
    if with_details:
        table = pl.concat([joined.select(DETAILS), table], how="horizontal")
    return Exported(
        table,
        len(answered),
        len(last),
        int((last["n_outcomes"] > 1).sum()),
        tuple(missing),
        unread,
    )


@dataclass(frozen=True)
class _Schema:
    inputs: Mapping[str, pl.DataType]
    outputs: Mapping[str, str]


def _schema_of(bundle: Path) -> _Schema:
    """Return columns with their types and outputs with theirs, as training had them."""
    signature = read_json(bundle / "signature.json")
    kept = pl.read_parquet_schema(bundle / GOLDEN)
    inputs = {column["name"]: kept[column["name"]] for column in signature["columns"]}
    return _Schema(inputs, {output["name"]: output["type"] for output in signature["outputs"]})


def _shaped(
    joined: pl.DataFrame, outputs: Sequence[str], schema: _Schema | None
) -> tuple[pl.DataFrame, list[str], dict[str, int]]:
    """Return the columns of a training, those that are not there, and cells that do not fit."""
    logged = columns_of(joined, INPUT)
    names = list(schema.inputs) if schema else list(logged)
    there = [name for name in names if name in logged]
    columns = [joined[logged[name]].alias(name) for name in there]
    columns += [joined[f"{TRUTH}{name}"].alias(name) for name in outputs]
    unread: dict[str, int] = {}
    shaped = []
    for column in columns:
        wanted = schema.inputs.get(column.name) if schema else None
        kind = schema.outputs.get(column.name, "") if schema else ""
        wanted = pl.Float64() if kind == "number" else wanted
        made = _cast(column, wanted) if wanted is not None else plain_truth(column)
        if lost := int(made.null_count() - column.null_count()):
            unread[column.name] = lost
        shaped.append(made)
    return pl.DataFrame(shaped), [name for name in names if name not in logged], unread


def _cast(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    if column.dtype == dtype:
        return column
    if column.dtype == pl.String and dtype == pl.Boolean:
        return plain_truth(column)
    if column.dtype == pl.String and dtype.is_temporal():
        return column.str.strptime(dtype, strict=False)  # type: ignore[arg-type]
    return column.cast(dtype, strict=False)


def plain_truth(column: pl.Series) -> pl.Series:
    """Return texts as whole numbers, numbers or truth values where all of them are."""
    if column.dtype != pl.String or column.null_count() == len(column):
        return column
    for dtype in (pl.Int64, pl.Float64):
        made = column.cast(dtype, strict=False)
        if made.null_count() == column.null_count():
            return made
    if column.drop_nulls().is_in(["true", "false"]).all():
        return column == "true"
    return column


def _json_path(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"$['{escaped}']"
