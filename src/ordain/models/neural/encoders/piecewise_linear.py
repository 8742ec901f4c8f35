"""`piecewise_linear`: each number as how far it has come through quantile bins.

input_features:
  price: {type: number, encoder: {type: piecewise_linear, num_bins: 48}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import ENCODERS, Encoder

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class PiecewiseLinearEncoder(Encoder):
    """Numbers spread over quantile bins of the training rows, then a linear map each."""

    type: Literal["piecewise_linear"] = "piecewise_linear"
    aliases = ("ple",)
    num_bins: int = Field(32, ge=1)
    """Bins a number is spread over."""
    embedding_size: int = Field(8, ge=2)
    """Columns a number becomes, itself included."""
    kinds = frozenset({Kind.SCALAR, Kind.VECTOR})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return [B, W] -> [B, W * embedding_size]."""
        from ordain.models.neural.blocks.numbers import PiecewiseLinearEmbedding

        return PiecewiseLinearEmbedding(
            sum(shape.width for shape in shapes),
            n_bins=self.num_bins,
            width_each=self.embedding_size,
        )
