"""Separate files for training, validation and test, as one table with the set of each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes
from ordain.data.shares import sets_series
from ordain.data.stack import stack_frames
from ordain.data.table import Table


def combine_sets(
    tables: Mapping[str, Table], *, required: Sequence[str] | None = None
) -> tuple[Table, pl.Series]:
    """Return the rows of all tables, one below the other, and the name of each row's set.

    Columns that not every table has are left out, and reported. Columns whose types differ take
    the type that holds all values, and are reported.

    Args:
        tables: name of the set to its rows, in order.
        required: columns that every table must have, such as inputs and outputs.

    Raises:
        DataError: a required column is not in every table; each is named with the sets that lack
            it, or the tables have no column in common.
    """
    if not tables:
        raise DataError("no table was given: a training set is needed")
    schemas = {name: table.schema.names() for name, table in tables.items()}
    lacking = [
        _lacking(column, name, columns)
        for name, columns in schemas.items()
        for column in required or ()
        if column not in columns
    ]
    if lacking:
        raise DataError("columns are not in every set:\n" + "\n".join(lacking))
    stacked = stack_frames({name: table.frame for name, table in tables.items()}, is_strict=False)
    if not stacked.frame.collect_schema().names():
        raise DataError(f"the sets {', '.join(map(repr, tables))} have no column in common")
    counts = [table.n_rows for table in tables.values()]
    first = next(iter(tables.values()))
    problems = [problem for table in tables.values() for problem in table.report.problems]
    report = replace(
        first.report,
        source=", ".join(dict.fromkeys(table.report.source for table in tables.values())),
        details={
            **first.report.details,
            "sets": {name: table.n_rows for name, table in tables.items()},
        },
        n_rows=sum(counts),
        problems=(*problems, *stacked.problems),
        seconds=sum(table.report.seconds for table in tables.values()),
    )
    parts = [part for name, table in tables.items() for part in (name, table.fingerprint)]
    fingerprint = digest_bytes(*(part.encode() for part in parts))
    sets = sets_series(np.repeat(np.arange(len(counts)), counts), list(tables))
    return Table(stacked.frame, fingerprint, sum(counts), report), sets


def _lacking(column: str, name: str, columns: Sequence[str]) -> str:
    close = nearest(column, columns)
    hint = f"; the nearest there is `{close}`" if close else ""
    return f"  `{column}` is not in the {name} set{hint}"
