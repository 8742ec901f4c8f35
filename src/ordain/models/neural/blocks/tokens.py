"""Token ids as sequences of vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.latent import latent_vectors


class TokenEmbedding(nn.Module):
    """One learned vector a token.

    Shapes: ids [B, T] -> [B, T, size].

    Args:
        scale: standard deviation of the first numbers.
        token_dropout: share of tokens whose vector is 0 while training; nothing is scaled up, so
            that a token never seen, whose vector is 0, is nothing new.
        is_from_texts: whether `fit_` sets the first vectors from the training texts.
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
        token_dropout: float = 0.0,
        is_from_texts: bool = False,
    ) -> None:
        super().__init__()
        self.width = cardinality if is_sparse else size
        table = torch.eye(cardinality) if is_sparse else torch.randn(cardinality, size) * scale
        self.table = nn.Parameter(table, requires_grad=is_trainable and not is_sparse)
        self.dropout = Dropout(dropout, is_scheduled=False)
        self._token_dropout = token_dropout
        self._scale = scale
        self._is_from_texts = is_from_texts and not is_sparse

    def fit_(self, ids: Tensor, mask: Tensor) -> None:
        """Set the first vectors from texts: ids [B, T], mask bool [B, T]."""
        if self._is_from_texts:
            n_tokens, size = self.table.shape
            vectors = latent_vectors(ids, mask, cardinality=n_tokens, size=size)
            with torch.no_grad():
                self.table.copy_(vectors * (self._scale * size**0.5))

    def forward(self, ids: Tensor) -> Tensor:
        """Return [B, T, size]."""
        x = nn.functional.embedding(ids, self.table)
        if self.training and self._token_dropout:
            kept = torch.rand(ids.shape, device=ids.device) >= self._token_dropout
            x = x * kept.unsqueeze(-1)
        return self.dropout(x)  # type: ignore[no-any-return]
