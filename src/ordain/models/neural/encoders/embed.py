"""`embed`: a learned vector for each category or token.

input_features:
  state: {type: category, encoder: {type: embed, embedding_size: 8}}
  review: {type: text, encoder: {type: embed, reduce_output: mean}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form
from ordain.models.neural.component import ENCODERS, Encoder
from ordain.models.neural.sequence import Reduction

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class EmbedEncoder(Encoder):
    """Learned vectors of categories, laid side by side, or of tokens, reduced to one."""

    type: Literal["embed"] = "embed"
    embedding_size: int | None = Field(None, ge=1)
    """Numbers in a vector; by default 8 for a category and 64 for a token."""
    embeddings_trainable: bool = True
    """Whether the vectors are learned."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    reduce_output: Reduction | None = "mean"
    """How the vectors of a text become one; nothing is reduced for categories."""
    max_sequence_length: int = Field(256, ge=1)
    """Tokens laid side by side where `reduce_output` is 'concat'."""
    kinds = frozenset({Kind.INDEX, Kind.TOKENS})
    form: ClassVar[Form] = Form.TOKENS

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids [B, F] -> [B, D], or ids and mask [B, T] -> [B, D] or [B, T, D]."""
        from ordain.models.neural.blocks.categories import EmbeddingGroup
        from ordain.models.neural.blocks.sequence import SequenceNet
        from ordain.models.neural.blocks.tokens import TokenEmbedding

        if shapes[0].kind is Kind.INDEX:
            return EmbeddingGroup(
                [shape.cardinality for shape in shapes],
                size=self.embedding_size or 8,
                dropout=self.dropout,
                is_trainable=self.embeddings_trainable,
            )
        embedding = TokenEmbedding(
            shapes[0].cardinality,
            size=self.embedding_size or 64,
            dropout=self.dropout,
            is_trainable=self.embeddings_trainable,
        )
        return SequenceNet(
            embedding, None, reduction=self.reduce_output, n_steps=self.max_sequence_length
        )
