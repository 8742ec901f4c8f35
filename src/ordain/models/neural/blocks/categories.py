"""Groups of category columns as one-hot vectors or learned vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.linear import Floats, RowFunction


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

    def row(self) -> RowFunction:
        """Return the map for one row of ids."""
        starts, width = self.starts.numpy().copy(), self.width

        def run(ids: npt.NDArray[np.int64]) -> Floats:
            out = np.zeros(width, dtype=np.float32)
            out[ids + starts] = 1.0
            return out

        return run


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

    def row(self) -> RowFunction:
        """Return the map for one row of ids."""
        starts, table = self.starts.numpy().copy(), self.table.detach().numpy().copy()
        return lambda ids: table[ids + starts].ravel()
