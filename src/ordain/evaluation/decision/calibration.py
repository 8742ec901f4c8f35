"""Calibration: probabilities that come true as often as they say.

    evaluation: {calibration: auto}      # temperature, platt, isotonic, none

Fitted on validation rows, which training did not learn from. `auto` compares the ways by their
log loss on five folds of these rows and takes one only where it is better than none by more than
a standard error; a way with more freedom must be better than a simpler one by two. For a category
`auto` has the temperature only, which leaves the order of the classes of a row as it is: platt and
isotonic move classes against each other and so change which one is predicted. Name them to have
that. Of a binary output every way keeps the order of the rows; platt and isotonic may move a row
across 0.5, to the class that is likelier by the mended probability. How many validation rows get
another answer so is told in the reason.

Sources: temperature, Guo et al. 2017; Platt 1999 (for several classes one scale and one shift a
class: vector scaling, Guo et al. 2017); isotonic, Zadrozny and Elkan 2002 (each class against the
rest, then scaled to add up to 1), centred, so that no two rows come to stand level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.core.randomness import generator
from ordain.evaluation.judgement import Record
from ordain.evaluation.sample import Array

Floats = npt.NDArray[np.float64]
Method = Literal["temperature", "platt", "isotonic"]
METHODS: tuple[Method, ...] = ("temperature", "platt", "isotonic")
KEEP_ORDER: tuple[Method, ...] = ("temperature",)
"""Those that leave the order of several classes of a row as it is."""

FLOOR = 1e-7
MIN_ROWS = 50
"""Validation rows under which nothing is fitted."""
MIN_ROWS_ISOTONIC = 1_000
"""Rows under which `auto` leaves isotonic out: it follows noise (Niculescu-Mizil et al. 2005)."""
MAX_ROWS = 20_000
"""Rows that calibration is fitted on at most; more change nothing that shows."""
N_FOLDS = 5
HELPFUL, CLEARLY = 1.0, 2.0
"""Standard errors by which a way must be better than none, and than a simpler one."""
N_KNOTS = 200
SLOPE = 0.01
"""Share by which a probability falls towards 0 and rises towards 1 beyond the last stretches."""
SHRINKAGE = 1e-3
RIDGE = 1e-12
MAX_SCALE = 100.0
MAX_STEPS, MIN_STEP, TOLERANCE = 100, 1e-6, 1e-12
"""Weight of the squares of classes' shifts in the loss: keeps those of rare classes in hand."""


class Calibration(Record):
    """A fitted map from probabilities to probabilities."""

    method: Method
    scale: float = 1.0
    """What log-odds (or log probabilities) are multiplied with: 1 over the temperature."""
    shift: tuple[float, ...] = ()
    """Added afterwards: one number for binary, one a class else; empty for temperature."""
    knots: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...] = ()
    """Isotonic: for binary one, else one a class: probabilities and what they become."""

    def apply(self, scores: Array) -> Floats:
        """Return calibrated probabilities of the shape of those given.

        Args:
            scores: of the positive class [N], or of all classes [N, C]; NaN stays NaN.
        """
        given = np.asarray(scores, dtype=np.float64)
        if self.method == "isotonic":
            return self._stepped(given)
        if given.ndim == 1:
            return _expit(self.scale * _logit(given) + (self.shift[0] if self.shift else 0.0))
        return _softmax(self.scale * _log(given) + np.asarray(self.shift or 0.0))

    def row(self) -> Callable[[Any], Any]:
        """Return the same for the score of one row: a float, or a sequence of C floats."""

        def calibrated(score: Any) -> Any:
            # Through `apply`, so that a row alone is what it is among others, to the last bit.
            found = self.apply(np.asarray([score], dtype=np.float64))[0]
            return float(found) if found.ndim == 0 else found.tolist()

        return calibrated

    def _stepped(self, scores: Floats) -> Floats:
        if scores.ndim == 1:
            return np.interp(scores, *self.knots[0])
        columns = [np.interp(scores[:, i], *knots) for i, knots in enumerate(self.knots)]
        found = np.stack(columns, axis=1)
        total = found.sum(axis=1, keepdims=True)
        # Where every class was stepped down to zero the probabilities stay as they were.
        return np.where(total > 0, found / np.where(total > 0, total, 1.0), scores)


class Choice(Record):
    """What was chosen on the validation rows, and why."""

    calibration: Calibration | None
    """None: the probabilities stay as they are."""
    reason: str
    log_loss: dict[str, float] = Field(default_factory=dict)
    """By way, `none` among them: on rows that the way was not fitted on."""
    n_rows: int = 0
    n_changed: int = 0
    """Validation rows of a binary output that get another answer at a threshold of 0.5."""


def choose(
    method: Literal["auto", "none", "temperature", "platt", "isotonic"],
    truth: Array,
    scores: Array,
    *,
    seed: int,
) -> Choice:
    """Return the calibration of one output.

    Args:
        method: as the config says it.
        truth: class index of the validation rows [N], all known.
        scores: their probabilities [N] or [N, C].
        seed: of the folds.
    """
    if method == "none":
        return Choice(calibration=None, reason="`evaluation.calibration` is none")
    n_classes = 2 if scores.ndim == 1 else scores.shape[1]
    n_seen = len(np.unique(truth))
    if len(truth) < MIN_ROWS or n_seen < 2:  # noqa: PLR2004 - both of two, two of many
        reason = f"{len(truth):,} validation rows of {n_seen} classes are too few to calibrate on"
        return Choice(calibration=None, reason=reason, n_rows=len(truth))
    random = generator(seed, "evaluation", "calibration")
    order = random.permutation(len(truth))[:MAX_ROWS]
    truth, scores = truth[order].astype(np.int64), np.asarray(scores[order], dtype=np.float64)
    if method != "auto":
        fitted = fit_calibration(method, truth, scores)
        return Choice(calibration=fitted, reason="as declared", n_rows=len(truth))
    # Silently, probabilities may be mended; which class is predicted may not be changed.
    possible = METHODS if scores.ndim == 1 else KEEP_ORDER
    candidates = [m for m in possible if m != "isotonic" or _is_enough(truth, n_classes)]
    return _best(candidates, truth, scores)


def fit_calibration(method: Method, truth: Array, scores: Array) -> Calibration:
    """Return a map fitted by log loss (isotonic: squared error) on rows with a known class."""
    if method == "isotonic":
        return Calibration(method=method, knots=_isotonic(truth, scores))
    is_binary = scores.ndim == 1
    logits = _logit(scores) if is_binary else _log(scores)
    n_shifts = 0 if method == "temperature" else 1 if is_binary else scores.shape[1]
    scale, shift = _fit_logistic(truth, logits, n_shifts)
    return Calibration(method=method, scale=scale, shift=shift)


def log_losses(truth: Array, scores: Array) -> Floats:
    """Return minus the logarithm of the probability of the true class [N]."""
    if scores.ndim == 1:
        given = np.where(truth == 1, scores, 1.0 - scores)
    else:
        given = scores[np.arange(len(truth)), truth]
    losses: Floats = -np.log(np.maximum(given, FLOOR))
    return losses


def _best(candidates: Sequence[Method], truth: Array, scores: Array) -> Choice:
    plain = log_losses(truth, scores)
    fold = np.arange(len(truth)) % N_FOLDS
    means = {"none": float(plain.mean())}
    losses: dict[Method, Floats] = {}
    for method in candidates:
        found = np.empty(len(truth))
        for held in range(N_FOLDS):
            out, kept = fold == held, fold != held
            fitted = fit_calibration(method, truth[kept], scores[kept])
            found[out] = log_losses(truth[out], fitted.apply(scores[out]))
        means[method], losses[method] = float(found.mean()), found
    helpful = [m for m in candidates if _is_lower(losses[m], plain, HELPFUL)]
    if not helpful:
        reason = "no way makes the log loss of validation rows better by more than chance"
        return Choice(calibration=None, reason=reason, log_loss=means, n_rows=len(truth))
    best = min(helpful, key=lambda m: means[m])
    chosen = next(
        m for m in helpful if m == best or not _is_lower(losses[best], losses[m], CLEARLY)
    )
    reason = (
        f"log loss of validation rows {means['none']:.4f} becomes {means[chosen]:.4f}, "
        "measured on folds"
    )
    fitted = fit_calibration(chosen, truth, scores)
    return Choice(calibration=fitted, reason=reason, log_loss=means, n_rows=len(truth))


def _is_lower(ours: Floats, theirs: Floats, errors: float) -> bool:
    """Return whether the first losses are lower by more than so many standard errors."""
    gain = theirs - ours
    return float(gain.mean()) > errors * float(gain.std(ddof=1)) / math.sqrt(len(gain))


def _is_enough(truth: Array, n_classes: int) -> bool:
    counts = np.bincount(truth, minlength=n_classes)
    return len(truth) >= MIN_ROWS_ISOTONIC and int(counts.min()) * n_classes >= MIN_ROWS_ISOTONIC


def _fit_logistic(truth: Array, logits: Floats, n_shifts: int) -> tuple[float, tuple[float, ...]]:
    """Return the scale (above zero) and the shifts with the least log loss.

    By Newton's method: the loss is convex in both. Importing an optimiser would take longer than
    most fits of a model.
    """
    bend = _bend_of_two if logits.ndim == 1 else _bend_of_many
    at = np.concatenate([[1.0], np.zeros(n_shifts)])
    value, slope, curve = bend(truth, logits, at)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(curve + RIDGE * np.eye(len(at)), slope)
        size = 1.0
        while True:
            tried = at - size * step
            tried[0] = min(max(tried[0], 1 / MAX_SCALE), MAX_SCALE)
            found = bend(truth, logits, tried)
            if found[0] <= value or size < MIN_STEP:
                break
            size /= 2
        gained = value - found[0]
        if gained < 0:
            break
        at, (value, slope, curve) = tried, found
        if gained < TOLERANCE:
            break
    return float(at[0]), tuple(float(shift) for shift in at[1:])


def _bend_of_two(truth: Array, logits: Floats, at: Floats) -> tuple[float, Floats, Floats]:
    """Return the mean log loss of two classes, its slope and its curvature."""
    terms = np.stack([logits, np.ones(len(logits))], axis=1)[:, : len(at)]
    z = terms @ at
    p = _expit(z)
    value = float(np.mean(np.logaddexp(0.0, z) - truth * z))
    slope = terms.T @ (p - truth) / len(truth)
    curve = (terms * (p * (1 - p))[:, None]).T @ terms / len(truth)
    return value, slope, curve


def _bend_of_many(truth: Array, logits: Floats, at: Floats) -> tuple[float, Floats, Floats]:
    """Return the same of many classes; shifts are held back, rare classes' most."""
    shift, rows, n_rows = at[1:], np.arange(len(truth)), len(truth)
    p = _softmax(at[0] * logits + (shift if len(shift) else 0.0))
    value = float(-np.mean(np.log(np.maximum(p[rows, truth], FLOOR))))
    mean = (p * logits).sum(axis=1)
    slope, curve = np.empty(len(at)), np.empty((len(at), len(at)))
    slope[0] = np.mean(mean - logits[rows, truth])
    curve[0, 0] = np.mean((p * np.square(logits)).sum(axis=1) - np.square(mean))
    if len(shift):
        value += SHRINKAGE * float(np.sum(np.square(shift)))
        share = np.bincount(truth, minlength=len(shift)) / n_rows
        slope[1:] = p.mean(axis=0) - share + 2 * SHRINKAGE * shift
        curve[0, 1:] = curve[1:, 0] = (p * (logits - mean[:, None])).mean(axis=0)
        curve[1:, 1:] = np.diag(p.mean(axis=0) + 2 * SHRINKAGE) - p.T @ p / n_rows
    return value, slope, curve


def _isotonic(
    truth: Array, scores: Array
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    if scores.ndim == 1:
        return (_steps(scores, truth == 1),)
    return tuple(_steps(scores[:, i], truth == i) for i in range(scores.shape[1]))


def _steps(scores: Array, is_true: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    x, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=is_true) / counts
    y = _rising(shares, counts)
    # Each flat stretch becomes one point, its mean (Oron and Flournoy 2017): rows in it keep their
    # order, which flat stretches would take from them.
    stretch = np.cumsum(np.append(True, y[1:] != y[:-1])) - 1
    weight = np.bincount(stretch, counts)
    x = np.bincount(stretch, counts * x) / weight
    y = np.bincount(stretch, counts * y) / weight
    # No class is ruled out or certain because a few hundred rows did not show the other.
    least = 1.0 / (len(scores) + 2)
    y = np.clip(y, least, 1.0 - least)
    if len(x) > N_KNOTS:
        places = np.unique(np.linspace(0, len(x) - 1, N_KNOTS).astype(int))
        x, y = x[places], y[places]
    if x[0] > 0:
        x, y = np.append(0.0, x), np.append(y[0] * (1.0 - SLOPE), y)
    if x[-1] < 1:
        x, y = np.append(x, 1.0), np.append(y, 1.0 - (1.0 - y[-1]) * (1.0 - SLOPE))
    return tuple(map(float, x)), tuple(map(float, y))


def _rising(values: Floats, weights: Array) -> Floats:
    """Return the nearest values that never fall, by weighted squares (pool adjacent violators)."""
    levels: list[float] = []
    sizes: list[float] = []
    counts: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        level, size, count = value, float(weight), 1
        while levels and levels[-1] >= level:
            level = (levels[-1] * sizes[-1] + level * size) / (sizes[-1] + size)
            size += sizes.pop()
            count += counts.pop()
            levels.pop()
        levels.append(level)
        sizes.append(size)
        counts.append(count)
    return np.repeat(levels, counts)


def _logit(p: Array) -> Floats:
    clipped = np.clip(np.asarray(p, dtype=np.float64), FLOOR, 1.0 - FLOOR)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def _log(p: Array) -> Floats:
    found: Floats = np.log(np.maximum(np.asarray(p, dtype=np.float64), FLOOR))
    return found


def _expit(x: Array) -> Floats:
    found: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return found


def _softmax(x: Array) -> Floats:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found
