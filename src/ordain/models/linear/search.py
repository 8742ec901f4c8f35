"""Finding the weights of one output, and how strong the ridge must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.events import Events
from ordain.models.linear.design import Array, Design, Scale
from ordain.models.linear.losses import Aim, Loss, quantile
from ordain.models.linear.model import Weights
from ordain.models.linear.solver import Minimum, logistic, minimise, softmax_loss
from ordain.models.targets import Target

_DOUBLE_WEIGHTS = 200_000


@dataclass(frozen=True)
class Settings:
    """How to search.

    Attributes:
        strengths: values of C to try, strongest ridge first.
        stop_reason: asked before each step: why to stop now, or None.
    """

    strengths: Sequence[float]
    max_iterations: int
    tolerance: float
    stop_reason: Callable[[], str | None]


@dataclass(frozen=True)
class Judged:
    """Rows, what is true of them, and how much each counts [N]."""

    design: Design
    truth: Array
    weights: npt.NDArray[np.float32]

    @classmethod
    def of(cls, design: Design, target: Target, *, aim: Aim | None) -> Judged:
        """Return rows whose truth is centred and scaled, as a number's is while it is learned."""
        n = len(target.truth)
        weights = np.ones(n, dtype=np.float32) if target.weights is None else target.weights
        truth = target.truth if aim is None else (target.truth - aim.centre) / aim.spread
        return cls(design, truth, weights)

    def weighted(self, factor: npt.NDArray[np.float32]) -> Judged:
        """Return the same rows, counting more or less."""
        return Judged(self.design, self.truth, self.weights * factor)


@dataclass(frozen=True)
class Found:
    """Weights in the space of the design, and how they came about."""

    weights: Array
    strength: float
    losses: dict[str, float]
    n_iterations: int
    is_converged: bool


class Search:
    """Walks from a strong ridge to a weak one for one output.

    Args:
        output: its name, for reports.
        classes: 0 for a number, 2 for binary (one score), else the number of scores.
        aim: of a number.
        n_dense, n_sparse: of the design.
    """

    def __init__(
        self,
        output: str,
        *,
        is_category: bool,
        classes: int,
        aim: Aim | None,
        n_dense: int,
        n_sparse: int,
        settings: Settings,
        events: Events,
    ) -> None:
        self.history: list[dict[str, Any]] = []
        self._output, self._settings, self._events = output, settings, events
        self._n_scores = classes if is_category else 1
        self._aim = aim
        self._loss: Loss = aim.loss if aim else softmax_loss if is_category else logistic
        self._n_dense, self._n_sparse = n_dense, n_sparse
        n_weights = self._n_scores * (1 + n_dense + n_sparse)
        # Four bytes a weight where weights are many: the passes over them take most of the time.
        self.dtype: Any = np.float64 if n_weights <= _DOUBLE_WEIGHTS else np.float32
        self._start: Any = np.zeros(n_weights, dtype=self.dtype)

    def walk(self, train: Judged, validation: Judged | None) -> Found:
        """Return the weights that the validation rows like best.

        The walk ends at the first strength that is no better than the one before.
        """
        best: Found | None = None
        weights = self._prior(train)
        for index, strength in enumerate(self._settings.strengths):
            found = self._fit(train, weights, strength=strength)
            if validation is not None:
                found.losses["validation"] = self._value(validation, found.weights)
            self._report(index, found)
            key = "validation" if validation is not None else "train"
            if best is not None and found.losses[key] >= best.losses[key]:
                break
            best, weights = found, found.weights
            if self._settings.stop_reason():
                break
        assert best is not None, "there is at least one strength"
        return best

    def again(self, train: Judged, found: Found) -> Found:
        """Return the weights of more rows at a strength that was found."""
        return self._fit(train, found.weights, strength=found.strength)

    def settled(self, train: Judged, found: Found) -> Found:
        """Return the weights with the constant of a quantile set by the training rows."""
        if self._aim is None or self._aim.level is None:
            return found
        errors = np.empty(len(train.truth))
        for place, dense, sparse in train.design.blocks():
            scores = self._scores(found.weights, dense, sparse)[:, 0]
            errors[place] = train.truth[place] - scores
        weights = found.weights.copy()
        weights[0] += weights.dtype.type(quantile(errors, self._aim.level, train.weights))
        return replace(found, weights=weights)

    def unscale(self, found: Found, scale: Scale) -> Weights:
        """Return weights for columns and truths as they are encoded."""
        middle, spread = self._aim.answer if self._aim else (0.0, 1.0)
        intercept, dense, sparse = self._split(found.weights.astype(np.float64))
        by_unit = dense * scale.factor[:, None] * spread
        return Weights(
            intercept=intercept * spread + middle - scale.centre @ by_unit,
            dense=by_unit,
            sparse=(sparse * spread).astype(np.float32),
        )

    def _fit(self, rows: Judged, start: Array, *, strength: float) -> Found:
        ridge = 1.0 / (strength * max(float(rows.weights.sum(dtype=np.float64)), 1e-12))
        minimum: Minimum = minimise(
            lambda weights: self._objective(rows, weights, ridge=ridge),
            start,
            max_iterations=self._settings.max_iterations,
            tolerance=self._settings.tolerance,
            should_stop=lambda: self._settings.stop_reason() is not None,
        )
        losses = {"train": self._value(rows, minimum.weights)}
        return Found(minimum.weights, strength, losses, minimum.n_iterations, minimum.is_converged)

    def _objective(self, rows: Judged, weights: Array, *, ridge: float) -> tuple[float, Array]:
        """Return the mean loss with the ridge, and its gradient."""
        gradient = np.zeros_like(weights)
        intercept, dense, sparse = self._split(gradient)
        loss, total = 0.0, max(float(rows.weights.sum(dtype=np.float64)), 1e-12)
        for place, part_dense, part_sparse in rows.design.blocks():
            values, slopes = self._losses(rows, weights, place, part_dense, part_sparse)
            loss += float(values.sum(dtype=np.float64))
            intercept += slopes.sum(axis=0)
            dense += part_dense.T @ slopes
            if part_sparse is not None:
                sparse += part_sparse.T @ slopes
        gradient /= gradient.dtype.type(total)
        penalised = weights[self._n_scores :]
        gradient[self._n_scores :] += gradient.dtype.type(ridge) * penalised
        return loss / total + 0.5 * ridge * float(penalised @ penalised), gradient

    def _value(self, rows: Judged, weights: Array) -> float:
        """Return the mean loss without the ridge."""
        loss, total = 0.0, max(float(rows.weights.sum(dtype=np.float64)), 1e-12)
        for place, dense, sparse in rows.design.blocks():
            values, _ = self._losses(rows, weights, place, dense, sparse)
            loss += float(values.sum(dtype=np.float64))
        return loss / total

    def _losses(
        self, rows: Judged, weights: Array, place: slice, part_dense: Array, part_sparse: Any
    ) -> tuple[Array, Array]:
        scores = self._scores(weights, part_dense, part_sparse)
        values, slopes = self._loss(scores, rows.truth[place].astype(self.dtype))
        counts = rows.weights[place].astype(self.dtype)
        return values * counts, slopes * counts[:, None]

    def _scores(self, weights: Array, part_dense: Array, part_sparse: Any) -> Array:
        intercept, dense, sparse = self._split(weights)
        scores: Array = part_dense @ dense + intercept
        if part_sparse is not None:
            scores += part_sparse @ sparse
        return scores

    def _split(self, weights: Array) -> tuple[Array, Array, Array]:
        k, border = self._n_scores, self._n_scores * (1 + self._n_dense)
        dense = weights[k:border].reshape(self._n_dense, k)
        return weights[:k], dense, weights[border:].reshape(self._n_sparse, k)

    def _prior(self, rows: Judged) -> Array:
        """Return weights that answer with the share of each class."""
        start: Array = self._start.copy()
        if self._loss is logistic:
            share = float(np.average(rows.truth, weights=rows.weights + 1e-9))
            share = min(max(share, 1e-6), 1 - 1e-6)
            start[0] = math.log(share / (1 - share))
        elif self._loss is softmax_loss:
            counts = np.bincount(
                rows.truth.astype(np.int64), weights=rows.weights, minlength=self._n_scores
            )
            start[: self._n_scores] = np.log((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
        return start

    def _report(self, index: int, found: Found) -> None:
        record = {
            "output": self._output,
            "epoch": index + 1,
            "regularization": found.strength,
            "iterations": found.n_iterations,
            "losses": found.losses,
        }
        self.history.append(record)
        n_strengths = len(self._settings.strengths)
        self._events.emit(
            "progress", task="train", done=index + 1, total=n_strengths, unit="strengths"
        )
        self._events.emit("epoch", **record, step=found.n_iterations, metrics={})
