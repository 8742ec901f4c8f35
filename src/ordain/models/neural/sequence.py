"""The keys that encoders of token sequences share, and how their modules are put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ordain.core.component import Spec
from ordain.features.encoded import Kind, Shape
from ordain.features.feature import Form
from ordain.models.neural.component import Encoder
from ordain.models.neural.layers import ActivationName, DenseKeys, Norm

if TYPE_CHECKING:
    from torch import nn

    from ordain.models.neural.blocks.conv import ConvLayer

_SCALE = 0.3
"""Size of the first numbers of a token's vector where they come from texts."""

Reduction = Literal["sum", "mean", "avg", "max", "concat", "last", "first", "attention"]
"""How a sequence becomes one vector."""


class SequenceEncoder(DenseKeys, Encoder):
    """Keys of Ludwig for an encoder of tokens; a child builds the body between them."""

    version = 2
    embedding_size: int = Field(64, ge=1)
    """Numbers in the vector of a token."""
    first_vectors: Literal["texts", "random"] = "texts"
    """How the vectors of tokens start: 'texts' by latent semantic analysis of up to 10,000 training
    rows, so that tokens of like texts start near each other; 'random' anywhere."""
    token_dropout: float = Field(0.2, ge=0, lt=1)
    """Share of tokens whose vector is set to 0 while training."""
    reduced_dropout: float = Field(0.5, ge=0, lt=1)
    """Share of the reduced vector set to 0 while training."""
    representation: Literal["dense", "sparse"] = "dense"
    """`sparse`: fixed one-hot vectors in place of learned ones."""
    embeddings_trainable: bool = True
    """Whether the vectors of tokens are learned."""
    reduce_output: Reduction | None = "max"
    """How the sequence becomes one vector; null hands the sequence on."""
    max_sequence_length: int = Field(256, ge=1)
    """Tokens laid side by side where `reduce_output` is 'concat'."""
    kinds = frozenset({Kind.TOKENS})
    form: ClassVar[Form] = Form.TOKENS

    def token_embedding(self, shape: Shape) -> nn.Module:
        """Return ids [B, T] -> [B, T, D]."""
        from ordain.models.neural.blocks.tokens import TokenEmbedding

        is_from_texts = self.first_vectors == "texts" and self.representation == "dense"
        return TokenEmbedding(
            shape.cardinality,
            size=self.embedding_size,
            scale=_SCALE if is_from_texts else self.embedding_size**-0.5,
            is_trainable=self.embeddings_trainable,
            is_sparse=self.representation == "sparse",
            dropout=self.dropout,
            token_dropout=self.token_dropout,
            is_from_texts=is_from_texts,
        )

    def network(
        self, embedding: nn.Module, body: nn.Module, *, n_back: int = 0, n_steps: int | None = None
    ) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T, D], through a body."""
        from ordain.models.neural.blocks.sequence import SequenceNet

        return SequenceNet(
            embedding,
            body,
            reduction=self.reduce_output,
            layers=self.dense_layers(),
            dropout=self.reduced_dropout,
            n_back=n_back,
            n_steps=n_steps or self.max_sequence_length,
        )


class ConvSpec(Spec):
    """One convolution; what is left out is taken from the keys beside `conv_layers`."""

    filter_size: int | None = Field(None, ge=1)
    """Tokens a filter sees."""
    num_filters: int | None = Field(None, ge=1)
    """Filters."""
    activation: ActivationName | None = None
    """Function on each number."""
    norm: Norm | None = None
    """Normalisation before the activation."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    pool_size: int | None = Field(None, ge=1)
    """Places of which one is kept; 1 keeps all."""
    pool_function: Literal["max", "mean"] | None = None
    """How places are pooled."""


def conv_layers(base: Spec, layers: tuple[ConvSpec, ...]) -> list[ConvLayer]:
    """Return convolutions; a key not written in a layer is taken from `base`."""
    from ordain.models.neural.blocks.conv import ConvLayer

    shared = {
        name: getattr(base, name) for name in ConvLayer.__dataclass_fields__ if hasattr(base, name)
    }
    return [ConvLayer(**{**shared, **layer.model_dump(exclude_none=True)}) for layer in layers]
