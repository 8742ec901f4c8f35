"""Adam and its kin.

trainer:
  optimizer: {type: adamw, betas: [0.9, 0.99], weight_decay: 0.01}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from ordain.models.neural.component import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer

Beta = Annotated[float, Field(ge=0, lt=1)]


class AdamKeys(Optimizer):
    """Keys that the kin of Adam share."""

    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay of the means of the gradient and of its square."""
    eps: float = Field(1e-8, gt=0)
    """Added to the root, against division by 0."""
    weight_decay: float = Field(0.0, ge=0)
    """Pull of weights (not of biases and scales) towards 0."""

    @property
    def decay(self) -> float:
        """Weight decay."""
        return self.weight_decay


@OPTIMIZERS.register
class Adam(AdamKeys):
    """Adam (Kingma and Ba 2014, arXiv 1412.6980)."""

    type: Literal["adam"] = "adam"
    amsgrad: bool = False
    """Whether the largest past mean of squares is used."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the fused optimizer over the groups."""
        import torch

        return torch.optim.Adam(
            groups, betas=self.betas, eps=self.eps, amsgrad=self.amsgrad, fused=True
        )


@OPTIMIZERS.register
class AdamW(AdamKeys):
    """Adam with weight decay apart from the gradient (arXiv 1711.05101)."""

    type: Literal["adamw"] = "adamw"
    amsgrad: bool = False
    """Whether the largest past mean of squares is used."""

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the fused optimizer over the groups."""
        import torch

        return torch.optim.AdamW(
            groups, betas=self.betas, eps=self.eps, amsgrad=self.amsgrad, fused=True
        )


@OPTIMIZERS.register
class NAdam(AdamKeys):
    """Adam with Nesterov's momentum."""

    type: Literal["nadam"] = "nadam"

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the optimizer over the groups."""
        import torch

        return torch.optim.NAdam(groups, betas=self.betas, eps=self.eps)


@OPTIMIZERS.register
class Adamax(AdamKeys):
    """Adam with the largest gradient in place of the mean of squares."""

    type: Literal["adamax"] = "adamax"

    def build(self, groups: list[dict[str, Any]]) -> TorchOptimizer:
        """Return the optimizer over the groups."""
        import torch

        return torch.optim.Adamax(groups, betas=self.betas, eps=self.eps)
