"""Rows of JSON as flat columns: nested objects become columns ``outer.inner``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Records:
    """Rows as a frame, and what had to be changed for it."""

    frame: pl.DataFrame
    problems: tuple[dict[str, Any], ...] = ()


def records_frame(rows: Sequence[dict[str, Any]], *, name: str) -> Records:
    """Return rows as a frame; a key that some rows lack is missing there.

    A column whose values are of unlike kinds (numbers and text) becomes text, reported with
    examples.

    Args:
        rows: at least one.
        name: of the file, for messages.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    columns, problems = [], []
    for key in keys:
        values = [row.get(key) for row in rows]
        try:
            columns.append(pl.Series(key, values, strict=True))
        except (TypeError, pl.exceptions.PolarsError):
            numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
            present = [v for v in values if v is not None]
            if len(numbers) == len(present):
                columns.append(pl.Series(key, values, dtype=pl.Float64, strict=False))
                continue
            columns.append(pl.Series(key, [_text(value) for value in values], dtype=pl.String))
            problems.append(_mixed(key, values, name))
    flat = flatten(pl.DataFrame(columns))
    return Records(flat.frame, (*problems, *flat.problems))


def flatten(frame: pl.DataFrame) -> Records:
    """Return a frame whose structs are spread over columns ``outer.inner``, to any depth."""
    return Records(flatten_lazily(frame.lazy()).collect())


def flatten_lazily(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a frame whose structs are spread over columns ``outer.inner``, to any depth."""
    while structs := [
        name for name, dtype in frame.collect_schema().items() if isinstance(dtype, pl.Struct)
    ]:
        frame = frame.with_columns(
            pl.col(name).name.map_fields(partial(_join, name)) for name in structs
        ).unnest(*structs)
    return frame


def union_schema(
    first: Mapping[str, pl.DataType], second: Mapping[str, pl.DataType]
) -> dict[str, pl.DataType]:
    """Return the columns of both, each with the type that holds the values of both.

    Numbers of unlike kinds become numbers, structs get the fields of both, all else is text.
    """
    both = {name: _common(first[name], dtype) for name, dtype in second.items() if name in first}
    return {**first, **second, **both}


def conform(values: pl.Expr, dtype: pl.DataType, to: pl.DataType) -> pl.Expr:
    """Return values in a wider type that `union_schema` gave; nested ones become JSON as text."""
    if dtype == to:
        return values
    if isinstance(dtype, pl.Struct) and isinstance(to, pl.Struct):
        held = {field.name: _type(field.dtype) for field in dtype.fields}
        fields = [
            _field(values, field.name, held.get(field.name), _type(field.dtype))
            for field in to.fields
        ]
        return pl.when(values.is_not_null()).then(pl.struct(fields))
    if isinstance(dtype, pl.List) and isinstance(to, pl.List):
        return values.list.eval(conform(pl.element(), _type(dtype.inner), _type(to.inner)))
    if isinstance(dtype, pl.Struct):
        return values.struct.json_encode()
    if isinstance(dtype, pl.List):
        return values.map_elements(lambda row: _text(row.to_list()), return_dtype=pl.String)
    return values.bin.encode("hex") if dtype == pl.Binary() else values.cast(to)


def _field(values: pl.Expr, name: str, dtype: pl.DataType | None, to: pl.DataType) -> pl.Expr:
    if dtype is None:
        return pl.lit(None, dtype=to).alias(name)
    return conform(values.struct.field(name), dtype, to).alias(name)


def _common(first: pl.DataType, second: pl.DataType) -> pl.DataType:  # noqa: PLR0911 - one a case
    if first == second or second == pl.Null():
        return first
    if first == pl.Null():
        return second
    if isinstance(first, pl.Struct) and isinstance(second, pl.Struct):
        fields = ({f.name: _type(f.dtype) for f in one.fields} for one in (first, second))
        return pl.Struct(union_schema(*fields))
    if isinstance(first, pl.List) and isinstance(second, pl.List):
        return pl.List(_common(_type(first.inner), _type(second.inner)))
    if first.is_integer() and second.is_integer():
        return pl.Int64()
    if first.is_numeric() and second.is_numeric():
        return pl.Float64()
    return pl.String()


def _type(dtype: Any) -> pl.DataType:
    """Return a type as an instance: fields of structs may name the class."""
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _mixed(key: str, values: Sequence[Any], name: str) -> dict[str, Any]:
    odd = [(row, value) for row, value in enumerate(values) if isinstance(value, str)]
    return {
        "kind": "mixed_types",
        "column": key,
        "count": len(odd),
        "examples": [{"row": row, "value": value} for row, value in odd[:3]],
        "fix": f"values of `{key}` in '{name}' are of unlike kinds, so the column is text",
    }
