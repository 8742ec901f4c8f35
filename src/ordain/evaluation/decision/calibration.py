"""Calibration: probabilities that come true as often as they say.

    evaluation: {calibration: auto}      # temperature, platt, isotonic, none

Fitted on validation rows, which training did not learn from. `auto` compares the ways by their
log loss on five folds of these rows and takes one only where it is better than none by more than
a standard error, the simplest of those that are as good.

Sources: temperature, Guo et al. 2017; Platt 1999 (for several classes one scale and one shift a
class: vector scaling, Guo et al. 2017); isotonic, Zadrozny and Elkan 2002 (each class against the
rest, then scaled to add up to 1).
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

FLOOR = 1e-7
MIN_ROWS = 50
"""Validation rows under which nothing is fitted."""
MIN_ROWS_ISOTONIC = 1_000
"""Rows under which `auto` leaves isotonic out: it follows noise (Niculescu-Mizil et al. 2005)."""
MAX_ROWS = 20_000
"""Rows that calibration is fitted on at most; more change nothing that shows."""
N_FOLDS = 5
N_KNOTS = 200
SHRINKAGE = 1e-3
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
    candidates = [m for m in METHODS if m != "isotonic" or _is_enough(truth, n_classes)]
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
    helpful = [m for m in candidates if _is_lower(losses[m], plain)]
    if not helpful:
        reason = "no way makes the log loss of validation rows better by more than chance"
        return Choice(calibration=None, reason=reason, log_loss=means, n_rows=len(truth))
    best = min(helpful, key=lambda m: means[m])
    chosen = next(m for m in helpful if m == best or not _is_lower(losses[best], losses[m]))
    reason = (
        f"log loss of validation rows {means['none']:.4f} becomes {means[chosen]:.4f}, "
        "measured on folds"
    )
    fitted = fit_calibration(chosen, truth, scores)
    return Choice(calibration=fitted, reason=reason, log_loss=means, n_rows=len(truth))


def _is_lower(ours: Floats, theirs: Floats) -> bool:
    """Return whether the first losses are lower by more than a standard error of the gain."""
    gain = theirs - ours
    return float(gain.mean()) > float(gain.std(ddof=1)) / math.sqrt(len(gain))


def _is_enough(truth: Array, n_classes: int) -> bool:
    counts = np.bincount(truth, minlength=n_classes)
    return len(truth) >= MIN_ROWS_ISOTONIC and int(counts.min()) * n_classes >= MIN_ROWS_ISOTONIC


def _fit_logistic(truth: Array, logits: Floats, n_shifts: int) -> tuple[float, tuple[float, ...]]:
    """Return the scale (above zero) and the shifts with the least log loss."""
    from scipy.optimize import minimize

    is_binary = logits.ndim == 1
    rows = np.arange(len(truth))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        scale, shift = math.exp(float(parameters[0])), parameters[1:]
        if is_binary:
            z = scale * logits + (shift[0] if n_shifts else 0.0)
            error = _expit(z) - truth
            value = float(np.mean(np.logaddexp(0.0, z) - truth * z))
            slopes = [np.mean(error * logits) * scale]
            slopes += [np.mean(error)] if n_shifts else []
        else:
            z = scale * logits + (shift if n_shifts else 0.0)
            probability = _softmax(z)
            value = float(-np.mean(np.log(np.maximum(probability[rows, truth], FLOOR))))
            probability[rows, truth] -= 1.0
            slopes = [np.mean((probability * logits).sum(axis=1)) * scale]
            slopes += list(probability.mean(axis=0)) if n_shifts else []
        value += SHRINKAGE * float(np.sum(np.square(shift))) if n_shifts > 1 else 0.0
        slope = np.asarray(slopes)
        if n_shifts > 1:
            slope[1:] += 2 * SHRINKAGE * shift
        return value, slope

    bounds = [(-5.0, 5.0)] + [(-20.0, 20.0)] * n_shifts
    found = minimize(loss, np.zeros(1 + n_shifts), jac=True, method="L-BFGS-B", bounds=bounds)
    return math.exp(float(found.x[0])), tuple(float(value) for value in found.x[1:])


def _isotonic(
    truth: Array, scores: Array
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    if scores.ndim == 1:
        return (_steps(scores, truth == 1),)
    return tuple(_steps(scores[:, i], truth == i) for i in range(scores.shape[1]))


def _steps(scores: Array, is_true: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    from scipy.optimize import isotonic_regression

    x, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=is_true) / counts
    y = isotonic_regression(shares, weights=counts).x
    # No class is ruled out or certain because a few hundred rows did not show the other.
    least = 1.0 / (len(scores) + 2)
    y = np.clip(y, least, 1.0 - least)
    # Only the ends of each flat stretch are needed.
    is_end = np.append(True, y[1:] != y[:-1]) | np.append(y[1:] != y[:-1], True)
    x, y = x[is_end], y[is_end]
    if len(x) > N_KNOTS:
        places = np.unique(np.linspace(0, len(x) - 1, N_KNOTS).astype(int))
        x, y = x[places], y[places]
    return tuple(map(float, x)), tuple(map(float, y))


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
