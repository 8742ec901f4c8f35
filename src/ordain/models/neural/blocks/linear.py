"""Linear maps: in the neural-tangent parametrisation, and one factor a column."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.parameter import Pace, set_pace

Floats = npt.NDArray[np.float32]
RowFunction = Callable[[Any], Any]
"""The same map on one row, without torch: a float32 vector [D_in], or ids, -> float32 [D_out]."""


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

    def row(self) -> RowFunction:
        """Return the map for one row."""
        weight = np.ascontiguousarray(self.weight.detach().numpy().T * np.float32(self._factor))
        bias = self.bias.detach().numpy().copy()
        return lambda x: weight @ x + bias


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

    def row(self) -> RowFunction:
        """Return the map for one row."""
        factor = self.factor.detach().numpy().copy()
        return lambda x: x * factor


class Passthrough(nn.Module):
    """Hands its input on. Shapes: x [B, D] -> [B, D]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x

    def row(self) -> RowFunction:
        """Return the map for one row."""
        return lambda x: x


def row_of_linear(linear: nn.Linear) -> RowFunction:
    """Return torch's linear layer for one row."""
    weight = linear.weight.detach().numpy().copy()
    bias: nn.Parameter | None = linear.bias
    if bias is None:
        return lambda x: weight @ x
    shift = bias.detach().numpy().copy()
    return lambda x: weight @ x + shift
