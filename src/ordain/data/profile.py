"""What one look at a table tells of each column; types are inferred and checked from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl

from ordain.data.table import Table

_EXACT = 10_000
_SAMPLE = 1_000
_TOP = 20
_TIES = 1_000
_COUNTED_ROWS = 1 << 17


@dataclass(frozen=True)
class ColumnProfile:
    """One column at a glance.

    Attributes:
        n_distinct: distinct present values; exact up to 10,000, above it an estimate.
        sample: up to 1,000 present values, spread evenly over the table.
        top: up to 20 most frequent present values (as text) with their counts, most frequent
            first; ties in the order of the text. Counted over some 130,000 rows spread evenly,
            and scaled, where a larger table has more than 10,000 distinct values.
        least: the lowest finite value of a numeric column; None for any other type, or no value.
    """

    name: str
    dtype: pl.DataType
    n_rows: int
    n_missing: int
    n_distinct: int
    sample: pl.Series
    top: tuple[tuple[str, int], ...]
    least: float | None = None


def profile_table(table: Table, columns: Sequence[str] | None = None) -> dict[str, ColumnProfile]:
    """Return the profile of each column; NaN counts as missing.

    Columns are read side by side as far as about 8 million values fit at once, a single one
    otherwise, so that memory stays bounded for a table of any width.

    Args:
        table: the rows.
        columns: names; all columns where None.
    """
    names = list(columns) if columns is not None else table.schema.names()
    profiles: dict[str, ColumnProfile] = {}
    for group in table.side_by_side(names):
        profiles |= _profile_columns(group, table)
    return profiles


def _profile_columns(names: Sequence[str], table: Table) -> dict[str, ColumnProfile]:
    frame = table.select(names)
    dtypes = frame.schema
    frame = frame.with_columns(
        _comparable(name, dtype)
        for name, dtype in dtypes.items()
        if dtype.is_float()
        or dtype.is_nested()
        or dtype.base_type() in (pl.Categorical, pl.Enum, pl.Object)
    )
    with ThreadPoolExecutor() as pool:
        coded = list(pool.map(table.coded, frame.columns, frame.iter_columns()))
    frame = frame.with_columns(column for column in coded if column is not None)
    missing = frame.select(pl.all().null_count()).row(0, named=True)
    counted = [name for name, column in zip(frame.columns, coded, strict=True) if column is None]
    estimates = dict.fromkeys(frame.columns, 0)
    if counted:
        found = frame.select(pl.col(counted).approx_n_unique())
        estimates |= found.row(0, named=True)
    is_large = {name: estimates[name] > 1.2 * _EXACT for name in frame.columns}
    tops = _tops(frame, is_large)
    profiles = {}
    for column in frame.iter_columns():
        name = column.name
        n_distinct, top = tops[name]
        if n_distinct is None:
            n_distinct = max(int(estimates[name]) - (missing[name] > 0), len(top))
            n_distinct = min(n_distinct, frame.height - missing[name])
        sample = _sample(column, int(missing[name]))
        profiles[name] = ColumnProfile(
            name=name,
            dtype=dtypes[name],
            n_rows=frame.height,
            n_missing=int(missing[name]),
            n_distinct=n_distinct,
            sample=sample.cast(pl.String) if sample.dtype == pl.Categorical else sample,
            top=top,
            least=_least(column),
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
    with ThreadPoolExecutor() as pool:
        found = pool.map(_most_frequent, frame.iter_columns(), is_large.values())
        return dict(zip(frame.columns, found, strict=True))


def _most_frequent(
    column: pl.Series,
    is_large: bool,  # noqa: FBT001 - mapped over columns
) -> tuple[int | None, tuple[tuple[str, int], ...]]:
    # Series by series: a plan for each of thousands of columns takes longer than the counting.
    factor, n_rows = 1.0, len(column)
    if is_large and n_rows > _COUNTED_ROWS:
        column = column.gather_every(n_rows // _COUNTED_ROWS)
        factor = n_rows / len(column)
    counted = column.drop_nulls().value_counts(name="\x1flen")
    values, counts = counted.to_series(0), counted.to_series(1)
    if len(counts) > _TOP:
        lowest = counts.top_k(_TOP).min()
        ties = values.filter(counts == lowest)
        above = counts > lowest
        # Among very many, the first by value have to do for the first by text.
        ties = ties if len(ties) <= _TIES else ties.bottom_k(_TIES)
        values = values.filter(above).append(ties)
        counts = counts.filter(above).extend_constant(lowest, len(ties))
    texts = zip(values.cast(pl.String).to_list(), counts.to_list(), strict=True)
    best = sorted(texts, key=lambda one: (-one[1], one[0]))[:_TOP]
    top = tuple((str(value), round(count * factor)) for value, count in best)
    return None if is_large else counted.height, top


def _least(column: pl.Series) -> float | None:
    if not column.dtype.is_numeric():
        return None
    lowest = column.min()
    if lowest is not None and math.isinf(float(lowest)):  # type: ignore[arg-type]
        lowest = column.filter(column.is_finite()).min()
    return None if lowest is None else float(lowest)  # type: ignore[arg-type]


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
