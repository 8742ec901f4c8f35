"""What each input says for each class of naive Bayes: its log-odds add up, exactly.

The base is what the prior and the mean row of a background say, so that a cell adds what it makes
different from usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ordain.features.encoded import EncodedColumn
from ordain.models.attribution import Attribution
from ordain.models.bayes.factors import Factors, Floats, terms

if TYPE_CHECKING:
    from ordain.models.bayes.model import Said


def log_odds(
    said: Said,
    factors: Factors,
    inputs: Mapping[str, EncodedColumn],
    background: Mapping[str, EncodedColumn],
    *,
    is_category: bool,
    is_presence: bool,
) -> Attribution:
    """Return the attribution of every row against the mean row of a background.

    Args:
        said: what factors say of the output.
        factors: which of them each input has.
        inputs: encoded, N rows.
        background: encoded, at least one row.
        is_category: whether there is a score a class; else there is one, the log-odds of the
            second class.
        is_presence: whether a term counts once, whatever its weight.
    """
    values = _by_input(said, factors, inputs, is_presence=is_presence)  # [N, F, C]
    mean = _by_input(said, factors, background, is_presence=is_presence).mean(axis=0)
    base = said.prior + mean.sum(axis=0)
    values = values - mean
    if not is_category:
        values, base = values[:, :, 1] - values[:, :, 0], base[1] - base[0]
    return Attribution(
        inputs=tuple(column.name for column in factors.inputs),
        values=values,
        base=base if is_category else float(base),
        margin=base + values.sum(axis=1),
        scale="log_odds",
        method="exact",
    )


def _by_input(
    said: Said, factors: Factors, inputs: Mapping[str, EncodedColumn], *, is_presence: bool
) -> Floats:
    n_rows = len(next(iter(inputs.values())))
    found = np.zeros((n_rows, len(factors.inputs), said.n_classes))
    spans = factors.spans()
    for place, numbers, levels in factors.blocks(inputs, n_rows):
        for index, (of_numbers, of_levels) in enumerate(spans):
            said.add_dense(
                found[place, index], numbers[:, of_numbers], levels[:, of_levels],
                places=(of_numbers, of_levels),
            )  # fmt: skip
    names = [column.name for column in factors.inputs]
    for index, (name, known) in enumerate(factors.places.items()):
        told, weights, rows = terms(inputs[name], known)
        weights = np.ones(len(told)) if is_presence else weights
        said.add_terms(found[:, names.index(name)], index, told, weights=weights, rows=rows)
    return found
