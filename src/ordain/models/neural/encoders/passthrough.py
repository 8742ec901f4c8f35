"""`passthrough`: the numbers as they are.

input_features:
  tenure: {type: number, encoder: passthrough}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import ENCODERS, Encoder

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class PassthroughEncoder(Encoder):
    """Hands numbers, vectors and yes/no columns to the combiner as they are."""

    type: Literal["passthrough"] = "passthrough"
    kinds = frozenset({Kind.SCALAR, Kind.VECTOR})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return [B, W] -> [B, W]."""
        from ordain.models.neural.blocks.linear import Passthrough

        return Passthrough(sum(shape.width for shape in shapes))
