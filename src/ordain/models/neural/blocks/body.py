"""What stands between the encoded columns and the heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.linear import Scale
from ordain.models.neural.blocks.mlp import MLP, Chain, Layer, RealMLP
from ordain.models.neural.maps import Told


class PlainBody(nn.Module):
    """Columns side by side, then plain layers. Shapes: list of [B, D_i] -> [B, width].

    Attributes:
        rate: learning rate where it is chosen automatically.
        is_ntk: whether a head on it is in the neural-tangent parametrisation.
    """

    rate = 0.001
    is_ntk = False

    def __init__(self, n_in: int, layers: Sequence[Layer], *, residual: bool = False) -> None:
        super().__init__()
        self.layers = MLP(n_in, layers, residual=residual)
        self.width = self.layers.width

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Return [B, width]."""
        return self.layers(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))  # type: ignore[no-any-return]

    def told(self) -> Told | None:
        """Return the map of parts that lie side by side; see `ordain.models.neural.maps`."""
        return self.layers.told()


class RealBody(nn.Module):
    """Columns side by side, learned scales, then the layers of RealMLP.

    Shapes: list of [B, D_i] -> [B, width]. Attributes: as of `PlainBody`.
    """

    is_ntk = True

    def __init__(
        self, n_in: int, *, widths: Sequence[int], activation: str, dropout: float, rate: float
    ) -> None:
        super().__init__()
        self.rate = rate
        self.layers = Chain(
            Scale(n_in), RealMLP(n_in, widths=widths, activation=activation, dropout=dropout)
        )
        self.width = self.layers.width

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Return [B, width]."""
        return self.layers(parts[0] if len(parts) == 1 else torch.cat(parts, dim=1))  # type: ignore[no-any-return]

    def told(self) -> Told | None:
        """Return the map of parts that lie side by side; see `ordain.models.neural.maps`."""
        return self.layers.told()
