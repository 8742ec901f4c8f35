"""What an output asks of a model, whatever the family: truth, classes, weights, constant cases.

Also which truths a loss can judge, and in which unit it needs them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.component import Component
from ordain.core.errors import DataError, TrainingError
from ordain.features.feature import Scores
from ordain.models.family import Dataset, Output

Floats = npt.NDArray[np.float64]


def n_classes(output: Output) -> int:
    """Return 0 for a number, 2 for binary, else the number of classes."""
    if output.type == "number":
        return 0
    if output.type == "binary":
        return 2
    return max(1, len(output.labels) or output.shape.cardinality)


@dataclass(frozen=True)
class Target:
    """One output of some rows.

    Attributes:
        truth: [N] float32: a number, 0 or 1, or the index of a class.
        weights: of rows times those of classes [N] float32, or None where all are equal.
    """

    truth: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, output: Output, rows: Dataset) -> Target:
        """Return the truth of one output.

        Raises:
            TrainingError: no rows, or a truth that is missing or not finite.
        """
        if rows.n_rows == 0:
            raise TrainingError(f"there is no row to learn `{output.name}` from")
        truth = np.asarray(rows.outputs[output.name].values, dtype=np.float32)
        truth = truth.reshape(rows.n_rows, -1)[:, 0]
        n_bad = int(np.count_nonzero(~np.isfinite(truth)))
        if n_bad:
            raise TrainingError(
                f"`{output.name}` is missing or not finite in {n_bad:,} of {rows.n_rows:,} rows; "
                "rows without a truth must be dropped before training"
            )
        return cls(truth, _weights(output, rows, truth))

    def constant(self, classes: int) -> Floats | None:
        """Return the scores that hold for every row where there is only one truth, else None.

        A class never seen to fail keeps half a row of doubt, (n + 1/2) / (n + 1) (Krichevsky and
        Trofimov 1981), so that a log loss stays finite.
        """
        if classes == 1:
            return np.ones(1)
        if np.any(self.truth != self.truth[0]):
            return None
        if classes == 0:
            return np.array([float(self.truth[0])])
        doubt = 0.5 / (len(self.truth) + 1)
        if classes == 2:  # noqa: PLR2004
            return np.array([1 - doubt if self.truth[0] else doubt])
        scores = np.full(classes, doubt / (classes - 1))
        scores[int(self.truth[0])] = 1 - doubt
        return scores


def check_domain(output: Output, target: Target, *, what: str = "training") -> None:
    """Refuse truths that the loss of an output cannot judge.

    Raises:
        DataError: with the column, how many rows, and up to three of them.
    """
    domain = getattr(output.loss, "domain", "any")
    if output.loss is None or domain == "any":
        return
    truth = target.truth
    bad = np.flatnonzero(truth < 0 if domain == "not_negative" else truth <= 0)
    if not len(bad):
        return
    shown = ", ".join(f"{truth[row]:g} in {what} row {row:,}" for row in bad[:3])
    asked = "0 or more" if domain == "not_negative" else "above 0"
    raise DataError(
        f"`{output.name}` has {len(bad):,} of {len(truth):,} {what} rows that the loss "
        f"'{output.loss.type}' cannot judge: {shown}\n"
        f"  Possible: targets of {asked}\n"
        "  Fix: leave those rows out with `data.where`, or use `loss: mean_squared_error`"
    )


def unit_options(loss: Component | None) -> dict[str, tuple[Any, str]]:
    """Return the options of a number that its loss needs; see `Family.target_options`."""
    if not getattr(loss, "is_in_unit", False):
        return {}
    assert loss is not None, "None needs nothing"
    return {"normalization": (None, f"the loss '{loss.type}' judges the target in its own unit")}


def log_losses(type_name: str) -> dict[str, frozenset[str] | None]:
    """Return the log loss of a class type, with the keys that any family follows: class weights."""
    if type_name == "binary":
        return {"binary_weighted_cross_entropy": frozenset({"positive_class_weight"})}
    return (
        {"softmax_cross_entropy": frozenset({"class_weights"})} if type_name == "category" else {}
    )


def spread(scores: Floats, n_rows: int, *, is_category: bool) -> Scores:
    """Return the same scores for every row: [N, C] of a category, else [N]."""
    if is_category:
        return np.tile(scores, (n_rows, 1))
    return np.full(n_rows, scores[0])


def _weights(
    output: Output, rows: Dataset, truth: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32] | None:
    if not output.class_weights:
        return rows.weights
    by_class = np.asarray(output.class_weights, dtype=np.float32)[truth.astype(np.int64)]
    return by_class if rows.weights is None else by_class * rows.weights
