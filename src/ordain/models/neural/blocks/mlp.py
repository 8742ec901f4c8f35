"""Stacks of dense layers: the plain kind and the one after RealMLP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from torch import Tensor, nn

from ordain.models.neural.blocks.activation import Activation
from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.initializer import initialize
from ordain.models.neural.blocks.linear import Floats, NTKLinear, RowFunction, row_of_linear
from ordain.models.neural.blocks.parameter import set_paces

_RATE = 0.001
"""Learning rate of plain layers where it is chosen automatically, whatever stands beside them."""


@dataclass(frozen=True)
class Layer:
    """One dense layer of the plain kind."""

    width: int
    activation: str = "relu"
    norm: Literal["batch", "layer"] | None = None
    dropout: float = 0.0
    use_bias: bool = True
    weights_initializer: str = "xavier_uniform"
    bias_initializer: str = "zeros"


class MLP(nn.Module):
    """Dense layers, each linear, norm, activation, dropout.

    Shapes: x [B, D_in] -> [B, width of the last layer], or x itself where there is no layer.

    Args:
        residual: add a layer's input to its output where the widths agree.
    """

    def __init__(self, n_in: int, layers: Sequence[Layer], *, residual: bool = False) -> None:
        super().__init__()
        widths = [n_in, *(layer.width for layer in layers)]
        self.width = widths[-1]
        self.layers = nn.ModuleList(
            _plain_layer(before, layer) for before, layer in zip(widths[:-1], layers, strict=True)
        )
        set_paces(self, _RATE)
        self._residual = [residual and before == after for before, after in pairwise(widths)]

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width]."""
        for layer, is_residual in zip(self.layers, self._residual, strict=True):
            x = x + layer(x) if is_residual else layer(x)
        return x

    def row(self) -> RowFunction | None:
        """Return the map for one row, or None where a part has no exact one."""
        functions = [chain_rows(layer) for layer in self.layers]
        if any(function is None for function in functions):
            return None
        steps = list(zip([f for f in functions if f], self._residual, strict=True))

        def run(x: Floats) -> Floats:
            for function, is_residual in steps:
                x = x + function(x) if is_residual else function(x)
            return x

        return run


class RealMLP(nn.Module):
    """Hidden layers after RealMLP-TD: NTK linear, activation with a learned share, dropout.

    Shapes: x [B, D_in] -> [B, width].
    """

    def __init__(
        self,
        n_in: int,
        *,
        widths: Sequence[int],
        activation: str,
        dropout: float,
        rate: float | None = None,
    ) -> None:
        super().__init__()
        self.width = widths[-1] if widths else n_in
        parts: list[nn.Module] = []
        for before, after in pairwise([n_in, *widths]):
            parts.append(NTKLinear(before, after, rate=rate))
            parts.append(Activation(activation, width=after, rate=rate))
            parts.append(Dropout(dropout))
        self.layers = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, width]."""
        return self.layers(x)  # type: ignore[no-any-return]

    def row(self) -> RowFunction | None:
        """Return the map for one row."""
        return chain_rows(self.layers)


class Chain(nn.Sequential):
    """Modules one after the other, with the width of the last. Shapes: as the first and last."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__(*parts)
        last = parts[-1]
        self.width = last.out_features if isinstance(last, nn.Linear) else int(last.width)  # type: ignore[arg-type]

    def row(self) -> RowFunction | None:
        """Return the map for one row, or None where a part has no exact one."""
        return chain_rows(self)


def chain_rows(parts: nn.Module) -> RowFunction | None:
    """Return a sequence of modules for one row, or None where one has no exact form."""
    functions: list[RowFunction] = []
    for part in parts.children():
        if isinstance(part, (Dropout, nn.Identity)):
            continue
        function = _row_of(part)
        if function is None:
            return None
        functions.append(function)

    def run(x: Floats) -> Floats:
        for function in functions:
            x = function(x)
        return x

    return run


def _row_of(part: nn.Module) -> RowFunction | None:
    if isinstance(part, nn.Linear):
        return row_of_linear(part)
    if isinstance(part, nn.BatchNorm1d):
        return _row_of_batch_norm(part)
    if isinstance(part, nn.LayerNorm):
        return _row_of_layer_norm(part)
    make = getattr(part, "row", None)
    return make() if callable(make) else None


def _plain_layer(n_in: int, layer: Layer) -> nn.Sequential:
    linear = nn.Linear(n_in, layer.width, bias=layer.use_bias)
    initialize(linear.weight, layer.weights_initializer)
    if layer.use_bias:
        initialize(linear.bias, layer.bias_initializer)
    parts: list[nn.Module] = [linear]
    if layer.norm == "batch":
        parts.append(nn.BatchNorm1d(layer.width))
    elif layer.norm == "layer":
        parts.append(nn.LayerNorm(layer.width))
    parts.append(Activation(layer.activation))
    if layer.dropout:
        parts.append(Dropout(layer.dropout, is_scheduled=False))
    return nn.Sequential(*parts)


def _row_of_batch_norm(norm: nn.BatchNorm1d) -> RowFunction:
    assert norm.running_mean is not None, "running statistics are kept"
    assert norm.running_var is not None, "running statistics are kept"
    spread = np.sqrt(norm.running_var.numpy() + norm.eps)
    factor = norm.weight.detach().numpy() / spread
    shift = norm.bias.detach().numpy() - norm.running_mean.numpy() * factor
    return lambda x: x * factor + shift


def _row_of_layer_norm(norm: nn.LayerNorm) -> RowFunction:
    factor, shift = norm.weight.detach().numpy().copy(), norm.bias.detach().numpy().copy()
    eps = np.float32(norm.eps)

    def run(x: Any) -> Any:
        centred = x - x.mean()
        return centred / np.sqrt((centred * centred).mean() + eps) * factor + shift

    return run
