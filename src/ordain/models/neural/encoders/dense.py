"""`dense`: dense layers over numbers and vectors, learned vectors for categories.

input_features:
  tenure: {type: number, encoder: {type: dense, num_fc_layers: 1, output_size: 64}}
  state: {type: category, encoder: {type: dense, embedding_size: 16}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.core.errors import UsageError
from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import ENCODERS, Encoder
from ordain.models.neural.layers import DenseKeys

if TYPE_CHECKING:
    from torch import nn

_CATEGORY_SIZE = 50
"""As in Ludwig."""


@ENCODERS.register
class DenseEncoder(DenseKeys, Encoder):
    """Dense layers over the columns of a group; a category first becomes a learned vector.

    Without `fc_layers` and `num_fc_layers` numbers get one layer and categories none, as in Ludwig.
    """

    type: Literal["dense"] = "dense"
    meaningful_unset = frozenset(
        {"fc_layers", "num_fc_layers", "embedding_size", "embeddings_trainable"}
    )
    embedding_size: int | None = Field(None, ge=1)
    """Numbers in the vector of a category, 50 where it is not given; numbers have none."""
    embeddings_trainable: bool = True
    """Whether the vectors of categories are learned."""
    kinds = frozenset({Kind.SCALAR, Kind.VECTOR, Kind.INDEX})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return [B, W] or ids [B, F] -> [B, D].

        Raises:
            UsageError: a key of categories stands at a column of numbers.
        """
        from ordain.models.neural.blocks.mlp import MLP, Chain

        if shapes[0].kind is Kind.INDEX:
            group = self._embedding(shapes)
            return Chain(group, MLP(int(group.width), self.dense_layers()))  # type: ignore[arg-type]
        if self.embedding_size is not None or not self.embeddings_trainable:
            raise UsageError(
                "encoder 'dense': `embedding_size` and `embeddings_trainable` are for categories, "
                "and this column holds numbers.\n  Fix: leave them out, or use `output_size`"
            )
        keys = self
        if self.fc_layers is None and self.num_fc_layers is None:
            keys = self.model_copy(update={"num_fc_layers": 1})
        return MLP(sum(shape.width for shape in shapes), keys.dense_layers())

    def _embedding(self, shapes: Sequence[Shape]) -> nn.Module:
        from ordain.models.neural.blocks.categories import EmbeddingGroup

        return EmbeddingGroup(
            [shape.cardinality for shape in shapes],
            size=self.embedding_size or _CATEGORY_SIZE,
            dropout=self.dropout,
            is_trainable=self.embeddings_trainable,
        )
