"""A small transformer encoder, trained from scratch."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.dropout import Dropout


class TransformerBlock(nn.Module):
    """Self-attention and a two-layer map, each after a layer norm and added to its input.

    Shapes: x [B, T, D], mask bool [B, T] -> [B, T, D].
    """

    def __init__(self, width: int, *, n_heads: int, width_inner: int, dropout: float) -> None:
        super().__init__()
        self._n_heads = n_heads
        self.norm_attention = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.join = nn.Linear(width, width)
        self.norm_inner = nn.LayerNorm(width)
        self.inner = nn.Linear(width, width_inner)
        self.outer = nn.Linear(width_inner, width)
        self.dropout = Dropout(dropout, is_scheduled=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return [B, T, D]."""
        x = x + self.dropout(self._attend(self.norm_attention(x), mask))
        inner = functional.gelu(self.inner(self.norm_inner(x)))
        return x + self.dropout(self.outer(inner))  # type: ignore[no-any-return]

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        n_rows, n_steps, width = x.shape
        split = self.project(x).view(n_rows, n_steps, 3, self._n_heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each [B, H, T, D / H]
        # An additive float mask: a row with nothing kept then gives numbers and not NaN.
        bias = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, -1e4)[:, None, None, :]
        out = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.join(out.transpose(1, 2).reshape(n_rows, n_steps, width))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Sinusoidal places added to token vectors, then blocks, then a layer norm.

    Source: Vaswani et al. 2017 (arXiv 1706.03762), with the norm first (Xiong et al. 2020).

    Shapes: x [B, T, D], mask bool [B, T] -> [B, T, D].
    """

    def __init__(
        self, width: int, *, n_layers: int, n_heads: int, width_inner: int, dropout: float
    ) -> None:
        super().__init__()
        self.width = width
        self.blocks = nn.ModuleList(
            TransformerBlock(width, n_heads=n_heads, width_inner=width_inner, dropout=dropout)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return [B, T, D]."""
        x = x + _places(x)
        for block in self.blocks:
            x = block(x, mask)
        return self.norm(x)  # type: ignore[no-any-return]


def _places(x: Tensor) -> Tensor:
    """Return sines and cosines of each place, [T, D]."""
    n_steps, width = x.shape[1], x.shape[2]
    place = torch.arange(n_steps, device=x.device, dtype=x.dtype).unsqueeze(1)
    half = (width + 1) // 2
    rate = torch.exp(torch.arange(half, device=x.device, dtype=x.dtype) * (-math.log(1e4) / half))
    return torch.cat([torch.sin(place * rate), torch.cos(place * rate)], dim=1)[:, :width]
