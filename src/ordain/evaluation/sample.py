"""Truth beside scores for one output: what every metric reads.

A sample computes what several metrics share (the order of the scores, the counts of a confusion
matrix, the errors) at most once, when it is first asked for. Weights may be exchanged without
losing what does not depend on them, which is what makes resampling cheap.

Rows of one group (a person, a day, a query) are not independent: intervals treat the group as the
unit where groups are given, and metrics of ranked lists take each group as one list.

Shapes: N rows, C classes, G groups. Rows whose truth is missing or unseen are removed before a
sample is made; see `evaluate.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ordain.core.errors import UsageError
from ordain.evaluation.rows import NO_EXTRAS, Array, Extras, Floats, Ints, Sample, dot

__all__ = [
    "SAMPLES",
    "THRESHOLD",
    "Array",
    "BinarySample",
    "CategorySample",
    "ClassSample",
    "Counts",
    "Extras",
    "Floats",
    "Ints",
    "NumberSample",
    "Ranking",
    "Sample",
    "dot",
    "label_of",
    "make_sample",
]

THRESHOLD = 0.5
"""A row is predicted positive from this probability on, unless the output says otherwise."""


@dataclass(frozen=True)
class Counts:
    """Weighted counts by class [C]: a confusion matrix without its inside.

    Attributes:
        hits: rows of the class predicted as it.
        truth: rows of the class.
        predicted: rows predicted as the class.
        total: all rows.
    """

    hits: Floats
    truth: Floats
    predicted: Floats
    total: float


@dataclass(frozen=True)
class Ranking:
    """Weighted counts above each distinct score [K], the highest score first.

    Attributes:
        thresholds: the distinct scores, falling.
        positives: positive rows with a score of at least the threshold; the last entry is all.
        negatives: the same for negative rows.
    """

    thresholds: Array
    positives: Floats
    negatives: Floats


class ClassSample(Sample, ABC):
    """What binary and category samples share: a predicted class and counts by class."""

    _weighted = frozenset({"counts", "ranking"})
    n_classes: int

    @property
    def truth_index(self) -> Array:
        """Class of each row [N]."""
        return self.truth

    @property
    @abstractmethod
    def predicted(self) -> Array:
        """Class predicted for each row [N]."""

    @property
    @abstractmethod
    def confidence(self) -> Array:
        """Probability that calibration judges [N]: of the positive, or of the predicted class."""

    @property
    @abstractmethod
    def is_hit(self) -> npt.NDArray[np.bool_]:
        """Whether what `confidence` is about came true [N]."""

    @cached_property
    def is_correct(self) -> npt.NDArray[np.bool_]:
        """Whether the predicted class is the true one [N]."""
        return np.asarray(self.predicted == self.truth_index)

    def smallest_class_rows(self) -> float:
        """Return the independent rows of the rarest class that occurs."""
        counts = self.counts.truth
        rarest = int(np.where(counts > 0, counts, np.inf).argmin())
        return self.rows_in(self.truth_index == rarest)

    @cached_property
    def counts(self) -> Counts:
        """Hits, truth and predictions by class."""
        n = self.n_classes
        hit = self.is_correct
        weights = self.weights
        hits = np.bincount(
            self.truth_index[hit], None if weights is None else weights[hit], minlength=n
        )
        return Counts(
            hits=hits.astype(np.float64),
            truth=np.bincount(self.truth_index, weights, minlength=n).astype(np.float64),
            predicted=np.bincount(self.predicted, weights, minlength=n).astype(np.float64),
            total=self.total,
        )


class BinarySample(ClassSample):
    """Truth 0 or 1 [N], scores the probability of 1 [N]; positive is called from `threshold` on."""

    type = "binary"
    n_classes = 2
    _settings = ("labels", "threshold")

    def __init__(
        self,
        truth: Array,
        scores: Array,
        *,
        weights: Array | None = None,
        threshold: float = THRESHOLD,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        if np.ndim(scores) != 1:
            raise UsageError(f"scores of a binary output must be [N], not {list(scores.shape)}")
        truth = np.asarray(truth)
        if not ((truth == 0) | (truth == 1)).all():
            raise UsageError("truth of a binary output must be 0 or 1 in every row")
        super().__init__(truth.astype(np.int8), _floating(scores), weights=weights, extras=extras)
        self.threshold = threshold

    @cached_property
    def is_positive(self) -> npt.NDArray[np.bool_]:
        """Whether the truth is 1 [N]."""
        return np.asarray(self.truth == 1)

    @cached_property
    def predicted(self) -> Array:
        """1 where the score is at least the threshold [N]."""
        return (self.scores >= self.threshold).astype(np.int8)

    @property
    def confidence(self) -> Array:
        """Probability of the positive class [N]."""
        return self.scores

    @property
    def is_hit(self) -> npt.NDArray[np.bool_]:
        """Whether the row is positive [N]."""
        return self.is_positive

    @cached_property
    def order(self) -> Ints:
        """Positions of the rows, the highest score first [N]."""
        return np.argsort(-self.scores)

    @cached_property
    def group_ends(self) -> Ints:
        """Last place in `order` of each distinct score [K]."""
        ordered = self.scores[self.order]
        return np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)

    @cached_property
    def ranking(self) -> Ranking:
        """Counts above each distinct score; needs at least one row."""
        order, ends = self.order, self.group_ends
        positive = self.is_positive[order]
        if self.weights is None:
            above = np.cumsum(positive, dtype=np.float64)[ends]
            return Ranking(self.scores[order[ends]], above, ends + 1.0 - above)
        weights = self.weights[order]
        above = np.cumsum(positive * weights)[ends]
        below = np.cumsum(~positive * weights)[ends]
        return Ranking(self.scores[order[ends]], above, below)


class CategorySample(ClassSample):
    """Truth as class index [N], scores the probabilities of all classes [N, C]."""

    type = "category"

    def __init__(
        self,
        truth: Array,
        scores: Array,
        *,
        weights: Array | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        if np.ndim(scores) != 2:  # noqa: PLR2004 - rows and classes
            raise UsageError(
                f"scores of a category output must be [N, C], not {list(np.shape(scores))}"
            )
        truth = np.asarray(truth)
        n_classes = np.shape(scores)[1]
        if len(truth) and not (truth.min() >= 0 and truth.max() < n_classes):
            raise UsageError(
                f"truth of a category output must be an index from 0 to {n_classes - 1}; "
                f"found {truth.min()} to {truth.max()}"
            )
        super().__init__(truth.astype(np.int64), _floating(scores), weights=weights, extras=extras)

    @property
    def n_classes(self) -> int:  # type: ignore[override]
        """C."""
        return int(self.scores.shape[1])

    @cached_property
    def predicted(self) -> Array:
        """Class of the highest score, the first one of equals [N]."""
        return np.asarray(self.scores.argmax(axis=1))

    @cached_property
    def confidence(self) -> Array:
        """Probability of the predicted class [N]."""
        return np.asarray(self.scores.max(axis=1, initial=0.0))

    @property
    def is_hit(self) -> npt.NDArray[np.bool_]:
        """Whether the predicted class is the true one [N]."""
        return self.is_correct

    @cached_property
    def of_truth(self) -> Array:
        """Probability given to the true class [N]."""
        return np.asarray(self.scores[np.arange(len(self)), self.truth])

    @cached_property
    def _rest(self) -> dict[int, BinarySample]:
        return {}

    def against_rest(self, index: int) -> BinarySample:
        """Return one class against all others; the order of its scores is kept for resampling."""
        if index not in self._rest:
            self._rest[index] = BinarySample(
                self.truth == index, self.scores[:, index], extras=Extras(groups=self.groups)
            )
        return self._rest[index].with_weights(self.weights)


class NumberSample(Sample):
    """Truth and predictions in the units of the column [N], float64."""

    type = "number"
    _weighted = frozenset()

    def __init__(
        self,
        truth: Array,
        scores: Array,
        *,
        weights: Array | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        if np.ndim(scores) != 1:
            raise UsageError(f"scores of a number output must be [N], not {list(scores.shape)}")
        bounds = extras.bounds
        if bounds is not None and (np.ndim(bounds) != 2 or np.shape(bounds)[1] != 2):  # noqa: PLR2004
            raise UsageError(f"bounds must be [N, 2], low and high, not {list(np.shape(bounds))}")
        super().__init__(
            np.asarray(truth, dtype=np.float64),
            np.asarray(scores, np.float64),
            weights=weights,
            extras=extras,
        )

    @cached_property
    def errors(self) -> Floats:
        """Prediction minus truth [N]."""
        return np.asarray(self.scores - self.truth)

    @cached_property
    def absolute_errors(self) -> Floats:
        """Size of the errors [N]."""
        return np.abs(self.errors)

    @cached_property
    def squared_errors(self) -> Floats:
        """Squares of the errors [N]."""
        return np.square(self.errors)


SAMPLES: dict[str, type[BinarySample | CategorySample | NumberSample]] = {
    "binary": BinarySample,
    "category": CategorySample,
    "number": NumberSample,
}


def make_sample(
    type_name: str,
    truth: Array,
    scores: Array,
    *,
    weights: Array | None = None,
    threshold: float = THRESHOLD,
    extras: Extras = NO_EXTRAS,
) -> Sample:
    """Return the sample of an output type; `threshold` is for binary, `bounds` for numbers only.

    Raises:
        UsageError: the type has no metrics, or lengths and shapes do not fit.
    """
    if type_name not in SAMPLES:
        raise UsageError(
            f"a `{type_name}` output cannot be judged; types with metrics: {', '.join(SAMPLES)}"
        )
    if type_name == "binary":
        return BinarySample(truth, scores, weights=weights, threshold=threshold, extras=extras)
    return SAMPLES[type_name](truth, scores, weights=weights, extras=extras)


def label_of(labels: Sequence[str], index: int) -> str:
    """Return the name of a class, or its index as text where it has none."""
    return labels[index] if 0 <= index < len(labels) else str(index)


def _floating(scores: Array) -> Array:
    scores = np.asarray(scores)
    return scores if scores.dtype.kind == "f" else scores.astype(np.float64)
