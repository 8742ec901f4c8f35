"""What each input adds to a prediction, as a model that knows it says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Attribution:
    """What each input adds to the score of each row.

    For every row (and class): ``base + sum(values over inputs) == margin``.

    Attributes:
        inputs: names of the features, in the order of the second axis.
        values: [N, F] for binary (log-odds of the positive class, or what `scale` says) and
            number; [N, F, C] for a category.
        base: what is there before any input speaks; a number, or [C].
        margin: the explained score [N] or [N, C].
        scale: `log_odds` (of a category: the logarithm of its score before they are scaled to add
            up to 1, up to what all classes share),
            `probability`, `value` (units of the truth), or `log` of such a value.
        method: such as `exact`, `tree_shap`, `integrated_gradients`, `sampled_shapley`.
        tokens: for text inputs where the method tells them: per row, pairs of the token's text
            and its share of the input's value.
    """

    inputs: tuple[str, ...]
    values: npt.NDArray[np.float64]
    base: float | npt.NDArray[np.float64]
    margin: npt.NDArray[np.float64]
    scale: str
    method: str
    tokens: Mapping[str, Sequence[Sequence[tuple[str, float]]]] = field(default_factory=dict)
