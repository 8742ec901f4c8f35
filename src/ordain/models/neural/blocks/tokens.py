"""Token ids as sequences of vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.dropout import Dropout


class TokenEmbedding(nn.Module):
    """One learned vector a token.

    Shapes: ids [B, T] -> [B, T, size].

    Args:
        is_sparse: `sparse` of Ludwig: the vectors are fixed one-hot rows, size = cardinality.
    """

    def __init__(
        self,
        cardinality: int,
        *,
        size: int,
        scale: float = 1.0,
        is_trainable: bool = True,
        is_sparse: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = cardinality if is_sparse else size
        table = torch.eye(cardinality) if is_sparse else torch.randn(cardinality, size) * scale
        self.table = nn.Parameter(table, requires_grad=is_trainable and not is_sparse)
        self.dropout = Dropout(dropout, is_scheduled=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Return [B, T, size]."""
        return self.dropout(nn.functional.embedding(ids, self.table))  # type: ignore[no-any-return]
