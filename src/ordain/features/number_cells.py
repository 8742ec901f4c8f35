"""A number's encoding, and how a value that was read and cleaned becomes a cell.

Columns and single values go the same way: fill what is missing, then scale or cut, then round to 32
bits and add the indicator.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from ctypes import c_float
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.features.cuts import (
    CutForm,
    n_functions,
    onehot_array,
    ordinal_array,
    spline_array,
    spline_reader,
)
from ordain.features.encoded import Kind, RowValue, Shape
from ordain.features.facts import unusable, unusable_value
from ordain.features.feature import Encoding
from ordain.features.filling import Filling, fill_reader, fill_values
from ordain.features.numerals import LARGEST, Style, number_reader
from ordain.features.outliers import Cleaning, cleaned_reader
from ordain.features.powers import Floats
from ordain.features.scaling import Scaling, scale_array, scaler

FIX = "declare `missing_value_strategy`, or give the value"
"""The remedy for a missing cell that is an error."""


class NumberEncoding(Encoding):
    """What fitting a number found."""

    type: Literal["number"] = "number"
    """Type name."""
    style: Style
    """How text is read."""
    on_missing: Literal["fill", "ffill", "bfill", "error"] = "fill"
    """What happens to a missing cell before `fill` applies."""
    fill: float | None = None
    """Value of a missing cell before scaling; None leaves it missing (NaN)."""
    has_indicator: bool = False
    """Whether a second number says that the cell was missing."""
    filling: Filling | None = None
    """What fills a missing cell from other columns, in place of `fill`."""
    cleaning: Cleaning = Cleaning()
    """What happens to outliers."""
    scaling: Scaling
    """How numbers are scaled."""
    cut: CutForm | None = None
    """How numbers are cut; None where they are scaled."""
    edges: tuple[float, ...] = ()
    """Inner borders of the bins, ascending; empty where numbers are not binned."""
    knots: tuple[float, ...] = ()
    """Knots of the spline, ascending; empty where there is none."""
    degree: int = 3
    """Degree of the spline's pieces."""
    bounds: tuple[float, float] | None = None
    """Lowest and highest encoded value of training, for an output."""
    clip_range: tuple[float, float] | None = None
    """Predictions are bounded to it, in the column's own unit."""


def shape_of(cuts: Mapping[str, Any], *, has_indicator: bool) -> Shape:
    """Return the shape of numbers that are cut, or scaled where there are no cuts."""
    cut = cuts.get("cut")
    if cut == "index":
        return Shape(kind=Kind.INDEX, cardinality=len(cuts["edges"]) + 2)
    if cut == "onehot":
        return Shape(kind=Kind.VECTOR, width=len(cuts["edges"]) + 2 + has_indicator)
    if cut == "spline":
        width = n_functions(cuts["knots"], cuts["degree"])
        return Shape(kind=Kind.VECTOR, width=width + has_indicator)
    return Shape(kind=Kind.SCALAR, width=1 + has_indicator)


def fill_missing(
    column: pl.Series,
    values: Floats,
    missing: npt.NDArray[np.bool_],
    encoding: NumberEncoding,
    *,
    others: pl.DataFrame | None,
) -> Floats:
    """Return the values [N] with missing ones filled, by neighbours, other columns, or a constant.

    Raises:
        DataError: a value is missing and the options say `error`.
    """
    if encoding.on_missing == "error":
        raise unusable(column, pl.Series(missing), what="are missing", fix=FIX)
    if encoding.filling is not None:
        values = values.copy()
        values[missing] = fill_values(encoding.filling, others, pl.Series(missing))
        return values
    if encoding.on_missing in {"ffill", "bfill"}:
        strategy: Literal["forward", "backward"] = (
            "forward" if encoding.on_missing == "ffill" else "backward"
        )
        filled = pl.Series(values).fill_nan(None).fill_null(strategy=strategy)
        values = filled.cast(pl.Float64).to_numpy()
        missing = np.isnan(values)
    return values if encoding.fill is None else np.where(missing, encoding.fill, values)


def to_numbers(values: Floats, encoding: NumberEncoding) -> Floats:
    """Return the numbers of present and filled values [N, W], without the indicator."""
    if encoding.cut == "onehot":
        return onehot_array(values, encoding.edges)
    if encoding.cut == "ordinal":
        return ordinal_array(values, encoding.edges)[:, None]
    if encoding.cut == "spline":
        return spline_array(values, encoding.knots, degree=encoding.degree)
    return scale_array(values, encoding.scaling)[:, None]


def cell_reader(encoding: NumberEncoding) -> Callable[..., RowValue]:
    """Return the function from a value to its cell; of the value and its row where that fills."""
    read = cleaned_reader(number_reader(encoding.style), encoding.cleaning)
    finish = _finisher(encoding)
    if encoding.on_missing == "error":

        def cell_or_error(value: object) -> RowValue:
            x = read(value)
            if x != x:  # noqa: PLR0124 - NaN
                raise unusable_value("number", value, what="is missing", fix=FIX)
            return finish(x)

        return cell_or_error
    if encoding.filling is not None:
        guess = fill_reader(encoding.filling)

        def filled_cell(value: object, row: Mapping[str, object]) -> RowValue:
            x = read(value)
            if x != x:  # noqa: PLR0124 - NaN
                return _as_missing(finish(guess(row)), encoding)
            return finish(x)

        return filled_cell
    missing = _missing_cell(encoding, finish)
    if encoding.cleaning.outliers == "none":

        def cell(value: object) -> RowValue:
            # Floats are most of what comes: they skip the reader.
            x = value if type(value) is float and -LARGEST <= value <= LARGEST else read(value)
            return missing if x != x else finish(x)  # noqa: PLR0124 - NaN

        return cell

    def cleaned_cell(value: object) -> RowValue:
        x = read(value)
        return missing if x != x else finish(x)  # noqa: PLR0124 - NaN

    return cleaned_cell


def _finisher(encoding: NumberEncoding) -> Callable[[float], RowValue]:
    """Return the function from a value that is not missing to its cell, indicator included."""
    if encoding.cut is not None:
        return _cutter(encoding)
    scaling = encoding.scaling
    if encoding.has_indicator:
        scale = scaler(scaling)
        return lambda x: (c_float(scale(x)).value, 0.0)
    if scaling.method is None:
        return lambda x: c_float(x).value
    scale = scaler(scaling)
    return lambda x: c_float(scale(x)).value


def _cutter(encoding: NumberEncoding) -> Callable[[float], RowValue]:
    edges, tail = list(encoding.edges), (0.0,) if encoding.has_indicator else ()
    if encoding.cut == "index":
        return lambda x: bisect_right(edges, x) + 1
    if encoding.cut == "ordinal":
        steps = max(len(edges), 1)
        ranks = [c_float(at / steps).value for at in range(len(edges) + 1)]
        if tail:
            return lambda x: (ranks[bisect_right(edges, x)], 0.0)
        return lambda x: ranks[bisect_right(edges, x)]
    if encoding.cut == "onehot":
        table = np.eye(len(edges) + 2).tolist()
        return lambda x: (*table[bisect_right(edges, x) + 1], *tail)
    read = spline_reader(encoding.knots, degree=encoding.degree)
    return lambda x: (*(c_float(value).value for value in read(x)), *tail)


def _missing_cell(encoding: NumberEncoding, finish: Callable[[float], RowValue]) -> RowValue:
    """Return the cell of a missing value that no other column has a say in."""
    if encoding.fill is not None:
        return _as_missing(finish(encoding.fill), encoding)
    if encoding.cut == "index":
        return 0
    width = encoding.shape.width - encoding.has_indicator
    numbers = (1.0,) + (0.0,) * (width - 1) if encoding.cut == "onehot" else (math.nan,) * width
    cell = (*numbers, 1.0) if encoding.has_indicator else numbers
    return cell if len(cell) > 1 or encoding.shape.kind is Kind.VECTOR else cell[0]


def _as_missing(cell: RowValue, encoding: NumberEncoding) -> RowValue:
    """Return a filled cell with its indicator set."""
    return (*cell[:-1], 1.0) if encoding.has_indicator and isinstance(cell, tuple) else cell
