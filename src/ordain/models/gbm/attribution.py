"""Tree SHAP: what each input adds to the raw score of boosted trees, exactly.

Source: Lundberg, Erion and Lee 2018, as LightGBM computes it (`pred_contrib`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ordain.features.encoded import EncodedColumn
from ordain.models.attribution import Attribution
from ordain.models.gbm.matrix import Layout
from ordain.models.gbm.native import Booster


def tree_shap(
    booster: Booster,
    layout: Layout,
    inputs: Mapping[str, EncodedColumn],
    *,
    scale: str,
    is_category: bool,
    n_threads: int,
) -> Attribution:
    """Return the attribution of every row; columns of one input are added up.

    Args:
        booster: of one output.
        layout: of its matrix.
        inputs: encoded, N rows.
        scale: of the raw score.
        is_category: whether there is a score a class.
        n_threads: 0 for OpenMP's own number.
    """
    n_rows = len(next(iter(inputs.values())))
    n_scores, n_parts = booster.n_scores, layout.n_columns + 1
    parts = np.empty((n_rows, n_scores * n_parts))
    for place, block in layout.blocks(inputs, n_rows):
        booster.contributions(block, parts[place], n_threads=n_threads)
    by_class = parts.reshape(n_rows, n_scores, n_parts)
    columns = by_class[:, :, :-1]
    values = np.add.reduceat(columns, np.array(layout.starts[:-1]), axis=2)  # [N, C, F]
    base = by_class[0, :, -1] if n_rows else np.zeros(n_scores)
    margin = by_class.sum(axis=2)
    if is_category:
        return Attribution(
            inputs=layout.names,
            values=np.ascontiguousarray(values.transpose(0, 2, 1)),
            base=base,
            margin=margin,
            scale=scale,
            method="tree_shap",
        )
    return Attribution(
        inputs=layout.names,
        values=values[:, 0],
        base=float(base[0]),
        margin=margin[:, 0],
        scale=scale,
        method="tree_shap",
    )
