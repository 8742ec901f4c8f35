"""What is said of a column of numbers: cells that are no numbers, counts, and a summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from ordain.features.facts import counted, reading_facts, unusable, wrong_kind
from ordain.features.filling import unseen_groups
from ordain.features.number_cells import NumberEncoding
from ordain.features.numerals import is_nothing
from ordain.features.outliers import median
from ordain.features.powers import Floats


def require_readable(column: pl.Series) -> None:
    """Refuse a column whose type holds no numbers.

    Raises:
        DataError: it is of dates, lists, structs or bytes.
    """
    dtype = column.dtype
    if dtype.is_numeric() or dtype in {pl.String, pl.Boolean, pl.Null}:
        return
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return
    fix = "declare it `type: date`" if dtype.is_temporal() else "derive a number from it first"
    raise wrong_kind(column, type_name="number", fix=fix)


def require_some(column: pl.Series, values: Floats) -> None:
    """Refuse a column that has values and not one number among them.

    Args:
        column: as it was read.
        values: its numbers [N]; NaN where a cell is none.

    Raises:
        DataError: with how many values, and up to three of them.
    """
    if not np.isnan(values).all():
        return
    bad = ~is_nothing(column)
    if bad.any():
        raise unusable(
            column,
            bad,
            what="are not numbers",
            fix="declare it `type: category` or `type: text`, or set `number_format`",
        )


def count_reading(column: pl.Series, values: Floats) -> dict[str, Any]:
    """Return counts of rows, of missing cells, and of cells that are no numbers."""
    missing = pl.Series(np.isnan(values))
    if missing.sum() == column.null_count():
        return reading_facts(column, missing=missing)
    unparsed = missing & ~is_nothing(column)
    return reading_facts(column, missing=missing, unparsed=counted(column, unparsed))


def count_encoding(
    column: pl.Series,
    values: Floats,
    encoding: NumberEncoding,
    others: pl.DataFrame | None,
) -> dict[str, Any]:
    """Return the counts that need the encoding; those of nothing are left out."""
    found = {"unseen_group": unseen_groups(encoding.filling, others, pl.Series(np.isnan(values)))}
    if encoding.scaling.method == "box_cox" and encoding.cut is None:
        found["not_positive"] = counted(column, pl.Series(values <= 0))
    return {key: value for key, value in found.items() if value is not None}


def summarize(values: Floats) -> dict[str, Any]:
    """Return mean, spread, ends and middle of the numbers [N]; nothing for none."""
    if len(values) == 0:
        return {}
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "min": float(values.min()),
        "median": median(values),
        "max": float(values.max()),
    }
