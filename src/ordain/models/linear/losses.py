"""What a linear model minimises for a number, and in which unit.

| loss | of a score s and a truth y | answer |
| --- | --- | --- |
| squared | (s - y)^2 / 2 | s |
| huber | the same up to an error of delta, then in proportion to it | s |
| quantile | smoothed pinball, see below | s |
| poisson | exp(s) - y s | exp(s) |
| gamma | y exp(-s) + s | exp(s) |
| tweedie | exp((2-p) s) / (2-p) - y exp((1-p) s) / (1-p) | exp(s) |

The last three are half the deviance, without what does not depend on s (McCullagh and Nelder 1989,
"Generalized Linear Models"). All are convex and smooth, so the one solver finds each minimum; the
truth is scaled first, so that one ridge suits every unit.

The pinball loss has a kink, which is rounded with a bandwidth of 1/20 of the target's spread
(He, Pan, Tan and Zhou 2023, "Smoothed quantile regression with large-scale inference"); the
constant is then set so that exactly the wanted share of training rows lies below. Mean absolute
error is the quantile 1/2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ordain.core.component import Component
from ordain.models.linear.design import Array
from ordain.models.linear.solver import squared
from ordain.models.targets import Target

Loss = Callable[[Array, Array], tuple[Array, Array]]
"""Scores [B, 1] and truth [B] -> loss [B] and its gradient [B, 1]."""
Link = Literal["identity", "log"]

DISTRIBUTIONS = frozenset({"poisson", "gamma", "tweedie"})
LOSSES: dict[str, frozenset[str] | None] = {
    "mean_squared_error": frozenset(),
    "root_mean_squared_error": frozenset(),
    "mean_absolute_error": frozenset(),
    "huber": frozenset({"delta"}),
    "quantile": frozenset({"level"}),
    "poisson": frozenset(),
    "gamma": frozenset(),
    "tweedie": frozenset({"power"}),
}
"""Type names of the losses of numbers, and the keys of each that are followed."""

_BANDWIDTH = 0.05
_LARGEST = 30.0


@dataclass(frozen=True)
class Aim:
    """What is minimised for one output that is a number.

    Attributes:
        loss: of scaled truths.
        link: how a score becomes an answer.
        centre, spread: of the truth; the loss sees ``(y - centre) / spread``.
        level: the quantile that is learned, or None.
    """

    loss: Loss
    link: Link
    centre: float
    spread: float
    level: float | None = None

    @property
    def answer(self) -> tuple[float, float]:
        """Return what is added to a score, and what it is multiplied by, to undo the scale."""
        return (math.log(self.spread), 1.0) if self.link == "log" else (self.centre, self.spread)

    @classmethod
    def of(cls, loss: Component | None, target: Target) -> Aim:
        """Return the aim of a loss for some training rows; None is squared error."""
        name, keys = (loss.type, loss) if loss is not None else ("mean_squared_error", None)
        truth = target.truth.astype(np.float64)
        mean = float(np.average(truth, weights=target.weights))
        if name in DISTRIBUTIONS:
            return cls(_deviance(name, getattr(keys, "power", 1.5)), "log", 0.0, mean)
        if name in {"mean_squared_error", "root_mean_squared_error"}:
            return cls(squared, "identity", mean, float(truth.std()) or 1.0)
        low, centre, high = np.quantile(truth, [0.25, 0.5, 0.75])
        spread = float(high - low) / _NORMAL_RANGE or float(truth.std()) or 1.0
        if name == "huber":
            return cls(_huber(getattr(keys, "delta", 1.0) / spread), "identity", centre, spread)
        level = float(getattr(keys, "level", 0.5))
        return cls(_pinball(level), "identity", float(centre), spread, level)


def quantile(values: npt.NDArray[Any], level: float, weights: npt.NDArray[Any]) -> float:
    """Return the lowest value with at least a share of `level` of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order], dtype=np.float64)
    place = int(np.searchsorted(reached, level * reached[-1], side="left"))
    return float(values[order[min(place, len(values) - 1)]])


def _bounded(scores: Array) -> Array:
    # A step may overshoot; the truth is near 1 after scaling, so its logarithm is far inside.
    return np.minimum(np.maximum(scores[:, 0], -_LARGEST), _LARGEST)


def _deviance(name: str, power: float) -> Loss:
    def poisson(scores: Array, truth: Array) -> tuple[Array, Array]:
        s = _bounded(scores)
        mean = np.exp(s)
        return mean - truth * s, (mean - truth)[:, None]

    def gamma(scores: Array, truth: Array) -> tuple[Array, Array]:
        s = _bounded(scores)
        ratio = truth * np.exp(-s)
        return ratio + s, (1 - ratio)[:, None]

    def tweedie(scores: Array, truth: Array) -> tuple[Array, Array]:
        s = _bounded(scores)
        mean, ratio = np.exp((2 - power) * s), truth * np.exp((1 - power) * s)
        return mean / (2 - power) - ratio / (1 - power), (mean - ratio)[:, None]

    return {"poisson": poisson, "gamma": gamma, "tweedie": tweedie}[name]


def _huber(delta: float) -> Loss:
    def huber(scores: Array, truth: Array) -> tuple[Array, Array]:
        error = scores[:, 0] - truth
        slope: Array = np.clip(error, -delta, delta)
        return slope * (error - 0.5 * slope), slope[:, None]

    return huber


def _pinball(level: float) -> Loss:
    def pinball(scores: Array, truth: Array) -> tuple[Array, Array]:
        error = truth - scores[:, 0]
        scaled = error / _BANDWIDTH
        loss = level * error + _BANDWIDTH * np.logaddexp(0, -scaled)
        below = 0.5 * (1 - np.tanh(0.5 * scaled))
        return loss, (below - level)[:, None]

    return pinball


_NORMAL_RANGE = 1.349
