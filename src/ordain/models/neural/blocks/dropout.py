"""Dropout whose rate may follow the course of training."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Dropout(nn.Module):
    """Sets a share of the numbers to 0 while training and scales the rest up.

    Shapes: any -> same.

    Attributes:
        base: the share asked for.
        share: the share now; the loop lowers it in the second half of training where
            `is_scheduled`.
    """

    def __init__(self, share: float, *, is_scheduled: bool = True) -> None:
        super().__init__()
        self.base = self.share = share
        self.is_scheduled = is_scheduled

    def forward(self, x: Tensor) -> Tensor:
        """Return x with holes while training, x itself otherwise."""
        if not self.training or self.share == 0.0:
            return x
        return functional.dropout(x, self.share, training=True)


def set_dropout(module: nn.Module, factor: float) -> None:
    """Set every scheduled dropout in a module to its base share times a factor."""
    for part in module.modules():
        if isinstance(part, Dropout) and part.is_scheduled:
            part.share = part.base * factor
