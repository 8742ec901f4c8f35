"""A number cut into bins, or spread over the pieces of a B-spline.

| form | what a number becomes |
| --- | --- |
| index | the number of its bin, from 1; 0 is missing |
| onehot | one number a bin, 1 in its own; the first is of missing ones |
| ordinal | its bin as a number from 0 (lowest) to 1 (highest) |
| spline | the values of all basis functions, which add up to 1 |

Borders of bins and knots of splines lie at quantiles of the training rows, which fills bins
equally, or at equal widths of their range. A number beyond the range belongs to the outermost bin,
or takes the spline's value at the border. A number that equals a border belongs to the bin above.

Knots lie beyond both ends as far apart as the first and the last two (scikit-learn's
SplineTransformer with `extrapolation="constant"`); the basis is computed by the triangle of Cox and
de Boor, in the same steps for a column and for one number.

Source: de Boor (1978), A Practical Guide to Splines; Eilers and Marx (1996).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from ordain.features.powers import Floats

CutForm = Literal["index", "onehot", "ordinal", "spline"]
Places = Literal["quantile", "width"]


def fit_edges(values: Floats, n_bins: int, *, places: Places) -> tuple[float, ...]:
    """Return the inner borders of the bins of present values, ascending; equal ones are one."""
    inner = _places(values, np.arange(1, n_bins) / n_bins, places=places)
    return tuple(float(edge) for edge in inner)


def fit_knots(values: Floats, n_knots: int, *, degree: int, places: Places) -> tuple[float, ...]:
    """Return the knots of a B-spline over present values, those beyond both ends included.

    Empty where there are not two distinct knots: the basis is then 0 everywhere.
    """
    base = _places(values, np.linspace(0, 1, n_knots), places=places)
    if len(base) < 2:  # noqa: PLR2004 - a piece has two ends
        return ()
    first, last = base[1] - base[0], base[-1] - base[-2]
    steps = np.arange(1, degree + 1)
    knots = np.concatenate([base[0] - first * steps[::-1], base, base[-1] + last * steps])
    return tuple(knots.tolist())


def n_functions(knots: tuple[float, ...], degree: int) -> int:
    """Return how many basis functions a spline has; 1 where there are no knots."""
    return len(knots) - degree - 1 if knots else 1


def bin_array(values: Floats, edges: tuple[float, ...]) -> npt.NDArray[np.int32]:
    """Return bins [N], from 1; 0 where missing."""
    ids = np.searchsorted(np.array(edges), values, side="right").astype(np.int32) + np.int32(1)
    ids[np.isnan(values)] = 0
    return ids


def ordinal_array(values: Floats, edges: tuple[float, ...]) -> Floats:
    """Return bins as numbers from 0 to 1 [N]; NaN stays NaN."""
    places = (bin_array(values, edges) - 1) / max(len(edges), 1)
    return np.where(np.isnan(values), np.nan, places)


def onehot_array(values: Floats, edges: tuple[float, ...]) -> Floats:
    """Return 1 in the column of the bin, else 0 [N, bins + 1]."""
    cells = np.zeros((len(values), len(edges) + 2))
    cells[np.arange(len(values)), bin_array(values, edges)] = 1.0
    return cells


def spline_array(values: Floats, knots: tuple[float, ...], *, degree: int) -> Floats:
    """Return the basis functions of numbers [N, n_functions]; NaN stays NaN."""
    cells = np.zeros((len(values), n_functions(knots, degree)))
    missing = np.isnan(values)
    if knots:
        t = np.array(knots)
        low, high = t[degree], t[-degree - 1]
        x = np.clip(np.where(missing, low, values), low, high)
        spans = np.searchsorted(t, x, side="right") - 1
        spans = np.minimum(spans, len(t) - degree - 2)
        rows = np.arange(len(x))
        for place, cell in enumerate(_triangle(x, t, spans, degree=degree)):
            cells[rows, spans - degree + place] = cell
    cells[missing] = np.nan
    return cells


def spline_reader(knots: tuple[float, ...], *, degree: int) -> Callable[[float], tuple[float, ...]]:
    """Return the function from one number to its basis functions, as `spline_array` gives them."""
    if not knots:
        return lambda _: (0.0,)
    low, high = knots[degree], knots[-degree - 1]
    last, width = len(knots) - degree - 2, n_functions(knots, degree)

    def read(x: float) -> tuple[float, ...]:
        x = low if x < low else min(x, high)
        span = min(bisect_right(knots, x) - 1, last)
        cells = [0.0] * width
        values = [1.0]
        for order in range(1, degree + 1):
            carried, longer = 0.0, []
            for at, value in enumerate(values):
                right = knots[span + at + 1]
                left = knots[span + at + 1 - order]
                share = value / (right - left)
                longer.append(carried + (right - x) * share)
                carried = (x - left) * share
            values = [*longer, carried]
        cells[span - degree : span + 1] = values
        return tuple(cells)

    return read


def _triangle(x: Floats, t: Floats, spans: npt.NDArray[np.int64], *, degree: int) -> list[Floats]:
    """Return the degree + 1 basis functions that are not 0, by the triangle of Cox and de Boor."""
    values = [np.ones(len(x))]
    for order in range(1, degree + 1):
        carried, longer = np.zeros(len(x)), []
        for at, value in enumerate(values):
            right, left = t[spans + at + 1], t[spans + at + 1 - order]
            share = value / (right - left)
            longer.append(carried + (right - x) * share)
            carried = (x - left) * share
        values = [*longer, carried]
    return values


def _places(values: Floats, shares: Floats, *, places: Places) -> Floats:
    if len(values) == 0:
        return np.zeros(0)
    if places == "quantile":
        return np.unique(np.quantile(values, shares))
    low, high = float(values.min()), float(values.max())
    return np.unique(low + (high - low) * shares)
