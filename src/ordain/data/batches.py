"""Rows of a database: they come in batches, and stay in memory only while they are few."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from ordain.core.errors import DataError
from ordain.data.nested import conform, flatten_lazily, union_schema
from ordain.data.spill import Spill

ROWS_A_BATCH = 20_000
"""Rows a database is asked for at once."""


def gather(
    batches: Iterable[pl.DataFrame], *, from_bytes: int, new_spill: Callable[[], Spill]
) -> list[pl.LazyFrame]:
    """Return the rows of all batches, in frames of one schema that holds the values of all.

    Structs are spread over columns ``outer.inner`` and exact decimals are numbers; where the rows
    are is not seen in them.

    Args:
        batches: of the same columns, one at least; their types may differ.
        from_bytes: size in memory from which on the rows are put aside.
        new_spill: called once then, for the place.

    Raises:
        StoreError: rows cannot be put aside.
    """
    held: list[pl.DataFrame] = []
    kept: list[tuple[dict[str, pl.DataType], Path]] = []
    spill: Spill | None = None
    size: float = 0
    limit = from_bytes
    for batch in batches:
        held.append(batch)
        size += batch.estimated_size()
        if size >= limit:
            spill = spill or new_spill()
            kept.extend(_put_aside(held, spill))
            held, size, limit = [], 0, spill.block_bytes
    if spill is None:
        frames = _typed([(dict(rows.schema), rows.lazy()) for rows in held])
        return [pl.concat(frames).collect().lazy()]
    kept.extend(_put_aside(held, spill))
    return _typed([(schema, spill.scan([path])) for schema, path in kept])


def frames_of_rows(names: list[str], batches: Iterable[Any]) -> Iterator[pl.DataFrame]:
    """Yield batches of rows, as drivers of Python give them, as frames; one at least.

    Raises:
        DataError: two columns have one name.
    """
    check_names(names)
    yield pl.DataFrame(schema=dict.fromkeys(names, pl.Null))
    for batch in batches:
        rows = [tuple(row) for row in batch]
        if rows:
            columns = zip(names, zip(*rows, strict=True), strict=True)
            yield pl.DataFrame([_series(name, values) for name, values in columns])


def check_names(names: list[str]) -> None:
    """Refuse columns of which two have one name.

    Raises:
        DataError: names them.
    """
    if len(set(names)) < len(names):
        double = sorted({name for name in names if names.count(name) > 1})
        raise DataError(
            f"the query gives several columns named {', '.join(f'`{name}`' for name in double)}: "
            "name each apart with AS"
        )


def refuse_intervals(intervals: list[str]) -> None:
    """Refuse columns of intervals, which have no counterpart.

    Raises:
        DataError: names them.
    """
    if intervals:
        raise DataError(
            f"{', '.join(f'`{name}`' for name in intervals)}: intervals cannot be read\n"
            "  Fix: a `query` with EXTRACT(EPOCH FROM the column), which is in seconds"
        )


def _put_aside(
    frames: list[pl.DataFrame], spill: Spill
) -> Iterator[tuple[dict[str, pl.DataType], Path]]:
    for _, same in groupby(frames, key=lambda frame: frame.schema):
        block = pl.concat(same)
        if block.height:
            yield dict(block.schema), spill.keep(block)


def _typed(parts: list[tuple[dict[str, pl.DataType], pl.LazyFrame]]) -> list[pl.LazyFrame]:
    schema: dict[str, pl.DataType] = {}
    for held, _ in parts:
        schema = union_schema(schema, held)
    return [
        _plain(
            part
            if held == schema
            else part.select(
                conform(pl.col(name), held[name], dtype).alias(name)
                for name, dtype in schema.items()
            )
        )
        for held, part in parts
    ]


def _plain(frame: pl.LazyFrame) -> pl.LazyFrame:
    frame = flatten_lazily(frame)
    decimals = [n for n, t in frame.collect_schema().items() if isinstance(t, pl.Decimal)]
    return frame.with_columns(pl.col(n).cast(pl.Float64) for n in decimals) if decimals else frame


def _series(name: str, values: Iterable[Any]) -> pl.Series:
    """Return one column; values of unlike kinds, which SQLite allows, become numbers or text."""
    column = list(values)
    try:
        series = pl.Series(name, column, strict=True)
        if series.dtype != pl.Object():
            return series
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        present = [value for value in column if value is not None]
        if all(isinstance(value, int | float) for value in present):
            return pl.Series(name, column, dtype=pl.Float64, strict=False)
    return pl.Series(name, [_text(value) for value in column], dtype=pl.String)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
