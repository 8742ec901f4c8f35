"""How alike the targets are of rows that share a value: the intraclass correlation.

Source: Shrout and Fleiss 1979, for classes as the agreement of two rows of one group beyond chance.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ordain.evaluation.subject import Subject, Target

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def joined_target(first: Subject, second: Subject, output: str) -> Target:
    """Return an output over the rows of two samples, one after the other."""
    ours, theirs = first.targets[output], second.targets[output]
    return replace(
        ours,
        truth=np.concatenate([ours.truth, theirs.truth]),
        scores=np.concatenate([ours.scores, theirs.scores]),
        baselines={},
    )


def target_matrix(target: Target) -> Floats:
    """Return what varies of a target, with mean zero [N, K]; zeros where there is no truth.

    Numbers are ranks, so that a few large ones do not decide; classes are a column each.
    """
    judged = np.flatnonzero(target.is_judged)
    truth = target.truth[judged]
    if target.type == "number":
        order = np.argsort(np.argsort(truth, kind="stable"), kind="stable")
        found = (order - order.mean())[:, None] if len(order) else np.zeros((0, 1))
    else:
        classes, places = np.unique(truth, return_inverse=True)
        found = np.eye(max(1, len(classes)))[places]
        found = found - found.mean(axis=0) if len(found) else found
    matrix = np.zeros((len(target.truth), found.shape[1]))
    matrix[judged] = found
    return matrix


def without_groups(matrix: Floats, groups: Codes) -> Floats:
    """Return what is left of a matrix [N, K] beside the mean of each row's group."""
    n_groups = int(groups.max(initial=-1)) + 1
    counts = np.maximum(np.bincount(groups, minlength=n_groups), 1)
    means = _sums(matrix, groups, n_groups) / counts[:, None]
    return np.asarray(matrix - means[groups])


def likeness(matrix: Floats, groups: Codes) -> tuple[float, int]:
    """Return how alike two rows of one group are, and how many rows share their group.

    1 where they are always equal, 0 where a group tells nothing. Every row counts the same,
    whatever the size of its group.

    Args:
        matrix: of the target, with mean zero [N, K].
        groups: of each row, from 0 on [N].
    """
    n_groups = int(groups.max(initial=-1)) + 1
    counts = np.bincount(groups, minlength=n_groups)
    own = np.square(matrix).sum(axis=1)
    within = np.bincount(groups, own, minlength=n_groups)
    sums = np.square(_sums(matrix, groups, n_groups)).sum(axis=1)
    shared = counts > 1
    total = float(within[shared].sum())
    if total <= 0:
        return 0.0, int(counts[shared].sum())
    pairs = (sums[shared] - within[shared]) / (counts[shared] - 1)
    return float(pairs.sum()) / total, int(counts[shared].sum())


def _sums(matrix: Floats, groups: Codes, n_groups: int) -> Floats:
    columns = [np.bincount(groups, column, minlength=n_groups) for column in matrix.T]
    return np.stack(columns, axis=1)
