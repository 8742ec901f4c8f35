"""Classes of rows to stratify by: the values of a column, or ranges of a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import DataError

_DEFAULT_BINS = 10
_MOST_CLASSES = 100


@dataclass(frozen=True)
class Classes:
    """Rows by class.

    Attributes:
        codes: class of each row, numbered in the order of their values, so that the order of the
            rows does not matter [N]; missing values are a class of their own.
        labels: text of each class [C].
        edges: inner borders of the bins, if a number was cut.
    """

    codes: npt.NDArray[Any]
    labels: list[str]
    edges: list[float] = field(default_factory=list)


def row_classes(column: pl.Series, *, bins: int | None) -> Classes:
    """Return the class of each row.

    A number is cut into bins of equally many rows if `bins` says so, or into 10 if it has broken
    values or more than 100 distinct ones.

    Raises:
        DataError: `bins` is set and the column is not a number.
    """
    if bins is not None and not column.dtype.is_numeric():
        raise DataError(
            f"`split.bins` needs a column of numbers, and `{column.name}` is {column.dtype}"
        )
    if column.dtype.is_numeric() and (bins is not None or _is_measured(column)):
        return _bins(column, bins or _DEFAULT_BINS)
    if column.dtype.is_nested() or column.dtype.base_type() in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    values = column.drop_nulls().unique().sort()
    places = np.arange(len(values), dtype=np.int32)
    codes = column.replace_strict(values, places, default=None, return_dtype=pl.Int32)
    labels = values.cast(pl.String).to_list()
    if codes.null_count():
        codes, labels = codes.fill_null(len(labels)), [*labels, "(missing)"]
    return Classes(codes.to_numpy(), labels)


def describe_classes(classes: Classes) -> dict[str, Any]:
    """Return the facts of a stratified split: number of classes, bins, classes of one row."""
    counts = np.bincount(classes.codes, minlength=len(classes.labels))
    facts: dict[str, Any] = {"n_classes": len(classes.labels)}
    if classes.edges:
        facts["bin_edges"] = classes.edges
    single = np.flatnonzero(counts == 1)
    if len(single):
        facts["classes_of_one_row"] = {
            "count": len(single),
            "examples": [classes.labels[i] for i in single[:3]],
            "note": "a class of one row cannot be spread: the row is in the training set",
        }
    return facts


def _is_measured(column: pl.Series) -> bool:
    if column.dtype.is_float():
        present = column.drop_nulls()
        if not bool((present == present.floor()).all()):
            return True
    return column.n_unique() > _MOST_CLASSES


def _bins(column: pl.Series, bins: int) -> Classes:
    values = column.cast(pl.Float64).fill_nan(None).to_numpy()
    present = values[~np.isnan(values)]
    if not len(present):
        return Classes(np.zeros(len(column), dtype=np.int64), ["(missing)"])
    edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1]))
    codes = np.searchsorted(edges, values, side="right")
    labels = [f"bin {i + 1}" for i in range(len(edges) + 1)]
    is_missing = np.isnan(values)
    if is_missing.any():
        codes[is_missing] = len(labels)
        labels.append("(missing)")
    return Classes(codes, labels, [float(edge) for edge in edges])
