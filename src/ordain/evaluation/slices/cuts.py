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

import polars as pl

from ordain.config.evaluation import Slice
from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError
from ordain.data.expressions import satisfies
from ordain.evaluation.slices.values import (
    Mask,
    borders_of,
    is_ordered,
    literal,
    missing_rows,
    quoted,
    rows_between,
    shown,
    sql_between,
)

MAX_VALUES = 20
FEW_VALUES = 6
N_PARTS = 4


@dataclass(frozen=True)
class Cut:
    """One slice with its rows.

    Attributes:
        name: what tables call it, such as `contract = 'Two year'`.
        group: the declared slice it belongs to; several for a column.
        where: SQL condition that holds for its rows; empty for the rest of a column's values.
        rows: whether a row belongs to it [N].
        value: what of its column it holds, such as `Two year`; empty for a condition.
    """

    name: str
    group: str
    where: str
    rows: Mask
    value: str = ""


def cut_rows(frame: pl.DataFrame, slices: Sequence[Slice]) -> list[Cut]:
    """Return the slices of a frame in the order declared.

    Raises:
        DataError: a column is not there, or an expression is wrong; the message has the nearest
            name.
    """
    return [cut for declared in slices for cut in _cuts_of(frame, declared)]


def cut_column(
    frame: pl.DataFrame, column: str, *, group: str = "", key: str = "evaluation.slices"
) -> list[Cut]:
    """Return the slices that the values of a column make.

    Args:
        frame: N rows.
        column: one of its columns.
        group: what the slices are called together; by default as the column.
        key: place of the config that asks for it, for messages.

    Raises:
        DataError: the column is not there.
    """
    if column not in frame.columns:
        close = nearest(column, frame.columns)
        hint = f"; nearest: `{close}`" if close else ""
        raise DataError(
            f"`{key}`: the column `{column}` is not in the rows{hint}\n"
            "  Fix: give rows that have it, or name another column"
        )
    return list(_with_missing(frame[column], group or column))


def _cuts_of(frame: pl.DataFrame, declared: Slice) -> list[Cut]:
    if declared.column is not None:
        return cut_column(frame, declared.column, group=declared.name)
    where = declared.where or ""
    name = declared.name or where
    return [Cut(name, name, where, satisfies(frame, where, key="evaluation.slices").to_numpy())]


def _with_missing(column: pl.Series, group: str) -> Iterator[Cut]:
    missing = missing_rows(column)
    known = column.filter(~pl.Series(missing))
    if column.dtype.is_nested():
        column = known = column.head(0)
    n_values = known.n_unique()
    if is_ordered(column) and n_values > FEW_VALUES:
        yield from _parts(column, known, group)
    elif n_values:
        yield from _values(column, known, group, missing=missing)
    if missing.any():
        where = f"{quoted(column.name)} is null"
        yield Cut(f"{group} missing", group, where, missing, "missing")


def _parts(column: pl.Series, known: pl.Series, group: str) -> Iterator[Cut]:
    """Yield the quarters of an ordered column."""
    edges = [None, *borders_of(known, N_PARTS), None]
    for low, high in itertools.pairwise(edges):
        bounds = ((">=", low), ("<", high))
        said = " and ".join(f"{sign} {shown(edge)}" for sign, edge in bounds if edge is not None)
        where = sql_between(column.name, low, high)
        rows = rows_between(column, low, high)
        yield Cut(f"{group} {said or 'present'}", group, where, rows, said or "present")


def _values(column: pl.Series, known: pl.Series, group: str, *, missing: Mask) -> Iterator[Cut]:
    counts = known.value_counts().sort(["count", column.name], descending=[True, False])
    values = counts.to_series(0).to_list()
    named = values if len(values) <= MAX_VALUES else values[: MAX_VALUES - 1]
    rest = ~missing
    for value in named:
        rows = (column == value).fill_null(value=False).to_numpy()
        rest = rest & ~rows
        where = f"{quoted(column.name)} = {literal(value)}"
        yield Cut(f"{group} = {shown(value)}", group, where, rows, str(value))
    if len(named) < len(values):
        said = f"{len(values) - len(named):,} rarer values"
        yield Cut(f"{group}: {said}", group, "", rest, said)
