"""Gradient descent and methods that scale it by past gradients.

trainer:
  optimizer: {type: sgd, momentum: 0.9, nesterov: true}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from ordain.models.neural.component import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer


class DecayKeys(Optimizer):
    """Keys that these methods share."""

    weight_decay: float = Field(0.0, ge=0)
    """Pull of weights (not of biases and scales) towards 0."""

    @property
    def decay(self) -> float:
        """Weight decay."""
        return self.weight_decay


@OPTIMIZERS.register
class Sgd(DecayKeys):
    """Stochastic gradient descent."""

    type: Literal["sgd"] = "sgd"
    momentum: float = Field(0.0, ge=0, lt=1)
    """Share of the last move that is kept."""
    dampening: float = Field(0.0, ge=0, lt=1)
    """Share of the gradient left out of the momentum."""
    nesterov: bool = False
    """Whether the gradient is taken ahead; needs `momentum` above 0 and `dampening` 0."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the fused optimizer over the groups."""
        import torch

        return torch.optim.SGD(
            groups,
            lr=0.01,
            momentum=self.momentum,
            dampening=self.dampening,
            nesterov=self.nesterov,
            fused=True,
        )


@OPTIMIZERS.register
class Adagrad(DecayKeys):
    """Steps divided by the root of the sum of squared gradients."""

    type: Literal["adagrad"] = "adagrad"
    lr_decay: float = Field(0.0, ge=0)
    """Decay of the rate with each step."""
    initial_accumulator_value: float = Field(0.0, ge=0)
    """First value of the sum."""
    eps: float = Field(1e-10, gt=0)
    """Added to the root, against division by 0."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the optimizer over the groups."""
        import torch

        return torch.optim.Adagrad(
            groups,
            lr_decay=self.lr_decay,
            initial_accumulator_value=self.initial_accumulator_value,
            eps=self.eps,
        )


@OPTIMIZERS.register
class RmsProp(DecayKeys):
    """Steps divided by the root of a moving mean of squared gradients."""

    type: Literal["rmsprop"] = "rmsprop"
    alpha: float = Field(0.99, ge=0, lt=1)
    """Decay of the moving mean."""
    eps: float = Field(1e-8, gt=0)
    """Added to the root, against division by 0."""
    momentum: float = Field(0.0, ge=0, lt=1)
    """Share of the last move that is kept."""
    centered: bool = False
    """Whether the squares are of the distance to the mean."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the optimizer over the groups."""
        import torch

        return torch.optim.RMSprop(
            groups, alpha=self.alpha, eps=self.eps, momentum=self.momentum, centered=self.centered
        )


@OPTIMIZERS.register
class Adadelta(DecayKeys):
    """Steps scaled by moving means of squared gradients and squared moves."""

    type: Literal["adadelta"] = "adadelta"
    rho: float = Field(0.9, ge=0, lt=1)
    """Decay of the moving means."""
    eps: float = Field(1e-6, gt=0)
    """Added to the roots, against division by 0."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the optimizer over the groups."""
        import torch

        return torch.optim.Adadelta(groups, rho=self.rho, eps=self.eps)
