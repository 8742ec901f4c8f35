"""`bag`: a text as the weighted sum of learned vectors of its hashed n-grams.

input_features:
  review: {type: text, encoder: {type: bag, embedding_size: 64}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form
from ordain.models.neural.component import ENCODERS, Encoder

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class BagEncoder(Encoder):
    """Sums one learned vector an n-gram: fast, needs no weights from elsewhere."""

    type: Literal["bag"] = "bag"
    embedding_size: int = Field(64, ge=1)
    """Numbers in a vector."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    learning_rate: float = Field(0.003, gt=0)
    """Learning rate of the vectors where `trainer.learning_rate` is 'auto'."""
    kinds = frozenset({Kind.BAG})
    form: ClassVar[Form] = Form.DENSE

    def text_options(self) -> dict[str, Any]:
        """Return n-grams of characters beside those of words: they catch forms and slips."""
        return {"char_ngrams": (3, 5)}

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return (ids, offsets, weights) -> [B, embedding_size]."""
        from ordain.models.neural.blocks.bag import HashedBag

        return HashedBag(
            shapes[0].cardinality,
            size=self.embedding_size,
            scale=0.01,
            dropout=self.dropout,
            rate=self.learning_rate,
        )
