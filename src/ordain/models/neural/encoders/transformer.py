"""`transformer`: a small transformer over a text, trained from scratch.

input_features:
  review: {type: text, encoder: {type: transformer, num_layers: 2, num_heads: 4}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ordain.features.encoded import Shape
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.sequence import Reduction, SequenceEncoder

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class TransformerEncoder(SequenceEncoder):
    """Self-attention over the tokens of a text."""

    type: Literal["transformer"] = "transformer"
    num_layers: int = Field(2, ge=1)
    """Blocks one upon the other."""
    num_heads: int = Field(4, ge=1)
    """Heads that attention is split into."""
    hidden_size: int = Field(128, ge=1)
    """Width of the blocks; a linear map leads to it where `embedding_size` differs."""
    transformer_output_size: int = Field(256, ge=1)
    """Width of the inner layer of each block."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    reduce_output: Reduction | None = "mean"
    """How the sequence becomes one vector; null hands the sequence on."""

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if self.hidden_size % self.num_heads:
            msg = (
                f"`hidden_size` must be a multiple of `num_heads`; "
                f"{self.hidden_size} is not a multiple of {self.num_heads}"
            )
            raise ValueError(msg)
        return self

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T, D]."""
        from torch import nn

        from ordain.models.neural.blocks.mlp import Chain
        from ordain.models.neural.blocks.transformer import Transformer

        embedding = self.token_embedding(shapes[0])
        width = int(embedding.width)  # type: ignore[arg-type]
        if width != self.hidden_size:
            embedding = Chain(embedding, nn.Linear(width, self.hidden_size))
        body = Transformer(
            self.hidden_size,
            n_layers=self.num_layers,
            n_heads=self.num_heads,
            width_inner=self.transformer_output_size,
            dropout=self.dropout,
        )
        return self.network(embedding, body)
