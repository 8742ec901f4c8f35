"""What one look at a table tells of each column; types are inferred and checked from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ordain.data.table import Table

_EXACT = 10_000
_SAMPLE = 1_000
_TOP = 20
_COUNTED_ROWS = 1 << 17
_VALUES_AT_ONCE = 1 << 25


@dataclass(frozen=True)
class ColumnProfile:
    """One column at a glance.

    Attributes:
        n_distinct: distinct present values; exact up to 10,000, above it an estimate.
        sample: up to 1,000 present values, spread evenly over the table.
        top: up to 20 most frequent present values (as text) with their counts, most frequent
            first; ties in the order of the text. Counted over some 130,000 rows spread evenly,
            and scaled, where a larger table has more than 10,000 distinct values.
    """

    name: str
    dtype: pl.DataType
    n_rows: int
    n_missing: int
    n_distinct: int
    sample: pl.Series
    top: tuple[tuple[str, int], ...]


def profile_table(table: Table, columns: Sequence[str] | None = None) -> dict[str, ColumnProfile]:
    """Return the profile of each column; NaN counts as missing.

    Columns are read side by side as far as about 32 million values fit at once, a single one
    otherwise, so that memory stays bounded for a table of any width.

    Args:
        table: the rows.
        columns: names; all columns where None.
    """
    names = list(columns) if columns is not None else table.schema.names()
    width = max(1, _VALUES_AT_ONCE // max(1, table.n_rows))
    profiles: dict[str, ColumnProfile] = {}
    for start in range(0, len(names), width):
        frame = table.select(names[start : start + width])
        profiles |= _profile_frame(frame)
    return profiles


def _profile_frame(frame: pl.DataFrame) -> dict[str, ColumnProfile]:
    dtypes = frame.schema
    frame = frame.with_columns(
        _comparable(name, dtype)
        for name, dtype in dtypes.items()
        if dtype.is_float()
        or dtype.is_nested()
        or dtype.base_type() in (pl.Categorical, pl.Enum, pl.Object)
    )
    missing = frame.select(pl.all().null_count()).row(0, named=True)
    estimates = frame.select(pl.all().approx_n_unique()).row(0, named=True)
    is_large = {name: estimates[name] > 1.2 * _EXACT for name in frame.columns}
    tops = _tops(frame, is_large)
    profiles = {}
    for column in frame.iter_columns():
        name = column.name
        n_distinct, top = tops[name]
        if n_distinct is None:
            n_distinct = max(int(estimates[name]) - (missing[name] > 0), len(top))
            n_distinct = min(n_distinct, frame.height - missing[name])
        profiles[name] = ColumnProfile(
            name=name,
            dtype=dtypes[name],
            n_rows=frame.height,
            n_missing=int(missing[name]),
            n_distinct=n_distinct,
            sample=_sample(column, int(missing[name])),
            top=top,
        )
    return profiles


def _comparable(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column whose values can be counted and ordered: NaN as null, lists as text."""
    if dtype.is_float():
        return pl.col(name).fill_nan(None)
    if dtype.is_nested() or dtype == pl.Object():
        return pl.col(name).map_elements(repr, return_dtype=pl.String)
    return pl.col(name).cast(pl.String)


def _tops(
    frame: pl.DataFrame, is_large: dict[str, bool]
) -> dict[str, tuple[int | None, tuple[tuple[str, int], ...]]]:
    """Return the exact number of distinct values (None for an estimate) and the most frequent."""
    plans, factors = [], []
    for column in frame.iter_columns():
        counted, factor = column, 1.0
        if is_large[column.name] and len(column) > _COUNTED_ROWS:
            step = len(column) // _COUNTED_ROWS
            counted = column.gather_every(step)
            factor = len(column) / len(counted)
        factors.append(factor)
        groups = counted.alias("value").to_frame().lazy().drop_nulls().group_by("value").len()
        if is_large[column.name]:
            # A thousand suffices to find the ties that the order of the text decides.
            groups = groups.top_k(1000, by="len")
        plans.append(groups)
    tops = {}
    for column, factor, counts in zip(
        frame.iter_columns(), factors, pl.collect_all(plans), strict=True
    ):
        exact = None if is_large[column.name] else counts.height
        best = (
            counts.filter(pl.col("len") >= pl.col("len").top_k(min(_TOP, counts.height)).min())
            .select(pl.col("value").cast(pl.String), "len")
            .sort(["len", "value"], descending=[True, False])
            .head(_TOP)
        )
        rows = tuple((str(value), round(count * factor)) for value, count in best.rows())
        tops[column.name] = (exact, rows)
    return tops


def _sample(column: pl.Series, n_missing: int) -> pl.Series:
    present = len(column) - n_missing
    if not present:
        return column.head(0)
    if n_missing:
        column = column.drop_nulls()
    if present <= _SAMPLE:
        return column
    places = np.linspace(0, present - 1, _SAMPLE).astype(np.int64)
    return column.gather(places)
