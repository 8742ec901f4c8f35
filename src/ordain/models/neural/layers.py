"""The keys of a stack of dense layers, shared by encoders, combiners and decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.core.component import Spec

if TYPE_CHECKING:
    from ordain.models.neural.blocks.mlp import Layer

ActivationName = Literal[
    "relu", "selu", "mish", "elu", "gelu", "silu", "leakyRelu", "tanh", "sigmoid", "identity"
]
Norm = Literal["batch", "layer"]
Initializer = Literal[
    "constant",
    "zeros",
    "ones",
    "normal",
    "uniform",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "eye",
]


class FcLayer(Spec):
    """One dense layer; what is left out is taken from the keys beside `fc_layers`."""

    output_size: int | None = Field(None, ge=1)
    """Numbers the layer gives."""
    activation: ActivationName | None = None
    """Function on each number."""
    norm: Norm | None = None
    """Normalisation before the activation."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of numbers set to 0 while training."""
    use_bias: bool | None = None
    """Whether a constant is added."""
    weights_initializer: Initializer | None = None
    """How the first weights are drawn."""
    bias_initializer: Initializer | None = None
    """How the first constants are set."""


class DenseKeys(Spec):
    """Keys of Ludwig for a stack of dense layers."""

    fc_layers: tuple[FcLayer, ...] | None = None
    """One mapping a layer, for layers that differ; wins over `num_fc_layers`."""
    num_fc_layers: int | None = Field(None, ge=0, le=64)
    """Number of equal layers; none where neither this nor `fc_layers` is given."""
    output_size: int = Field(256, ge=1)
    """Numbers each layer gives."""
    use_bias: bool = True
    """Whether a constant is added in each layer."""
    weights_initializer: Initializer = "xavier_uniform"
    """How the first weights are drawn."""
    bias_initializer: Initializer = "zeros"
    """How the first constants are set."""
    norm: Norm | None = None
    """Normalisation before each activation."""
    activation: ActivationName = "relu"
    """Function on each number."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of numbers set to 0 while training."""

    def dense_layers(self) -> list[Layer]:
        """Return the layers these keys describe."""
        from ordain.models.neural.blocks.mlp import Layer

        specs = self.fc_layers
        if specs is None:
            specs = (FcLayer(),) * (self.num_fc_layers or 0)
        base = {
            "output_size": self.output_size,
            "activation": self.activation,
            "norm": self.norm,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "weights_initializer": self.weights_initializer,
            "bias_initializer": self.bias_initializer,
        }
        layers = []
        for spec in specs:
            keys = {**base, **spec.model_dump(exclude_none=True)}
            layers.append(Layer(width=keys.pop("output_size"), **keys))
        return layers
