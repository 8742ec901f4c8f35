"""Rows of the log: from what the server hands over to JSON lines, and from those to a frame."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from ordain.data.rowhash import hash_texts, to_unit
from ordain.serving.contracts import BatchEntry, Entry, Outcome

INPUT, OUTPUT = "input.", "output."
"""What names of columns of a log begin with, before the name of the field."""
META: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "request_id": pl.String(),
    "model": pl.String(),
    "version": pl.String(),
    "arm": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "latency_ms": pl.Float64(),
    "status": pl.String(),
    "caller": pl.String(),
    "flags": pl.List(pl.String()),
    "error_id": pl.String(),
}
"""Columns of every row of a log, beside inputs and outputs."""
OUTCOMES: dict[str, pl.DataType] = {
    "prediction_id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "caller": pl.String(),
    "values": pl.String(),
}
"""Columns of outcomes; `values` is JSON, for outputs differ between models."""
_SALT = "prediction log"
_USUAL = frozenset({pl.String, pl.Boolean, pl.Null, pl.Date, pl.Datetime})
_encode = msgspec.json.Encoder(enc_hook=str).encode


def entry_line(entry: Entry, redact: frozenset[str]) -> bytes:
    """Return a prediction as a line of JSON, without the fields that are never kept."""
    return _encode(
        {
            "prediction_id": entry.prediction_id,
            "request_id": entry.request_id,
            "model": entry.model,
            "version": entry.version,
            "arm": entry.arm,
            "at": entry.at,
            "latency_ms": entry.seconds * 1000,
            "status": entry.status,
            "caller": entry.caller,
            "flags": entry.flags,
            "error_id": entry.error_id,
            "input": _kept(entry.inputs, redact),
            "output": _kept(entry.outputs, redact),
        }
    )


def outcome_line(outcome: Outcome, redact: frozenset[str] = frozenset()) -> bytes:
    """Return an outcome as a line of JSON, without the fields that are never kept."""
    values = _encode(_kept(dict(outcome.values), redact)).decode()
    return _encode(
        {
            "prediction_id": outcome.prediction_id,
            "at": outcome.at,
            "caller": outcome.caller,
            "values": values,
        }
    )


def batch_frame(entry: BatchEntry, redact: frozenset[str]) -> pl.DataFrame:
    """Return the predictions of a batch as rows of a log, one a row of it."""
    parts = [
        part.select(
            _storable(part[name]).alias(f"{prefix}{name}")
            for name in part.columns
            if name not in redact
        )
        for part, prefix in ((entry.inputs, INPUT), (entry.outputs, OUTPUT))
    ]
    n_rows = len(entry.outputs)
    places = pl.int_range(n_rows, eager=True) if entry.places is None else pl.Series(entry.places)
    place = places.cast(pl.String)
    same = {
        "request_id": entry.request_id,
        "model": entry.model,
        "version": entry.version,
        "arm": entry.arm,
        "at": round(entry.at * 1_000_000),
        "latency_ms": entry.seconds * 1000,
        "status": entry.status,
        "caller": entry.caller,
        "flags": [],
        "error_id": entry.error_id,
    }
    frame = pl.DataFrame({"prediction_id": f"{entry.prediction_id}-" + place}).with_columns(
        pl.lit(value, dtype=META[name]).alias(name)
        if name not in {"at", "flags"}
        else _of_all(name, value)
        for name, value in same.items()
    )
    if entry.flags is not None:
        frame = frame.with_columns(entry.flags.alias("flags").cast(META["flags"]))
    return pl.concat([frame, *(part for part in parts if part.width)], how="horizontal")


def is_sampled(ids: pl.Series, share: float) -> pl.Series:
    """Return whether each prediction is kept: by its id alone, the same on every machine."""
    return pl.Series("kept", to_unit(hash_texts(ids, salt=_SALT)) < share)


def frame_of(payload: bytes) -> pl.DataFrame:
    """Return the predictions of JSON lines as a frame: `META`, then inputs and outputs.

    A field that has numbers in some rows and text in others is text.
    """
    if not payload:
        return pl.DataFrame(schema=META)
    frame = _read(payload)
    parts = [_typed(frame, META)]
    for key, prefix in (("input", INPUT), ("output", OUTPUT)):
        if isinstance(frame.schema[key], pl.Struct) and frame.schema[key].fields:  # type: ignore[attr-defined]
            parts.append(frame[key].struct.unnest().select(pl.all().name.prefix(prefix)))
    return pl.concat(parts, how="horizontal")


def outcomes_of(payload: bytes) -> pl.DataFrame:
    """Return the outcomes of JSON lines as a frame; see `OUTCOMES`."""
    if not payload:
        return pl.DataFrame(schema=OUTCOMES)
    schema = {**OUTCOMES, "at": pl.Float64()}
    return _typed(pl.read_ndjson(io.BytesIO(payload), schema=schema), OUTCOMES)


def stacked(frames: Sequence[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return frames one under another; a column that one lacks is null there.

    A column of unlike types is of the type that holds all, or else text.
    """
    present = [frame for frame in frames if len(frame)]
    if not present:
        return pl.DataFrame(schema=schema)
    try:
        return pl.concat(present, how="diagonal_relaxed")
    except (pl.exceptions.SchemaError, pl.exceptions.PolarsError):
        types: dict[str, set[pl.DataType]] = {}
        for frame in present:
            for name, dtype in frame.schema.items():
                types.setdefault(name, set()).add(dtype)
        unlike = [name for name, found in types.items() if len(found) > 1]
        texts = [_with_texts(frame, unlike) for frame in present]
        return pl.concat(texts, how="diagonal_relaxed")


def _kept(row: Mapping[str, Any], redact: frozenset[str]) -> Mapping[str, Any]:
    if not redact or redact.isdisjoint(row):
        return row
    return {name: value for name, value in row.items() if name not in redact}


def _of_all(name: str, value: Any) -> pl.Expr:
    if name == "at":
        return pl.lit(value).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(name)
    return pl.lit([], dtype=META[name]).alias(name)


def _read(payload: bytes) -> pl.DataFrame:
    """Return JSON lines as a frame of a struct for inputs and one for outputs."""
    try:
        return pl.read_ndjson(io.BytesIO(payload), infer_schema_length=None)
    except pl.exceptions.PolarsError:
        # Rows that disagree about a type, such as a list here and a number there: rare and small.
        rows = [msgspec.json.decode(line) for line in payload.splitlines()]
        for key in ("input", "output"):
            for name in _unlike(row[key] for row in rows):
                for row in rows:
                    if row[key].get(name) is not None:
                        row[key][name] = _as_text(row[key][name])
        lines = b"\n".join(msgspec.json.encode(row) for row in rows)
        return pl.read_ndjson(io.BytesIO(lines), infer_schema_length=None)


def _unlike(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                kind = "number" if is_number else type(value).__name__
                kinds.setdefault(name, set()).add(kind)
    return [name for name, found in kinds.items() if len(found) > 1 or found & {"dict", "list"}]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _typed(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the columns of a schema, with its types; seconds become a moment."""
    expressions = []
    for name, dtype in schema.items():
        column = pl.col(name) if name in frame.columns else pl.lit(None)
        if name == "at":
            column = (column * 1_000_000).round().cast(pl.Int64).cast(pl.Datetime("us"))
            expressions.append(column.dt.replace_time_zone("UTC").alias(name))
        else:
            expressions.append(column.cast(dtype).alias(name))
    return frame.select(expressions)


def _with_texts(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    there = [name for name in names if name in frame.columns]
    return frame.with_columns(_text_of(frame[name]) for name in there)


def _storable(column: pl.Series) -> pl.Series:
    """Return a column as files hold it beside those of other requests: of a rare kind, as text."""
    dtype = column.dtype
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    is_usual = inner.is_numeric() or inner.base_type() in _USUAL
    return column if is_usual else _text_of(column)


def _text_of(column: pl.Series) -> pl.Series:
    if column.dtype.is_nested():
        texts = [None if v is None else json.dumps(_plain(v), default=str) for v in column]
        return pl.Series(column.name, texts, dtype=pl.String)
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:  # bytes that are no text, durations
        texts = [None if v is None else str(v) for v in column]
        return pl.Series(column.name, texts, dtype=pl.String)


def _plain(value: Any) -> Any:
    return value.to_list() if isinstance(value, pl.Series) else value
