"""A sequence reduced to one vector: Ludwig's `reduce_output`."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Reduction = Literal["sum", "mean", "avg", "max", "concat", "last", "first", "attention"]


class Pooling(nn.Module):
    """One vector a row from the kept places of a sequence; a row with none gives zeros.

    Shapes: x [B, T, D], mask bool [B, T] (True = keep) -> [B, width].

    Args:
        n_steps: T for `concat`, which pads or cuts to it.
        n_back: columns at the end that were run backwards: their `last` place is the first.
    """

    def __init__(
        self, reduction: Reduction, width: int, *, n_steps: int = 0, n_back: int = 0
    ) -> None:
        super().__init__()
        self.reduction = "mean" if reduction == "avg" else reduction
        self.width = width * n_steps if reduction == "concat" else width
        self._n_steps = n_steps
        self._n_ahead = width - n_back
        if self.reduction == "attention":
            self.query = nn.Linear(width, width)
            self.score = nn.Linear(width, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return [B, width]."""
        kept = mask.unsqueeze(-1)
        if self.reduction == "sum":
            return (x * kept).sum(1)
        if self.reduction == "mean":
            n_kept: Tensor = kept.sum(1).clamp_min(1)
            return (x * kept).sum(1) / n_kept
        if self.reduction == "max":
            low = torch.finfo(x.dtype).min
            return x.masked_fill(~kept, low).amax(1) * mask.any(1, keepdim=True)
        if self.reduction == "attention":
            return self._attend(x, mask)
        if self.reduction == "concat":
            return self._lay_out(x * kept)
        first = x[:, 0] * mask.any(1, keepdim=True)
        return first if self.reduction == "first" else self._last(x, mask, first)

    def _last(self, x: Tensor, mask: Tensor, first: Tensor) -> Tensor:
        place = (mask.sum(1).clamp_min(1) - 1).view(-1, 1, 1).expand(-1, 1, x.shape[2])
        last = x.gather(1, place).squeeze(1) * mask.any(1, keepdim=True)
        if self._n_ahead == x.shape[2]:
            return last
        return torch.cat([last[:, : self._n_ahead], first[:, self._n_ahead :]], dim=1)

    def _attend(self, x: Tensor, mask: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.query(x))).squeeze(-1)  # [B, T]
        low = torch.finfo(scores.dtype).min
        share = scores.masked_fill(~mask, low).softmax(1) * mask
        return (share.unsqueeze(-1) * x).sum(1)  # type: ignore[no-any-return]

    def _lay_out(self, x: Tensor) -> Tensor:
        x = x[:, : self._n_steps]
        missing = self._n_steps - x.shape[1]
        return nn.functional.pad(x, (0, 0, 0, missing)).flatten(1)
