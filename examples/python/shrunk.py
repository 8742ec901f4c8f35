"""An encoder of one's own: each number squeezed by tanh and weighted by what is learned.

Name it in a config as `type: module:Class`, with this folder on Python's path; see `own.yaml`.
The decorator lets a saved model find it again once this module has been imported.
The module that computes is torch only and knows no config; the spec hands it plain arguments.
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
class ShrunkEncoder(Encoder):
    """Squeezes each number between -1 and 1 and multiplies it by a learned weight."""

    type: Literal["shrunk"] = "shrunk"
    steepness: float = Field(default=1.0, gt=0)
    """How soon the curve flattens."""

    kinds = frozenset({Kind.SCALAR, Kind.VECTOR})

    def build(self, shapes: Sequence[Shape]) -> nn.Module:
        """Return the module: [B, D] -> [B, D]."""
        # Torch is imported where something is built, so that `ordain check` stays fast.
        from shrunk_block import Shrunk

        return Shrunk(sum(shape.width for shape in shapes), self.steepness)
