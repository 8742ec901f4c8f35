"""A text as the weighted sum of learned vectors of its (hashed) n-grams."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ordain.models.neural.blocks.dropout import Dropout
from ordain.models.neural.blocks.parameter import Pace, set_pace
from ordain.models.neural.maps import Told


class HashedBag(nn.Module):
    """Weighted sum of one vector an id, each row's weights scaled to length 1.

    Source: after Joulin et al. 2016 (arXiv 1607.01759), with the weights of TF-IDF and their
    length normalised, as linear models of text have it.

    Shapes: ids [total], offsets [B] (starts of rows), weights [total] -> [B, size]; an empty row
    gives zeros.
    """

    def __init__(
        self,
        cardinality: int,
        *,
        size: int,
        scale: float,
        dropout: float = 0.0,
        rate: float | None = None,
    ) -> None:
        super().__init__()
        self.width = size
        table = nn.Parameter(torch.randn(cardinality, size) * scale)
        self.table = set_pace(table, Pace(rate=rate, is_decayed=False))
        self.dropout = Dropout(dropout, is_scheduled=False)

    def forward(self, ids: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Return [B, size]."""
        total = functional.embedding_bag(
            ids, self.table, offsets, mode="sum", per_sample_weights=weights
        )
        return self.dropout(total)  # type: ignore[no-any-return]

    def told(self) -> Told:
        """Return the map, of one row alone; see `ordain.models.neural.maps`."""
        return {"map": "bag", "table": self.table}
