"""`stacked_cnn`: convolutions one upon the other over a text.

input_features:
  review: {type: text, encoder: {type: stacked_cnn, num_conv_layers: 3}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.features.encoded import Shape
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.sequence import ConvSpec, Reduction, SequenceEncoder, conv_layers

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class StackedCnnEncoder(SequenceEncoder):
    """Convolutions one upon the other, with pooling between."""

    type: Literal["stacked_cnn"] = "stacked_cnn"
    conv_layers: tuple[ConvSpec, ...] | None = None
    """One mapping a convolution; wins over `num_conv_layers`."""
    num_conv_layers: int = Field(3, ge=1)
    """Equal convolutions."""
    filter_size: int = Field(5, ge=1)
    """Tokens a filter sees."""
    num_filters: int = Field(128, ge=1)
    """Filters."""
    pool_size: int | None = Field(2, ge=1)
    """Places of which one is kept after each convolution; null keeps all."""
    pool_function: Literal["max", "mean"] = "max"
    """How places are pooled."""
    reduce_output: Reduction | None = "max"
    """How the sequence becomes one vector; null hands the sequence on."""

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T', D]."""
        from ordain.models.neural.blocks.conv import StackedConv

        embedding = self.token_embedding(shapes[0])
        specs = self.conv_layers or (ConvSpec(),) * self.num_conv_layers
        layers = conv_layers(self, specs)
        body = StackedConv(int(embedding.width), layers)  # type: ignore[arg-type]
        n_steps = self.max_sequence_length
        for layer in layers:
            n_steps = -(-n_steps // (layer.pool_size or 1))
        return self.network(embedding, body, n_steps=n_steps)
