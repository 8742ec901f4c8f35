"""Rows of JSON as flat columns: nested objects become columns ``outer.inner``."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    while structs := [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]:
        frame = frame.with_columns(
            pl.col(name).name.map_fields(partial(_join, name)) for name in structs
        ).unnest(*structs)
    return Records(frame)


def _join(outer: str, inner: str) -> str:
    return f"{outer}.{inner}"


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _mixed(key: str, values: Sequence[Any], name: str) -> dict[str, Any]:
    odd = [(i, value) for i, value in enumerate(values) if isinstance(value, str)]
    return {
        "kind": "mixed_types",
        "column": key,
        "count": len(odd),
        "examples": [{"row": i + 1, "value": value} for i, value in odd[:3]],
        "fix": f"values of `{key}` in '{name}' are of unlike kinds, so the column is text",
    }
