"""Rows on which several runs can be compared: those that none of them has learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError, UsageError
from ordain.data.rowhash import hash_columns
from ordain.data.splitter import TEST, TRAIN, VALIDATION
from ordain.data.table import Table
from ordain.pipeline.inputs import as_rows
from ordain.pipeline.judging import groups_of
from ordain.pipeline.reopen import Reopened, prepared_of, reopen
from ordain.pipeline.stages import Stages
from ordain.store.model import Model
from ordain.store.runs import Run

Ints = npt.NDArray[np.int64]
LEARNED = (TRAIN, VALIDATION)
"""Sets that decide what a model is."""
MIN_ROWS = 10


@dataclass(frozen=True)
class Shared:
    """Rows that all runs are judged on.

    Attributes:
        frame: as they were read, without derived columns.
        source: which they are, in words.
        row_ids: positions in the table they come from [N].
        groups: entity of each row [N] where the first run's split keeps entities together.
        notes: what must be known of them.
    """

    frame: pl.DataFrame
    source: str
    row_ids: Ints
    groups: Ints | None = None
    notes: tuple[str, ...] = ()


def shared_rows(
    runs: Sequence[Run], models: Sequence[Model], stages: Stages, data: Any = None
) -> Shared:
    """Return the rows to compare runs on.

    Those of `data`, if given; the test rows where all runs have the same; else those of the first
    run's test rows that no other run has learned from, told by their content.

    Raises:
        UsageError: no row is left, or the runs' rows are not there any more.
        DataError: `data` lacks a column.
    """
    if data is not None:
        return _given(data, models)
    opened = [_reopened(run, stages) for run in runs]
    first = opened[0]
    if not first.split.sizes.get(TEST):
        raise UsageError(
            f"run {runs[0].reference} has no test rows to compare on\n"
            "  Fix: give rows that no run has learned from with --dataset"
        )
    rows = np.asarray(first.split.rows(TEST))
    notes: list[str] = []
    is_same = all(one.split_key == first.split_key for one in opened[1:])
    if not is_same:
        learned = [_learned(first, other, rows) for other in opened[1:]]
        keep = ~np.logical_or.reduce(learned)
        if not keep.all():
            notes.append(
                f"{int(keep.sum()):,} of {len(rows):,} test rows of {runs[0].reference} are "
                "compared: another run has learned from the others"
            )
        if keep.sum() < MIN_ROWS:
            raise UsageError(
                f"{int(keep.sum())} of {len(rows):,} test rows of {runs[0].reference} are not "
                "among the rows another run has learned from: nothing can be compared fairly\n"
                "  Fix: give rows that no run has learned from with --dataset"
            )
        rows = rows[keep]
    groups = groups_of(prepared_of(first, stages), first.table, TEST)
    if groups is not None and not is_same:
        groups = groups[keep]
    frame = first.table.rows(rows).drop(*models[0].document.data.columns, strict=False)
    source = "the test rows of all runs" if is_same else f"test rows of {runs[0].reference}"
    return Shared(frame, source, rows, groups, tuple(notes))


def meeting_conditions(shared: Shared, models: Sequence[Model]) -> Shared:
    """Return the rows that satisfy every run's `where`.

    Raises:
        UsageError: none does.
        DataError: a column that a run reads is missing.
    """
    from ordain.data import apply_expressions

    keep = np.ones(shared.frame.height, dtype=np.bool_)
    for model in models:
        where = model.document.data.where
        try:
            model.require(shared.frame.columns, with_targets=True)
        except DataError as error:
            raise DataError(
                f"{error.message}\n  These rows are to judge {_name(model)} too; give rows with "
                "all columns by --dataset"
            ) from error
        if not where:
            continue
        rows = model.with_derived(shared.frame).with_row_index("__place__")
        kept = apply_expressions(rows, where=where)["__place__"].to_numpy()
        keep &= np.isin(np.arange(shared.frame.height), kept)
    if not keep.any():
        raise UsageError(
            "no row satisfies the `where` of every run\n  Fix: give other rows with --dataset"
        )
    if keep.all():
        return shared
    places = np.flatnonzero(keep)
    note = f"{len(keep) - len(places):,} rows are left out: a run's `where` excludes them"
    return Shared(
        shared.frame[places],
        shared.source,
        shared.row_ids[places],
        None if shared.groups is None else shared.groups[places],
        (*shared.notes, note),
    )


def _given(data: Any, models: Sequence[Model]) -> Shared:
    from ordain.data import open_source, read_table

    table = read_table(open_source(as_rows(data)))
    models[0].require(table.schema.names(), with_targets=True)
    frame = table.select(table.schema.names())
    return Shared(
        frame,
        "the rows given",
        np.arange(frame.height),
        notes=("whether a run has learned from the given rows is not checked",),
    )


def _reopened(run: Run, stages: Stages) -> Reopened:
    try:
        again = reopen(run, stages)
    except DataError as error:
        raise UsageError(
            f"the rows of run {run.reference} cannot be read any more: {error.message}\n"
            "  Fix: give rows that no run has learned from with --dataset"
        ) from error
    if again.is_same:
        return again
    raise UsageError(
        f"the rows of run {run.reference} have changed since, so that it is not known which of "
        "them it has learned from\n"
        "  Fix: give rows that no run has learned from with --dataset"
    )


def _learned(first: Reopened, other: Reopened, rows: Ints) -> npt.NDArray[np.bool_]:
    """Return whether a run has learned from each of some rows of the first [N]."""
    parts = [np.asarray(other.split.rows(name)) for name in LEARNED]
    learned = np.concatenate(parts)
    if first.table.fingerprint == other.table.fingerprint:
        return np.isin(rows, learned)
    names = _comparable(first.table, other.table)
    if not names:
        raise UsageError(
            f"the rows of {first.run.reference} and {other.run.reference} have no column in "
            "common\n  Fix: give rows that no run has learned from with --dataset"
        )
    return np.isin(_hashes(first.table, names)[rows], _hashes(other.table, names)[learned])


def _comparable(one: Table, other: Table) -> list[str]:
    schemas = (one.schema, other.schema)
    return [
        name
        for name, dtype in schemas[0].items()
        if name in schemas[1]
        and (dtype == schemas[1][name] or _are_numbers(dtype, schemas[1][name]))
    ]


def _are_numbers(one: pl.DataType, other: pl.DataType) -> bool:
    return one.is_numeric() and other.is_numeric()


def _hashes(table: Table, names: Sequence[str]) -> npt.NDArray[np.uint64]:
    return hash_columns(((name, table.column(name)) for name in names), table.n_rows, seed=0)


def _name(model: Model) -> str:
    return model.path.parent.name if model.path is not None else "this model"
