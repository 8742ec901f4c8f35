"""Two models on the same rows: is the difference more than chance, and which rows changed.

The test is the exact one that fits: McNemar's (is a coin fair that falls as often to one side as
rows were mended rather than broken?) where the metric is a share of right rows; the z test of the
rows' pulls where these are known (for roc_auc DeLong's); else a permutation of who gave which
score.
Sources: McNemar 1947; DeLong et al. 1988; Good 2005; Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from ordain.core.randomness import generator
from ordain.evaluation.intervals import gain_of, spread_of
from ordain.evaluation.judgement import Flips
from ordain.evaluation.metric import Metric, value_of
from ordain.evaluation.sample import ClassSample, Floats, NumberSample, Sample

N_PERMUTATIONS = 499
MAX_PERMUTED_ROWS = 5_000
"""Above these a permutation says what the z test of a resampled spread says, at a great cost."""


def paired_test(
    metric: Metric[Any], ours: Sample, theirs: Sample, *, seed: int = 0
) -> tuple[float | None, str]:
    """Return the probability of so large a difference between equals, and the name of the test.

    `mcnemar`, `delong`, `delta`, `permutation`, `bootstrap`. None where there is no value, or one
    row (or group) only. Two models with the same scores give 1.
    """
    gain = gain_of(metric, ours, theirs)
    if gain is None or ours.n_groups <= 1:
        return None, ""
    if ours.weights is None and ours.groups is None:
        first, second = metric.successes(ours), metric.successes(theirs)
        if first is not None and second is not None:
            counted = np.isfinite(first)
            return mcnemar(first[counted], second[counted]), "mcnemar"
    is_known = metric.influence(ours) is not None and metric.influence(theirs) is not None
    if not is_known and len(ours) <= MAX_PERMUTED_ROWS:
        return permutation(metric, ours, theirs, seed=seed), "permutation"
    if gain == 0.0:
        return 1.0, ""
    spread, method = spread_of(metric, (ours, theirs), seed=seed)
    if not spread > 0:
        return None, ""
    return 2 * NormalDist().cdf(-abs(gain) / spread), method


def mcnemar(ours: Floats, theirs: Floats) -> float:
    """Return the exact two-sided probability of McNemar's test, 1 where no row differs.

    Args:
        ours: 1 where this model is right [N].
        theirs: 1 where the other is right [N].
    """
    n_mended = int(np.count_nonzero(ours > theirs))
    n_broken = int(np.count_nonzero(ours < theirs))
    return min(1.0, 2 * _coin_tail(min(n_mended, n_broken), n_mended + n_broken))


def permutation(
    metric: Metric[Any],
    ours: Sample,
    theirs: Sample,
    *,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> float:
    """Return the share of random exchanges of the two models' scores that differ as much.

    Scores are exchanged row by row, or for whole groups where there are groups. The scores as they
    are count as one exchange, so that the result is never zero.
    """
    random = generator(seed, "evaluation", "permutation")
    observed = abs(value_of(metric.evaluate(ours)) - value_of(metric.evaluate(theirs)))
    n_units = ours.n_groups
    shape = (-1,) + (1,) * (ours.scores.ndim - 1)
    n_as_far = 0
    for _ in range(n_permutations):
        swapped = random.random(n_units) < 0.5  # noqa: PLR2004 - a fair coin
        rows = swapped if ours.groups is None else swapped[ours.groups]
        found = _swapped_difference(metric, ours, theirs, rows=rows.reshape(shape))
        # Exchanges without a value count as far off: the test then errs to caution.
        n_as_far += not abs(found) < observed - 1e-12
    return (1 + n_as_far) / (1 + n_permutations)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the probabilities corrected for how many comparisons were made, in the same order.

    A comparison without one (None) does not count. Holm's correction holds the chance that any of
    the differences called real is not, whatever the comparisons have to do with each other.

    >>> holm([0.01, 0.04, None, 0.03])
    [0.03, 0.06, None, 0.06]
    """
    known = [(p, place) for place, p in enumerate(p_values) if p is not None]
    found: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for rank, (p, place) in enumerate(sorted(known)):
        reached = max(reached, min(1.0, p * (len(known) - rank)))
        found[place] = reached
    return found


def flips_of(ours: Sample, theirs: Sample) -> Flips:
    """Return how many rows the first model has right and the second wrong, and so on.

    For numbers: rows whose error became smaller or larger.
    """
    better, worse = flipped_rows(ours, theirs)
    return Flips(
        better=int(np.count_nonzero(better)),
        worse=int(np.count_nonzero(worse)),
        same=len(ours) - int(np.count_nonzero(better | worse)),
    )


def flipped_rows(ours: Sample, theirs: Sample) -> tuple[Any, Any]:
    """Return whether each row got better [N] and whether it got worse [N] with the first model."""
    if isinstance(ours, ClassSample) and isinstance(theirs, ClassSample):
        return ours.is_correct & ~theirs.is_correct, theirs.is_correct & ~ours.is_correct
    assert isinstance(ours, NumberSample), "samples are of classes or of numbers"
    assert isinstance(theirs, NumberSample), "both samples are of one type"
    return (
        ours.absolute_errors < theirs.absolute_errors,
        ours.absolute_errors > theirs.absolute_errors,
    )


def _swapped_difference(metric: Metric[Any], ours: Sample, theirs: Sample, *, rows: Any) -> float:
    first, second = (
        ours.with_scores(np.where(rows, one, other))
        for one, other in ((theirs.scores, ours.scores), (ours.scores, theirs.scores))
    )
    return value_of(metric.evaluate(first)) - value_of(metric.evaluate(second))


def _coin_tail(n_heads: int, n_throws: int) -> float:
    """Return the chance of at most so many heads in throws of a fair coin."""
    # Through logarithms: 2 ** 1100 is no float.
    half = n_throws * math.log(2)
    logs = [
        math.lgamma(n_throws + 1) - math.lgamma(k + 1) - math.lgamma(n_throws - k + 1) - half
        for k in range(n_heads + 1)
    ]
    return math.fsum(math.exp(log) for log in logs)
