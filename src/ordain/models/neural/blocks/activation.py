"""Activations by name, for tensors and for one row in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.linear import RowFunction
from ordain.models.neural.blocks.parameter import Pace, set_pace

_SELU_SCALE = np.float32(1.0507009873554805)
_SELU_NEGATIVE = np.float32(1.0507009873554805 * 1.6732632423543772)


def _selu(x: Any) -> Any:
    positive = np.maximum(x, 0.0)
    return _SELU_SCALE * positive + _SELU_NEGATIVE * np.expm1(x - positive)


def _mish(x: Any) -> Any:
    # tanh(log(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2); above 20 it is 1 in float32.
    e = np.exp(np.minimum(x, np.float32(20.0)))
    n = e * (e + 2)
    return x * (n / (n + 2))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


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
_NUMPY: dict[str, RowFunction] = {
    "relu": lambda x: np.maximum(x, 0),
    "selu": _selu,
    "mish": _mish,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "silu": lambda x: x * _sigmoid(x),
    "leakyRelu": lambda x: np.where(x > 0, x, np.float32(0.01) * x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
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

    def row(self) -> RowFunction | None:
        """Return the map for one row, or None where there is no exact one."""
        function = _NUMPY.get(self.name)
        if function is None or self.share is None:
            return function
        share = self.share.detach().numpy().copy()
        return lambda x: x + (function(x) - x) * share
