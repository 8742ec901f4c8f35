"""Recurrent networks over sequences of unequal length."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

_CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Recurrent(nn.Module):
    """An RNN, LSTM or GRU whose backward half starts at each row's last kept place.

    Rows are run without packing: the backward direction reads each row reversed within its own
    length, so that padding never enters a kept place.

    Shapes: x [B, T, D_in], mask [B, T], kept places first -> [B, T, width].
    """

    def __init__(
        self,
        n_in: int,
        size: int,
        *,
        cell_type: Literal["rnn", "lstm", "gru"] = "lstm",
        n_layers: int = 1,
        is_bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        make = _CELLS[cell_type]
        self.width = size * (2 if is_bidirectional else 1)
        widths = [n_in, *([self.width] * (n_layers - 1))]
        self.ahead = nn.ModuleList(make(width, size, batch_first=True) for width in widths)
        self.back = nn.ModuleList(
            make(width, size, batch_first=True) for width in widths if is_bidirectional
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return [B, T, width], 0 where the mask leaves out."""
        for level, ahead in enumerate(self.ahead):
            y = ahead(x)[0]
            if len(self.back):
                order = _reversed_places(mask)
                turned = self.back[level](_at(x, order))[0]
                y = torch.cat([y, _at(turned, order)], dim=2)
            x = y if level + 1 == len(self.ahead) else self.dropout(y)
        return x * mask.unsqueeze(-1)


def _reversed_places(mask: Tensor) -> Tensor:
    """Return places [B, T] that reverse each row within its length and leave the rest."""
    place = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    length = mask.sum(1, keepdim=True)
    return torch.where(place < length, length - 1 - place, place)


def _at(x: Tensor, places: Tensor) -> Tensor:
    return x.gather(1, places.unsqueeze(-1).expand(-1, -1, x.shape[2]))
