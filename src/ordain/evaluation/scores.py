"""Scores to judge: one output on one set of rows, and which of its rows can be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError
from ordain.evaluation.sample import THRESHOLD, Array, Extras, Sample, make_sample

UNSEEN = -1
"""Truth of a row whose label did not occur in training, as the encoding of a category says it."""
MISSING = -2
"""Truth of a row without a label, where truth is a whole number; NaN says the same."""


@dataclass(frozen=True)
class SetScores:
    """One output on one set of rows: the truth, this model's scores and the baselines'.

    Attributes:
        truth: 0 or 1 [N]; class index [N]; number in its own units [N]. NaN or -2: missing; -1 for
            classes: a label never seen in training.
        scores: probability of the positive class [N]; of all classes [N, C]; number in the units
            of the truth [N].
        baselines: scores of the same rows by the name of the baseline.
        weights: of rows [N], or None.
        threshold: probability from which a row is called positive; for binary outputs.
        baseline_threshold: that of the baselines; by default the same.
        their_thresholds: that of single baselines, by name; each was chosen as this model's was.
        groups: which group each row is of [N], or None; rows of a group are not independent.
        bounds: this model's predicted interval of each row [N, 2], or None; for numbers.
    """

    truth: Array
    scores: Array
    baselines: Mapping[str, Array] = field(default_factory=dict)
    weights: Array | None = None
    threshold: float = THRESHOLD
    groups: Array | None = None
    bounds: Array | None = None
    baseline_threshold: float | None = None
    their_thresholds: Mapping[str, float] = field(default_factory=dict)

    def threshold_of(self, baseline: str) -> float:
        """Return the threshold that a baseline is judged at."""
        shared = self.threshold if self.baseline_threshold is None else self.baseline_threshold
        return self.their_thresholds.get(baseline, shared)


@dataclass(frozen=True)
class Usable:
    """Which rows have a truth that can be judged.

    Attributes:
        rows: whether each row has one [N]; None where all have.
        n_missing: rows whose truth is missing.
        n_unseen: rows whose label did not occur in training.
    """

    rows: npt.NDArray[np.bool_] | None
    n_missing: int
    n_unseen: int


def usable_rows(type_name: str, truth: Array) -> Usable:
    """Say which rows have a truth that can be judged; `rows` is None where all have."""
    truth = np.asarray(truth)
    is_missing = np.isnan(truth) if truth.dtype.kind == "f" else np.zeros(len(truth), np.bool_)
    is_unseen = np.zeros(len(truth), np.bool_)
    if type_name != "number":
        is_missing = is_missing | (truth == MISSING)
        is_unseen = truth == UNSEEN
    left_out = is_missing | is_unseen
    return Usable(
        rows=~left_out if left_out.any() else None,
        n_missing=int(np.count_nonzero(is_missing)),
        n_unseen=int(np.count_nonzero(is_unseen)),
    )


def sample_of(
    type_name: str,
    scores: SetScores,
    values: Array,
    rows: npt.NDArray[np.bool_] | None,
    *,
    labels: tuple[str, ...] = (),
    bounds: Array | None = None,
) -> Sample:
    """Return the sample of those rows of a set that can be judged.

    Args:
        type_name: binary, category or number.
        scores: the set; its truth, weights, groups and threshold are taken.
        values: the scores to judge, of this model or of a baseline.
        rows: from `usable_rows`.
        labels: names of the classes.
        bounds: predicted interval of each row [N, 2].

    Raises:
        UsageError: lengths or shapes do not fit.
    """
    if len(scores.truth) != len(values):
        raise UsageError(
            f"truth has {len(scores.truth)} rows and scores have {len(values)}; "
            "they must be of one length"
        )
    truth, weights, groups = np.asarray(scores.truth), scores.weights, scores.groups
    if rows is not None:
        truth, values = truth[rows], values[rows]
        weights, groups, bounds = (
            None if part is None else np.asarray(part)[rows] for part in (weights, groups, bounds)
        )
    extras = Extras(groups, labels, bounds)
    return make_sample(
        type_name, truth, values, weights=weights, threshold=scores.threshold, extras=extras
    )
