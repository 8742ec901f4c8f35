"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.parameter import Pace, set_pace
from ordain.models.neural.maps import Told, has_activation

_TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "selu": functional.selu,
    "mish": functional.mish,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "leakyRelu": functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


class Activation(nn.Module):
    """A function on each number, optionally mixed with the identity by a learned share.

    ``x + (f(x) - x) * a`` with one a per column, 1 at the start. Source: RealMLP-TD
    (arXiv 2407.04491), "parametric activation".

    Shapes: x [B, D] -> [B, D].

    Args:
        width: columns where the share is learned; None learns nothing.
    """

    def __init__(self, name: str, *, width: int | None = None, rate: float | None = None) -> None:
        super().__init__()
        self.name = name
        self._function = _TORCH[name]
        self.share: nn.Parameter | None = None
        if width is not None:
            self.share = set_pace(
                nn.Parameter(torch.ones(width)), Pace(factor=0.1, rate=rate, is_decayed=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, D]."""
        if self.share is None:
            return self._function(x)
        return torch.lerp(x, self._function(x), self.share.to(x.dtype))

    def told(self) -> Told | None:
        """Return the map; None where there is no exact one. See `ordain.models.neural.maps`."""
        if not has_activation(self.name):
            return None
        return {"map": "activation", "name": self.name, "share": self.share}
