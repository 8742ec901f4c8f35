"""Convolutions over sequences: side by side, and one upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.activation import Activation
from ordain.models.neural.blocks.dropout import Dropout


@dataclass(frozen=True)
class ConvLayer:
    """One convolution over time.

    Attributes:
        pool_size: places of which one is kept after it; None keeps all.
    """

    filter_size: int
    num_filters: int = 256
    activation: str = "relu"
    norm: Literal["batch", "layer"] | None = None
    dropout: float = 0.0
    pool_size: int | None = None
    pool_function: Literal["max", "mean"] = "max"


class ConvBlock(nn.Module):
    """A convolution that keeps the length, then norm, activation, dropout, pooling.

    Shapes: x [B, T, D_in], mask [B, T] -> ([B, T', num_filters], mask [B, T']), where T' is T, or
    ceil(T / pool_size). What the mask leaves out is 0 before and after.
    """

    def __init__(self, n_in: int, layer: ConvLayer) -> None:
        super().__init__()
        self.width = layer.num_filters
        self._left = (layer.filter_size - 1) // 2
        self._right = layer.filter_size - 1 - self._left
        self.conv = nn.Conv1d(n_in, layer.num_filters, layer.filter_size)
        self.norm: nn.Module | None = None
        if layer.norm == "batch":
            self.norm = nn.BatchNorm1d(layer.num_filters)
        elif layer.norm == "layer":
            self.norm = nn.GroupNorm(1, layer.num_filters)
        self.activation = Activation(layer.activation)
        self.dropout = Dropout(layer.dropout, is_scheduled=False)
        self._layer = layer

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new sequence and its mask."""
        kept = mask.unsqueeze(1)
        y = functional.pad(
            x.transpose(1, 2) * kept, (self._left, self._right)
        )  # [B, D_in, T + k - 1]
        y = self.conv(y)  # [B, num_filters, T]
        if self.norm is not None:
            y = self.norm(y)
        y = self.dropout(self.activation(y)) * kept
        if self._layer.pool_size:
            y, mask = self._pool(y, mask)
        return y.transpose(1, 2), mask

    def _pool(self, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        size = self._layer.pool_size or 1
        pooled_mask = functional.max_pool1d(mask.to(y.dtype).unsqueeze(1), size, ceil_mode=True)
        pool = (
            functional.max_pool1d if self._layer.pool_function == "max" else functional.avg_pool1d
        )
        return pool(y, size, ceil_mode=True) * pooled_mask, pooled_mask.squeeze(1) > 0


class ParallelConv(nn.Module):
    """Convolutions of several lengths over one sequence, laid side by side.

    Source: Kim 2014 (arXiv 1408.5882). Shapes: x [B, T, D_in], mask -> ([B, T, sum], mask).
    """

    def __init__(self, n_in: int, layers: Sequence[ConvLayer]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(n_in, layer) for layer in layers)
        self.width = sum(layer.num_filters for layer in layers)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sequences side by side and the mask."""
        return torch.cat([block(x, mask)[0] for block in self.blocks], dim=2), mask


class StackedConv(nn.Module):
    """Convolutions one upon the other. Shapes: x [B, T, D_in], mask -> ([B, T', D], mask)."""

    def __init__(self, n_in: int, layers: Sequence[ConvLayer]) -> None:
        super().__init__()
        widths = [n_in, *(layer.num_filters for layer in layers)]
        self.blocks = nn.ModuleList(
            ConvBlock(before, layer) for before, layer in zip(widths[:-1], layers, strict=True)
        )
        self.width = widths[-1]

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last sequence and its mask."""
        for block in self.blocks:
            x, mask = block(x, mask)
        return x, mask
