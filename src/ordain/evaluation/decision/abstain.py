"""Abstention: to give no answer where the model is not sure enough.

    evaluation: {abstain: {confidence_below: 0.6}}
    evaluation: {abstain: {accuracy_at_least: 0.95}}

Confidence is the probability of the predicted class. `accuracy_at_least` answers as many rows as it
can while the lower end of the 95% interval of their accuracy on validation rows is that high: the
best of many cuts looks better than it is, and other rows would not keep what was only just reached.
Where no cut is that certain, the value decides, and it is told that other rows may fall short.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ordain.config.evaluation import Abstain
from ordain.evaluation.decision.conformal import NUDGE, wilson
from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.subject import Target

Floats = npt.NDArray[np.float64]

SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
MIN_ROWS = 30
Z = 1.959963984540054
"""Standard deviations of a 95% interval to either side."""


class Answered(Record):
    """What happens if only the surest rows are answered."""

    share: float
    """Of rows that are answered."""
    confidence: float
    """The lowest among them."""
    accuracy: float
    """Share of the answers that are right."""
    low: float
    """Of the 95% interval of the accuracy."""
    high: float
    n_rows: int


class AbstainChoice(Record):
    """The confidence under which no answer is given, and why."""

    confidence: float
    reason: str
    is_met: bool = True
    """Whether the accuracy that was asked for was reached, for certain, on the validation rows."""
    reached: Answered | None = None
    """What the validation rows from this confidence on say, with the interval; None without any."""


def confidence_of(target: Target) -> Floats:
    """Return the probability of the predicted class [N]."""
    scores = np.asarray(target.scores, dtype=np.float64)
    if target.type != "binary":
        return np.asarray(scores.max(axis=1, initial=0.0))
    return np.where(predicted_class(target) == 1, scores, 1.0 - scores)


def answered(target: Target, shares: Sequence[float] = SHARES) -> tuple[Answered, ...]:
    """Return, for falling shares of rows that are answered, how many answers are right.

    Rows without a truth that can be judged are left out; equal confidences stay together.
    """
    confidence, right = _by_confidence(target)
    if not len(right):
        return ()
    wanted = [max(1, round(share * len(right))) for share in shares]
    counts = np.searchsorted(-confidence, [-confidence[n - 1] for n in wanted], side="right")
    return tuple(_answered(confidence, right, count) for count in dict.fromkeys(counts.tolist()))


def answered_from(target: Target, least: float) -> Answered | None:
    """Return the same for rows with at least this confidence; None where no row has it."""
    confidence, right = _by_confidence(target)
    count = int(np.searchsorted(-confidence, -least, side="right"))
    return _answered(confidence, right, count) if count else None


def _answered(confidence: Floats, right: npt.NDArray[np.bool_], count: int) -> Answered:
    hits = int(right[:count].sum())
    low, high = wilson(hits, count)
    return Answered(
        share=count / len(right),
        confidence=float(confidence[count - 1]),
        accuracy=hits / count,
        low=low,
        high=high,
        n_rows=count,
    )


def choose_confidence(declared: Abstain, validation: Target) -> AbstainChoice:
    """Return the confidence under which a class output gives no answer.

    Args:
        declared: the confidence itself, or how many answers must be right.
        validation: calibrated scores, with the threshold that was chosen.
    """
    confidence, right = _by_confidence(validation)
    if declared.confidence_below is not None:
        least = declared.confidence_below
        count = int(np.searchsorted(-confidence, -least, side="right"))
        reached = _answered(confidence, right, count) if count else None
        return AbstainChoice(confidence=least, reason="as declared", reached=reached)
    wanted = declared.accuracy_at_least or 0.0
    if len(right) < MIN_ROWS:
        return AbstainChoice(
            confidence=0.0,
            reason=f"{len(right):,} validation rows are too few to choose on; all are answered",
            is_met=False,
        )
    accuracy, low = _accuracy_of_surest(right)
    is_last = np.append(confidence[1:] != confidence[:-1], True)
    is_able = is_last & (np.arange(1, len(right) + 1) >= MIN_ROWS)
    certain = np.flatnonzero((low >= wanted) & is_able)
    enough = certain if len(certain) else np.flatnonzero((accuracy >= wanted) & is_able)
    place = int(enough[-1]) if len(enough) else MIN_ROWS - 1
    found = _answered(confidence, right, place + 1)
    said = (
        f"{found.accuracy:.1%} ({found.low:.1%} to {found.high:.1%}) of the {place + 1:,} surest "
        f"of {len(right):,} validation rows are right"
    )
    if not len(enough):
        said = f"no {MIN_ROWS} validation rows are {wanted:.1%} right; the surest are answered"
    elif not len(certain):
        said += "; they are too few to be certain, and other rows may fall short"
    return AbstainChoice(
        confidence=found.confidence * (1.0 - NUDGE),
        reason=said,
        is_met=bool(len(certain)),
        reached=found,
    )


def _accuracy_of_surest(right: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the accuracy of the surest 1 to N rows, and the lower end of its interval (Wilson)."""
    counts = np.arange(1, len(right) + 1)
    share, weight = np.cumsum(right) / counts, Z**2 / counts
    spread = Z * np.sqrt(share * (1 - share) / counts + weight / (4 * counts))
    return share, (share + weight / 2 - spread) / (1 + weight)


def _by_confidence(target: Target) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return confidence and whether the prediction is right, of judged rows, the surest first."""
    part = target.take(np.flatnonzero(target.is_judged))
    confidence = confidence_of(part)
    right = predicted_class(part) == part.truth
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], right[order]
