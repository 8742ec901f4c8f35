"""`onehot`: one column of 0 and 1 a category.

input_features:
  contract: {type: category, encoder: onehot}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ordain.features.encoded import Kind, Shape
from ordain.models.neural.component import ENCODERS, Encoder

if TYPE_CHECKING:
    from torch import nn


@ENCODERS.register
class OneHotEncoder(Encoder):
    """Gives each category its own column of 0 and 1; Ludwig's `sparse` means the same."""

    type: Literal["onehot"] = "onehot"
    aliases = ("sparse",)
    kinds = frozenset({Kind.INDEX})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return ids [B, F] -> [B, sum of cardinalities]."""
        from ordain.models.neural.blocks.categories import OneHot

        return OneHot([shape.cardinality for shape in shapes])
