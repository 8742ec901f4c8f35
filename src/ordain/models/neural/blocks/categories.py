"""Groups of category columns as one-hot vectors or learned vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.maps import Told


def _starts(cardinalities: Sequence[int]) -> Tensor:
    return torch.tensor([0, *cardinalities[:-1]]).cumsum(0)


class OneHot(nn.Module):
    """F columns of ids as one vector each, laid side by side.

    Shapes: ids int64 [B, F] -> [B, sum of cardinalities].
    """

    starts: Tensor

    def __init__(self, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.width = sum(cardinalities)
        self.register_buffer("starts", _starts(cardinalities), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return float32 [B, width] of 0 and 1."""
        out = torch.zeros(ids.shape[0], self.width, device=ids.device)
        return out.scatter(1, ids + self.starts, 1.0)

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {"map": "onehot", "starts": self.starts.tolist(), "width": self.width}


class EmbeddingGroup(nn.Module):
    """F columns of ids as learned vectors of one size, from one table.

    Shapes: ids int64 [B, F] -> [B, F * size].

    Args:
        scale: standard deviation of the first vectors.
        is_trainable: whether the vectors are learned.
    """

    starts: Tensor

    def __init__(
        self,
        cardinalities: Sequence[int],
        *,
        size: int,
        scale: float = 1.0,
        dropout: float = 0.0,
        is_trainable: bool = True,
    ) -> None:
        super().__init__()
        self.width = len(cardinalities) * size
        self.register_buffer("starts", _starts(cardinalities), persistent=False)
        table = torch.randn(sum(cardinalities), size) * scale
        self.table = nn.Parameter(table, requires_grad=is_trainable)
        self.dropout = Dropout(dropout, is_scheduled=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return [B, F * size]."""
        vectors = functional.embedding(ids + self.starts, self.table)  # [B, F, size]
        return self.dropout(vectors.flatten(1))  # type: ignore[no-any-return]

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {"map": "embedding", "starts": self.starts.tolist(), "table": self.table}
