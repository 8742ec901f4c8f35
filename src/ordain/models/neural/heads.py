"""The keys that decoders share, and the module they build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from ordain.models.neural.component import Decoder
from ordain.models.neural.layers import ActivationName, DenseKeys, FcLayer, Initializer, Norm

if TYPE_CHECKING:
    from torch import nn


class DenseDecoder(Decoder):
    """Keys of Ludwig for a decoder: layers of its own, then one linear map to the scores."""

    fc_layers: tuple[FcLayer, ...] | None = None
    """One mapping a layer of this head; wins over `num_fc_layers`."""
    num_fc_layers: int | None = Field(None, ge=0, le=64)
    """Layers of this head alone."""
    fc_output_size: int = Field(256, ge=1)
    """Numbers each of them gives."""
    fc_use_bias: bool = True
    """Whether a constant is added in each."""
    fc_weights_initializer: Initializer = "xavier_uniform"
    """How their first weights are drawn."""
    fc_bias_initializer: Initializer = "zeros"
    """How their first constants are set."""
    fc_norm: Norm | None = None
    """Normalisation before each activation."""
    fc_activation: ActivationName = "relu"
    """Function on each number."""
    fc_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    use_bias: bool = True
    """Whether a constant is added to the scores."""
    weights_initializer: Initializer | None = None
    """How the weights of the scores are first drawn; by default zeros after the default body."""
    bias_initializer: Initializer = "zeros"
    """How the constants of the scores are first set."""

    def build(self, width: int, n_scores: int, *, is_ntk: bool = False) -> nn.Module:
        """Return a module: [B, width] -> [B, n_scores]."""
        from ordain.models.neural.blocks.head import Head

        keys = DenseKeys(
            fc_layers=self.fc_layers,
            num_fc_layers=self.num_fc_layers,
            output_size=self.fc_output_size,
            use_bias=self.fc_use_bias,
            weights_initializer=self.fc_weights_initializer,
            bias_initializer=self.fc_bias_initializer,
            norm=self.fc_norm,
            activation=self.fc_activation,
            dropout=self.fc_dropout,
        )
        return Head(
            width,
            n_scores,
            layers=keys.dense_layers(),
            is_ntk=is_ntk and self.weights_initializer is None and self.use_bias,
            use_bias=self.use_bias,
            weights_initializer=self.weights_initializer or "xavier_uniform",
            bias_initializer=self.bias_initializer,
        )
