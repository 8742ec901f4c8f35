"""How wrong each row is: the one measure that slices, error analysis and checks share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ordain.evaluation.subject import Target

Floats = npt.NDArray[np.float64]

FLOOR = 1e-7
"""No probability counts as less: one certain mistake must not outweigh all else."""

NAMES = {"binary": "log loss", "category": "log loss", "number": "absolute error"}
"""What the loss of a row is called, by output type."""


def row_losses(target: Target) -> Floats:
    """Return the loss of each row [N]; NaN where the truth is missing or was never seen.

    Classes: minus the natural logarithm of the probability of the true class, at most 16.1.
    Numbers: the absolute error, in the units of the column.
    """
    losses = np.full(len(target.truth), np.nan)
    rows = target.is_judged
    if target.type == "number":
        losses[rows] = np.abs(target.scores[rows] - target.truth[rows])
        return losses
    losses[rows] = -np.log(np.maximum(true_probability(target)[rows], FLOOR))
    return losses


def true_probability(target: Target) -> Floats:
    """Return the probability given to the true class [N]; NaN where there is no truth to judge."""
    found = np.full(len(target.truth), np.nan)
    rows = np.flatnonzero(target.is_judged)
    truth = target.truth[rows].astype(np.int64)
    scores = np.asarray(target.scores[rows], dtype=np.float64)
    found[rows] = (
        np.where(truth == 1, scores, 1 - scores)
        if target.type == "binary"
        else scores[np.arange(len(rows)), truth]
    )
    return found


def predicted_class(target: Target) -> npt.NDArray[np.int64]:
    """Return the class predicted for each row [N]; for binary by the threshold."""
    if target.type == "binary":
        return np.asarray(target.scores >= target.threshold, dtype=np.int64)
    return np.asarray(target.scores.argmax(axis=1), dtype=np.int64)
