"""From declared slices to the rows they hold.

    slices: [contract, "tenure < 6", {name: seniors, where: "age >= 65"}]

A column of words gives a slice for each of its values, the rarest together; a column of numbers or
dates gives its quarters, whose borders are whole rows' values; missing cells are a slice of their
own. A row may stand in any number of slices.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.evaluation import Slice
from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError
from ordain.data.expressions import satisfies

MAX_VALUES = 20
FEW_VALUES = 6
N_PARTS = 4

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cut:
    """One slice with its rows.

    Attributes:
        name: what tables call it, such as `contract = 'Two year'`.
        group: the declared slice it belongs to; several for a column.
        where: SQL condition that holds for its rows; empty for the rest of a column's values.
        rows: whether a row belongs to it [N].
    """

    name: str
    group: str
    where: str
    rows: Mask


def cut_rows(frame: pl.DataFrame, slices: Sequence[Slice]) -> list[Cut]:
    """Return the slices of a frame in the order declared.

    Raises:
        DataError: a column is not there, or an expression is wrong; the message has the nearest
            name.
    """
    return [cut for declared in slices for cut in _cuts_of(frame, declared)]


def cut_column(frame: pl.DataFrame, column: str, *, group: str = "") -> list[Cut]:
    """Return the slices that the values of a column make.

    Raises:
        DataError: the column is not there.
    """
    if column not in frame.columns:
        close = nearest(column, frame.columns)
        hint = f"; nearest: `{close}`" if close else ""
        raise DataError(
            f"slice `{column}`: there is no such column in the rows{hint}\n"
            "  Fix: name a column of the data, or an expression over its columns"
        )
    return list(_with_missing(frame[column], group or column))


def quoted(name: str) -> str:
    """Return a column's name as SQL needs it."""
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a value as SQL writes it."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, int):
        return str(value)
    return f"'{value}'"


def _cuts_of(frame: pl.DataFrame, declared: Slice) -> list[Cut]:
    if declared.column is not None:
        return cut_column(frame, declared.column, group=declared.name or declared.column)
    where = declared.where or ""
    name = declared.name or where
    rows = satisfies(frame, where).fill_null(False).to_numpy()
    return [Cut(name, name, where, rows)]


def _with_missing(column: pl.Series, group: str) -> Iterator[Cut]:
    is_missing = column.is_null()
    if column.dtype.is_float():
        is_missing |= column.is_nan().fill_null(False)
    missing = is_missing.to_numpy()
    known = column.filter(~is_missing)
    n_values = known.n_unique()
    is_ordered = column.dtype.is_numeric() or column.dtype.is_temporal()
    if is_ordered and n_values > FEW_VALUES:
        yield from _parts(column, known, missing, group)
    elif n_values:
        yield from _values(column, known, missing, group)
    if missing.any():
        where = f"{quoted(column.name)} is null"
        yield Cut(f"{group} missing", group, where, missing)


def _parts(column: pl.Series, known: pl.Series, missing: Mask, group: str) -> Iterator[Cut]:
    """Yield the quarters of an ordered column; equal values stay together."""
    ordered = known.sort()
    places = [len(ordered) * part // N_PARTS for part in range(1, N_PARTS)]
    borders = sorted({ordered[place] for place in places} - {ordered[0]})
    sql = quoted(column.name)
    edges = [None, *borders, None]
    for low, high in itertools.pairwise(edges):
        rows = ~missing
        said, where = [], []
        if low is not None:
            rows = rows & (column >= low).fill_null(False).to_numpy()
            said.append(f">= {_shown(low)}")
            where.append(f"{sql} >= {literal(low)}")
        if high is not None:
            rows = rows & (column < high).fill_null(False).to_numpy()
            said.append(f"< {_shown(high)}")
            where.append(f"{sql} < {literal(high)}")
        yield Cut(f"{group} {' and '.join(said)}", group, " and ".join(where), rows)


def _values(column: pl.Series, known: pl.Series, missing: Mask, group: str) -> Iterator[Cut]:
    counts = known.value_counts().sort(["count", column.name], descending=[True, False])
    values = counts[column.name].to_list()
    named = values if len(values) <= MAX_VALUES else values[: MAX_VALUES - 1]
    rest = ~missing
    for value in named:
        rows = (column == value).fill_null(False).to_numpy()
        rest = rest & ~rows
        where = f"{quoted(column.name)} = {literal(value)}"
        yield Cut(f"{group} = {_shown(value)}", group, where, rows)
    if len(named) < len(values):
        count = len(values) - len(named)
        yield Cut(f"{group}: {count:,} rarer values", group, "", rest)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004
