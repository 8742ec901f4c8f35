"""Linear maps: in the neural-tangent parametrisation, and one factor a column."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.parameter import Pace, set_pace
from ordain.models.neural.maps import Told


class NTKLinear(nn.Module):
    """``y = x W / sqrt(D_in) + b``, with W and b drawn from N(0, 1).

    The learning rate then need not follow the width. Source: Holzmueller et al. 2024
    (arXiv 2407.04491), RealMLP-TD-S.

    Shapes: x [B, D_in] -> [B, D_out].

    Args:
        is_last: start at zero, so that the first answer is the constant one.
        rate: learning rate where it is chosen automatically.
    """

    def __init__(
        self, n_in: int, n_out: int, *, is_last: bool = False, rate: float | None = None
    ) -> None:
        super().__init__()
        self.width = n_out
        weight = torch.zeros(n_in, n_out) if is_last else torch.randn(n_in, n_out)
        bias = torch.zeros(n_out) if is_last else torch.randn(n_out)
        self.weight = set_pace(nn.Parameter(weight), Pace(rate=rate))
        self.bias = set_pace(nn.Parameter(bias), Pace(factor=0.1, rate=rate, is_decayed=False))
        self._factor = 1.0 / math.sqrt(max(1, n_in))

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, D_out]."""
        return torch.addmm(self.bias, x, self.weight, alpha=self._factor)

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {
            "map": "linear",
            "weight": self.weight,
            "bias": self.bias,
            "factor": self._factor,
        }


class Scale(nn.Module):
    """One learned factor a column, 1 at the start.

    Shapes: x [B, D] -> [B, D].
    """

    def __init__(self, width: int, *, rate: float | None = None) -> None:
        super().__init__()
        self.width = width
        self.factor = set_pace(
            nn.Parameter(torch.ones(width)), Pace(factor=6.0, rate=rate, is_decayed=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, D]."""
        return x * self.factor

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {"map": "scale", "factor": self.factor}


class Passthrough(nn.Module):
    """Hands its input on. Shapes: x [B, D] -> [B, D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {"map": "identity"}
