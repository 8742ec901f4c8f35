"""Stacks of dense layers: the plain kind and the one after RealMLP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ordain.models.neural.blocks.activation import Activation
from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.initializer import initialize
from ordain.models.neural.blocks.linear import NTKLinear
from ordain.models.neural.blocks.parameter import set_paces
from ordain.models.neural.maps import Told

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

    def told(self) -> Told | None:
        """Return the map; None where a part has no exact one."""
        parts = [chain_of(layer) for layer in self.layers]
        if None in parts:
            return None
        return {"map": "residual", "parts": parts, "is_added": self._residual}


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

    def told(self) -> Told | None:
        """Return the map; None where a part has no exact one."""
        return chain_of(self.layers)


class Chain(nn.Sequential):
    """Modules one after the other, with the width of the last. Shapes: as the first and last."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__(*parts)
        last = parts[-1]
        self.width = last.out_features if isinstance(last, nn.Linear) else int(last.width)  # type: ignore[arg-type]

    def told(self) -> Told | None:
        """Return the map; None where a part has no exact one."""
        return chain_of(self)


def chain_of(parts: nn.Module) -> Told | None:
    """Return the map of modules one after the other; None where one has no exact form."""
    told = [
        told_of(part) for part in parts.children() if not isinstance(part, (Dropout, nn.Identity))
    ]
    return None if None in told else {"map": "chain", "parts": told}


def told_of(part: nn.Module) -> Told | None:
    """Return the map of a module, also of PyTorch's own; None where there is no exact one."""
    if isinstance(part, nn.Linear):
        return {"map": "linear", "weight": part.weight, "bias": part.bias, "is_turned": True}
    if isinstance(part, nn.BatchNorm1d):
        return {
            "map": "batch_norm",
            "weight": part.weight,
            "bias": part.bias,
            "mean": part.running_mean,
            "variance": part.running_var,
            "epsilon": part.eps,
        }
    if isinstance(part, nn.LayerNorm):
        return {
            "map": "layer_norm",
            "weight": part.weight,
            "bias": part.bias,
            "epsilon": part.eps,
        }
    tell = getattr(part, "told", None)
    return tell() if callable(tell) else None


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
