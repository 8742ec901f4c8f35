"""`parallel_cnn`: convolutions of several lengths side by side over a text.

input_features:
  review: {type: text, encoder: {type: parallel_cnn, num_filters: 128}}
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

_DEFAULT_LENGTHS = (2, 3, 4)


@ENCODERS.register
class ParallelCnnEncoder(SequenceEncoder):
    """Filters over 2 to 4 tokens, side by side (Kim 2014); by default the maximum of each."""

    type: Literal["parallel_cnn"] = "parallel_cnn"
    conv_layers: tuple[ConvSpec, ...] | None = None
    """One mapping a convolution; wins over `num_conv_layers`."""
    num_conv_layers: int | None = Field(None, ge=1)
    """Equal convolutions of `filter_size`; by default three, of 2, 3 and 4 tokens."""
    filter_size: int = Field(3, ge=1)
    """Tokens a filter sees where `num_conv_layers` is written."""
    num_filters: int = Field(64, ge=1)
    """Filters of each length."""
    reduce_output: Reduction | None = "max"
    """How the sequence becomes one vector; null hands the sequence on."""

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids and mask [B, T] -> [B, D] or [B, T, D]."""
        from ordain.models.neural.blocks.conv import ParallelConv

        embedding = self.token_embedding(shapes[0])
        body = ParallelConv(int(embedding.width), conv_layers(self, self._layers()))  # type: ignore[arg-type]
        return self.network(embedding, body)

    def _layers(self) -> tuple[ConvSpec, ...]:
        if self.conv_layers is not None:
            return self.conv_layers
        if self.num_conv_layers is not None:
            return (ConvSpec(),) * self.num_conv_layers
        return tuple(ConvSpec(filter_size=length) for length in _DEFAULT_LENGTHS)
