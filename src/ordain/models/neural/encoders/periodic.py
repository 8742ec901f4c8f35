"""`periodic`: each number beside learned waves of it.

input_features:
  price: {type: number, encoder: {type: periodic, num_frequencies: 16}}
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
class PeriodicEncoder(Encoder):
    """Numbers with a linear map of cosines of learned frequency (PBLD of RealMLP-TD)."""

    type: Literal["periodic"] = "periodic"
    aliases = ("pbld",)
    num_frequencies: int = Field(16, ge=1)
    """Waves a number is spread over."""
    embedding_size: int = Field(4, ge=2)
    """Columns a number becomes, itself included."""
    sigma: float = Field(0.1, gt=0)
    """Spread of the first frequencies, in waves per unit of the scaled number."""
    kinds = frozenset({Kind.SCALAR, Kind.VECTOR})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return [B, W] -> [B, W * embedding_size]."""
        from ordain.models.neural.blocks.numbers import PeriodicEmbedding

        return PeriodicEmbedding(
            sum(shape.width for shape in shapes),
            n_frequencies=self.num_frequencies,
            width_each=self.embedding_size,
            sigma=self.sigma,
        )
