"""What each input adds to the score of a linear model: its weights times its cells, exactly.

The base is the score of the mean row of a background, so that a cell adds what it makes different
from usual (Štrumbelj and Kononenko 2014: for a linear model these are the Shapley values).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import EncodedColumn
from ordain.models.attribution import Attribution
from ordain.models.linear.design import Layout, bag_matrix, n_weights

Float64s = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """Weights of one output with K scores.

    Attributes:
        intercept: [K].
        dense: [n_dense, K].
        sparse: [n_sparse, K].
        centre: [n_dense]; stands in for NaN.
    """

    intercept: Float64s
    dense: Float64s
    sparse: npt.NDArray[Any]
    centre: Float64s


def additive(
    layout: Layout,
    terms: Terms,
    inputs: Mapping[str, EncodedColumn],
    background: Mapping[str, EncodedColumn],
    *,
    names: Sequence[str],
    scale: str,
) -> Attribution:
    """Return the attribution of every row against the mean row of a background.

    Args:
        layout: which weights belong to which input.
        terms: of the output.
        inputs: encoded, N rows.
        background: encoded, at least one row.
        names: of the inputs, in the order wanted.
        scale: of the score.
    """
    values = _products(layout, terms, inputs, names)  # [N, F, K]
    mean = _products(layout, terms, background, names).mean(axis=0)
    base = terms.intercept + mean.sum(axis=0)
    values = values - mean
    margin = base + values.sum(axis=1)
    is_single = len(terms.intercept) == 1
    return Attribution(
        inputs=tuple(names),
        values=values[:, :, 0] if is_single else values,
        base=float(base[0]) if is_single else base,
        margin=margin[:, 0] if is_single else margin,
        scale=scale,
        method="exact",
    )


def _products(
    layout: Layout, terms: Terms, inputs: Mapping[str, EncodedColumn], names: Sequence[str]
) -> Float64s:
    parts = {**_dense(layout, terms, inputs), **_sparse(layout, terms, inputs)}
    return np.stack([parts[name] for name in names], axis=1)


def _dense(
    layout: Layout, terms: Terms, inputs: Mapping[str, EncodedColumn]
) -> dict[str, Float64s]:
    if not layout.dense:
        return {}
    n_rows = len(inputs[layout.dense[0][0]])
    block = layout.dense_block(inputs, slice(0, n_rows)).astype(np.float64)
    filled = np.where(np.isfinite(block), block, terms.centre)
    found, start = {}, 0
    for name, width in layout.dense:
        stop = start + width
        found[name] = filled[:, start:stop] @ terms.dense[start:stop]
        start = stop
    return found


def _sparse(
    layout: Layout, terms: Terms, inputs: Mapping[str, EncodedColumn]
) -> dict[str, Float64s]:
    starts = layout.starts()
    found = {}
    for (name, _), start in zip(layout.categories, starts, strict=False):
        found[name] = terms.sparse[start + inputs[name].values].astype(np.float64)
    for (name, places), start in zip(layout.bags, starts[len(layout.categories) :], strict=True):
        n = n_weights(places)
        matrix = bag_matrix(inputs[name], places, np.float64)[:, :n]
        found[name] = np.asarray(matrix @ terms.sparse[start : start + n], dtype=np.float64)
    return found
