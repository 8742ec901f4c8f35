"""From the hidden state to the raw scores of one output."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ordain.models.neural.blocks.initializer import initialize
from ordain.models.neural.blocks.linear import NTKLinear
from ordain.models.neural.blocks.mlp import MLP, Chain, Layer
from ordain.models.neural.maps import Told


class Head(nn.Module):
    """Layers of its own, then one linear map. Shapes: x [B, D] -> [B, n_scores].

    Args:
        is_ntk: the map starts at zero and is in the neural-tangent parametrisation.
    """

    def __init__(
        self,
        n_in: int,
        n_scores: int,
        *,
        layers: Sequence[Layer] = (),
        is_ntk: bool,
        use_bias: bool = True,
        weights_initializer: str = "xavier_uniform",
        bias_initializer: str = "zeros",
    ) -> None:
        super().__init__()
        self.width = n_scores
        hidden = MLP(n_in, layers)
        last: nn.Module
        if is_ntk:
            last = NTKLinear(hidden.width, n_scores, is_last=True)
        else:
            last = nn.Linear(hidden.width, n_scores, bias=use_bias)
            initialize(last.weight, weights_initializer)
            if use_bias:
                initialize(last.bias, bias_initializer)
        self.layers = Chain(hidden, last)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, n_scores]."""
        return self.layers(x)  # type: ignore[no-any-return]

    def told(self) -> Told | None:
        """Return the map of parts that lie side by side; see `ordain.models.neural.maps`."""
        return self.layers.told()
