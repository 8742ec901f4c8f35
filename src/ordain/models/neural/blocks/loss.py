"""Losses: raw scores [B, S], truth [B], row weights [B] or None -> a scalar mean over rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


def mean_over_rows(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of [B], weighted where there are weights."""
    if weights is None:
        return losses.mean()
    return (losses * weights).sum() / weights.sum().clamp_min(1e-12)


class Distance(nn.Module):
    """Distance of numbers: scores [B, 1], truth float [B]."""

    def __init__(
        self, kind: Literal["squared", "root", "absolute", "huber"], *, delta: float = 1.0
    ) -> None:
        super().__init__()
        self._kind = kind
        self._delta = delta

    def forward(self, scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar."""
        error = scores.squeeze(1) - truth
        if self._kind == "absolute":
            return mean_over_rows(error.abs(), weights)
        if self._kind == "huber":
            zero = torch.zeros_like(error)
            losses = functional.huber_loss(error, zero, reduction="none", delta=self._delta)
            return mean_over_rows(losses, weights)
        squared = mean_over_rows(error.square(), weights)
        # The slope of a root is infinite at 0, so a perfect batch would give NaN.
        return squared if self._kind == "squared" else (squared + 1e-12).sqrt()


class Pinball(nn.Module):
    """Pinball loss of numbers: scores [B, 1], truth float [B]; `level` is the quantile."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self._level = level

    def forward(self, scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar."""
        error = truth - scores.squeeze(1)
        return mean_over_rows(
            torch.maximum(self._level * error, (self._level - 1) * error), weights
        )


class _Entropy(nn.Module):
    class_weights: Tensor | None

    def __init__(
        self,
        class_weights: Sequence[float] = (),
        *,
        label_smoothing: float = 0.0,
        robust_lambda: float = 0.0,
        confidence_penalty: float = 0.0,
    ) -> None:
        super().__init__()
        weights = torch.tensor(class_weights) if len(class_weights) else None
        self.register_buffer("class_weights", weights, persistent=False)
        self._smoothing = label_smoothing
        self._robust = robust_lambda
        self._penalty = confidence_penalty

    def _finish(
        self, losses: Tensor, log_p: Tensor, *, truth: Tensor, weights: Tensor | None
    ) -> Tensor:
        """Return the scalar from losses [B] and log-probabilities [B, C]."""
        if self._robust:
            losses = (1 - self._robust) * losses + self._robust / log_p.shape[1]
        if self._penalty:
            entropy = -(log_p.exp() * log_p).sum(1)
            losses = losses + self._penalty * (math.log(log_p.shape[1]) - entropy)
        if self.class_weights is not None:
            by_class = self.class_weights[truth.long()]
            weights = by_class if weights is None else weights * by_class
        return mean_over_rows(losses, weights)


class BinaryEntropy(_Entropy):
    """Log-loss of yes/no: scores [B, 1] (logits), truth float 0 or 1 [B]."""

    def forward(self, scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar."""
        logits = scores.squeeze(1)
        aim = truth * (1 - self._smoothing) + self._smoothing / 2 if self._smoothing else truth
        losses = functional.binary_cross_entropy_with_logits(logits, aim, reduction="none")
        if not self._penalty:
            pair = losses.unsqueeze(1).expand(-1, 2)
        else:
            pair = torch.stack([functional.logsigmoid(-logits), functional.logsigmoid(logits)], 1)
        return self._finish(losses, pair, truth=truth, weights=weights)


class SoftmaxEntropy(_Entropy):
    """Log-loss of classes: scores [B, C] (logits), truth int64 [B]."""

    def forward(self, scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar."""
        log_p = scores.log_softmax(1)
        losses = -log_p.gather(1, truth.unsqueeze(1)).squeeze(1)
        if self._smoothing:
            losses = (1 - self._smoothing) * losses - self._smoothing * log_p.mean(1)
        return self._finish(losses, log_p, truth=truth, weights=weights)


class FocalEntropy(_Entropy):
    """Log-loss times (1 - p)^gamma, p of the true class; yes/no [B, 1] or classes [B, C]."""

    def __init__(self, class_weights: Sequence[float] = (), *, gamma: float) -> None:
        super().__init__(class_weights)
        self._gamma = gamma

    def forward(self, scores: Tensor, truth: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the scalar."""
        if scores.shape[1] == 1:
            logits = scores.squeeze(1)
            log_true = functional.logsigmoid(torch.where(truth > 0.5, logits, -logits))  # noqa: PLR2004
        else:
            log_true = scores.log_softmax(1).gather(1, truth.long().unsqueeze(1)).squeeze(1)
        losses = -log_true * (1 - log_true.exp()).pow(self._gamma)
        return self._finish(losses, log_true.unsqueeze(1), truth=truth, weights=weights)
