"""Noise: how much of the error no model can undo, from labels that look wrong and from twins.

Labels: the joint count of given and likely class of confident learning (Northcutt et al. 2021),
over rows the model has not learned from. Rows that the inputs cannot tell apart look like wrong
labels too, so that the share is an upper bound.
Twins: rows equal in all inputs whose targets differ; no model of these inputs has all of them
right, so that what they cost is a lower bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.evaluation.intervals import wilson
from ordain.evaluation.judgement import Record

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MIN_ROWS = 50


class LabelNoise(Record):
    """How many labels look wrong."""

    n_rows: int
    share: float
    """Of the rows, 0 to 1; an upper bound."""
    low: float
    """Of the 95% interval of the share."""
    high: float
    by_class: tuple[float, ...]
    """Share of the rows of each class that look like another."""


class Twins(Record):
    """Rows that are equal in all inputs."""

    n_rows: int
    """All rows that were compared."""
    n_twins: int
    """Rows that have an equal one."""
    n_conflicts: int
    """Of these, rows whose target is not that of most of their equals (numbers: differs at all)."""
    floor: float
    """Least error of any model on the twins: share of wrong answers, or mean absolute error."""

    @property
    def share(self) -> float:
        """Twins with another target than their equals, of all twins; 0 without twins."""
        return self.n_conflicts / self.n_twins if self.n_twins else 0.0


def label_noise(truth: npt.NDArray[Any], scores: npt.NDArray[Any]) -> LabelNoise | None:
    """Return how many labels look wrong; None under fifty rows.

    Args:
        truth: class index of each row [N]; rows below zero or NaN are left out.
        scores: probabilities of rows that were not learned from [N, C], or of the positive [N].
    """
    scores = np.asarray(scores, dtype=np.float64)
    scores = np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores
    known = np.nan_to_num(np.asarray(truth, dtype=np.float64), nan=-1.0) >= 0
    given, scores = np.asarray(truth)[known].astype(np.int64), scores[known]
    if len(given) < MIN_ROWS:
        return None
    joint = _joint(given, scores)
    n_rows = len(given)
    wrong = joint.sum(axis=1) - np.diag(joint)
    share = float(wrong.sum() / n_rows)
    low, high = wilson(share, n_rows)
    sizes = joint.sum(axis=1)
    by_class = np.divide(wrong, sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    return LabelNoise(
        n_rows=n_rows, share=share, low=low, high=high, by_class=tuple(by_class.tolist())
    )


def _joint(given: Ints, scores: Floats) -> Floats:
    """Return how many rows of each given class [C] are likely of each class [C]."""
    n_rows, n_classes = scores.shape
    counts = np.bincount(given, minlength=n_classes)
    own = np.bincount(given, scores[np.arange(n_rows), given], minlength=n_classes)
    least = np.divide(own, counts, out=np.full(n_classes, np.inf), where=counts > 0)
    above = np.where(scores >= least, scores, -np.inf)
    likely = above.argmax(axis=1)
    is_sure = above.max(axis=1) > -np.inf
    places = given[is_sure] * n_classes + likely[is_sure]
    joint = np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)
    # Rows that are sure of no class are taken to be divided as the others of their label.
    sure = joint.sum(axis=1)
    known = np.where(sure[:, None] > 0, joint, np.eye(n_classes))
    return np.asarray(known / known.sum(axis=1, keepdims=True) * counts[:, None])


def twins(keys: npt.NDArray[np.uint64], truth: npt.NDArray[Any], *, is_number: bool) -> Twins:
    """Return what rows that are equal in all inputs say.

    Args:
        keys: a hash of the inputs of each row [N].
        truth: class index, or number [N]; rows without one (NaN, below zero for classes) are left
            out.
        is_number: whether the target is a number.
    """
    values = np.asarray(truth, dtype=np.float64)
    known = ~np.isnan(values) if is_number else np.nan_to_num(values, nan=-1.0) >= 0
    keys, values = keys[known], values[known]
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    is_twin = sizes[group] > 1
    group, values = group[is_twin], values[is_twin]
    if not len(values):
        return Twins(n_rows=int(known.sum()), n_twins=0, n_conflicts=0, floor=0.0)
    if is_number:
        errors = np.abs(values - _medians(group, values))
        n_conflicts, floor = int(np.count_nonzero(errors)), float(errors.mean())
    else:
        n_conflicts = len(values) - _most(group, values.astype(np.int64))
        floor = n_conflicts / len(values)
    return Twins(n_rows=int(known.sum()), n_twins=len(values), n_conflicts=n_conflicts, floor=floor)


def _medians(group: Ints, values: Floats) -> Floats:
    """Return the lower median of the group of each row [N]."""
    order = np.lexsort((values, group))
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    medians = values[order][starts + (sizes - 1) // 2]
    found = np.empty(len(values))
    found[order] = np.repeat(medians, sizes)
    return found


def _most(group: Ints, labels: Ints) -> int:
    """Return how many rows bear the commonest label of their group."""
    n_labels = int(labels.max()) + 1
    pairs, counts = np.unique(group * n_labels + labels, return_counts=True)
    best = np.zeros(int(group.max()) + 1, dtype=np.int64)
    np.maximum.at(best, pairs // n_labels, counts)
    return int(best.sum())
