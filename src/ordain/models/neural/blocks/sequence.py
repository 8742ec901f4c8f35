"""A whole sequence encoder: vectors of tokens, a body, a reduction, dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.mlp import MLP, Layer
from ordain.models.neural.blocks.parameter import set_paces
from ordain.models.neural.blocks.pooling import Pooling, Reduction
from ordain.models.neural.blocks.tokens import TokenEmbedding


class SequenceNet(nn.Module):
    """Ids to one vector a row, or to a sequence where `reduction` is None.

    Shapes: ids [B, T], mask bool [B, T] -> [B, width] or [B, T', width].

    Args:
        embedding: ids [B, T] -> [B, T, D].
        body: (x, mask) -> x or (x, mask); None hands the vectors on.
        dropout: share of the reduced vector set to 0 while training.
        n_back: of the body's columns, how many end at the first place (a backward half).
        n_steps: T for the reduction `concat`.
        rate: learning rate of its parameters where that is chosen automatically.
    """

    def __init__(
        self,
        embedding: nn.Module,
        body: nn.Module | None,
        *,
        reduction: Reduction | None,
        layers: Sequence[Layer] = (),
        n_back: int = 0,
        n_steps: int = 0,
        rate: float = 0.002,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.body = body
        width = int((body or embedding).width)  # type: ignore[arg-type]
        self.pooling = (
            Pooling(reduction, width, n_steps=n_steps, n_back=n_back) if reduction else None
        )
        self.dropout = Dropout(dropout if reduction else 0.0, is_scheduled=False)
        self.head = MLP(self.pooling.width if self.pooling else width, layers)
        self.width = self.head.width
        set_paces(self, rate)

    def fit_(self, ids: Tensor, mask: Tensor) -> None:
        """Let the vectors of tokens start from texts, where they are to."""
        for part in self.embedding.modules():
            if isinstance(part, TokenEmbedding):
                part.fit_(ids, mask)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return [B, width] or [B, T', width]."""
        x = self.embedding(ids)
        if self.body is not None:
            out = self.body(x, mask)
            x, mask = out if isinstance(out, tuple) else (out, mask)
        if self.pooling is not None:
            x = self.dropout(self.pooling(x, mask))
        return self.head(x)  # type: ignore[no-any-return]
