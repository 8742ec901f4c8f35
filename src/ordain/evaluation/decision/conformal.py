"""Conformal prediction: intervals and label sets that hold the truth as often as declared.

    evaluation: {intervals: 0.9}

Numbers: the signed errors of validation rows, in up to ten groups of rows with like predictions
(Mondrian, Boström et al. 2020), give each group its own distance below and above; a house of a
million gets a wider interval than a flat. Classes: the set of all labels whose probability is at
least what 90% of validation rows gave to their true label (Sadinle et al. 2019), and always the
likeliest one, so that a model that is right more often than the level covers as often as it is
right. Validation rows stand for new rows: where the model's best step was chosen on them
too, coverage may be a little lower, which is why it is measured on the test rows.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ordain.evaluation.judgement import Record
from ordain.evaluation.sample import Array

Floats = npt.NDArray[np.float64]

MIN_ROWS = 30
MAX_GROUPS = 10
ROWS_A_GROUP = 200
NUDGE = 1e-6
"""Share by which a bound is lowered, so that rounding moves no row across it."""
ROUNDING = 1e-9
TAIL = 0.025


class Coverage(Record):
    """What is needed to give an interval or a set of labels with a prediction."""

    level: float
    """Share of rows whose truth is to be held."""
    edges: tuple[float, ...] = ()
    """Numbers: predictions that part the groups, one less than there are groups."""
    below: tuple[float, ...] = ()
    """Numbers: by group, how far the interval reaches below the prediction."""
    above: tuple[float, ...] = ()
    """Numbers: by group, how far it reaches above."""
    n_rows: int = 0
    """Validation rows it was fitted on; 0 where that is not known."""
    least_probability: float | None = None
    """Classes: the probability from which a label belongs to the set."""

    def interval(self, predictions: Array) -> tuple[Floats, Floats]:
        """Return the low and high ends [N] for predictions in the units of the truth [N]."""
        group = np.searchsorted(np.asarray(self.edges), predictions, side="right")
        given = np.asarray(predictions, dtype=np.float64)
        return given - np.asarray(self.below)[group], given + np.asarray(self.above)[group]

    def labels(self, scores: Array) -> npt.NDArray[np.bool_]:
        """Return which classes are in each row's set [N, C], from [N] or [N, C] probabilities."""
        assert self.least_probability is not None, "fitted for classes"
        both = _of_all_classes(scores)
        found: npt.NDArray[np.bool_] = both >= self.least_probability
        found[np.arange(len(both)), both.argmax(axis=1)] = True
        return found


class Covered(Record):
    """How well intervals or sets do on rows that they were not fitted on."""

    level: float
    coverage: float
    """Share of rows whose truth is held."""
    low: float
    """Of the 95% interval of the coverage (Wilson 1927)."""
    high: float
    size: float
    """Mean width of the intervals in the units of the truth, or mean number of labels."""
    n_rows: int
    least: float | None = None
    """Of the 95% range that the coverage is to be in, with so many rows to fit and to measure."""
    most: float | None = None

    @property
    def is_short(self) -> bool:
        """Whether fewer rows are held than the level and chance allow."""
        return self.high < self.level if self.least is None else self.coverage < self.least

    @property
    def is_held(self) -> bool:
        """Whether the coverage is what the level and chance allow."""
        if self.least is None or self.most is None:
            return self.low <= self.level <= self.high
        return self.least <= self.coverage <= self.most


def fit_intervals(truth: Array, predictions: Array, *, level: float) -> Coverage | None:
    """Return intervals of a number from validation rows [N]; None with fewer than 30."""
    if len(truth) < MIN_ROWS:
        return None
    n_groups = max(1, min(MAX_GROUPS, len(truth) // ROWS_A_GROUP))
    edges = np.unique(np.quantile(predictions, np.arange(1, n_groups) / n_groups))
    group = np.searchsorted(edges, predictions, side="right")
    errors = np.asarray(truth, dtype=np.float64) - predictions
    parts = [errors[group == place] for place in range(len(edges) + 1)]
    # Equal predictions stay together, so that a group may turn out small.
    tails = [_tails(part if len(part) >= MIN_ROWS else errors, level) for part in parts]
    return Coverage(
        level=level,
        edges=tuple(map(float, edges)),
        below=tuple(low for low, _ in tails),
        above=tuple(high for _, high in tails),
        n_rows=len(truth),
    )


def fit_sets(truth: Array, scores: Array, *, level: float) -> Coverage | None:
    """Return label sets from validation rows with known classes; None with fewer than 30."""
    if len(truth) < MIN_ROWS:
        return None
    both = _of_all_classes(scores)
    given = np.sort(both[np.arange(len(truth)), truth.astype(np.int64)])
    # The rounding of levels such as 0.9, whose rest is not exactly 0.1, must not cost a rank.
    place = math.floor((len(given) + 1) * (1.0 - level) + ROUNDING) - 1
    least = float(given[place]) * (1.0 - NUDGE) if place >= 0 else 0.0
    return Coverage(level=level, n_rows=len(truth), least_probability=least)


def measure(coverage: Coverage, truth: Array, scores: Array) -> Covered:
    """Return the coverage on rows with a known truth [N]; scores as metrics read them."""
    if coverage.least_probability is None:
        low, high = coverage.interval(scores)
        held = (truth >= low) & (truth <= high)
        size = float(np.mean(high - low)) if len(truth) else 0.0
    else:
        sets = coverage.labels(scores)
        held = sets[np.arange(len(truth)), truth.astype(np.int64)]
        size = float(sets.sum(axis=1).mean()) if len(truth) else 0.0
    bottom, top = wilson(int(held.sum()), len(truth))
    least, most = expected(coverage.level, coverage.n_rows, len(truth))
    return Covered(
        level=coverage.level,
        coverage=float(held.mean()) if len(truth) else 0.0,
        low=bottom,
        high=top,
        size=size,
        n_rows=len(truth),
        least=least,
        most=most,
    )


def expected(level: float, n_fitted: int, n_rows: int) -> tuple[float | None, float | None]:
    """Return the range that the coverage of rows like the fitted ones is in, 95 times of 100.

    The rows it is fitted on are a draw too, so that the coverage of endless new rows is Beta
    distributed and that of `n_rows` beta-binomial (Vovk 2012; Angelopoulos and Bates 2021).

    Args:
        level: declared, 0 to 1.
        n_fitted: rows it was fitted on; 0 gives (None, None).
        n_rows: rows it is measured on; 0 too.
    """
    if not n_fitted or not n_rows:
        return None, None
    out = max(1, math.floor((n_fitted + 1) * (1.0 - level) + ROUNDING))
    inside = n_fitted + 1 - out
    held = np.arange(n_rows)
    steps = np.log((n_rows - held) * (inside + held)) - np.log(
        (held + 1.0) * (out + n_rows - held - 1.0)
    )
    logs = np.append(0.0, np.cumsum(steps))
    total = np.cumsum(np.exp(logs - logs.max()))
    low, high = np.searchsorted(total / total[-1], [TAIL, 1.0 - TAIL])
    return float(low) / n_rows, float(high) / n_rows


def wilson(hits: int, n_rows: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927); (0, 1) without rows."""
    if not n_rows:
        return 0.0, 1.0
    share, weight = hits / n_rows, z * z / n_rows
    middle = (share + weight / 2) / (1 + weight)
    spread = z * math.sqrt(share * (1 - share) / n_rows + weight / (4 * n_rows)) / (1 + weight)
    return max(0.0, middle - spread), min(1.0, middle + spread)


def _of_all_classes(scores: Array) -> Floats:
    """Return the probabilities of all classes [N, C] of these, or of the positive class [N]."""
    given = np.asarray(scores, dtype=np.float64)
    return np.stack([1.0 - given, given], axis=1) if given.ndim == 1 else given


def _tails(errors: Floats, level: float) -> tuple[float, float]:
    """Return how far below and above the prediction the truth lies at most, at this level."""
    ordered, n_rows = np.sort(errors), len(errors)
    rank = math.ceil((n_rows + 1) * (1 + level) / 2 - ROUNDING) - 1
    above = ordered[min(rank, n_rows - 1)]
    below = ordered[max(n_rows - 1 - rank, 0)]
    return float(max(-below, 0.0)), float(max(above, 0.0))
