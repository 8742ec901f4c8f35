"""Numbers spread over several columns: periodic and piecewise-linear embeddings."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ordain.models.neural.blocks.parameter import Pace, set_pace
from ordain.models.neural.maps import Told


class PeriodicEmbedding(nn.Module):
    """Each number beside a linear map of cosines of it with learned frequencies (PBLD).

    ``[x, W2 cos(2 pi w1 x + b1) + b2]`` for each of F columns, w1 ~ N(0, sigma),
    b1 ~ U(-pi, pi), W2 and b2 ~ U(-1/sqrt(K), 1/sqrt(K)). Source: RealMLP-TD (arXiv 2407.04491);
    after Gorishniy et al. 2022 (arXiv 2203.05556).

    Shapes: x [B, F] -> [B, F * width_each].

    Args:
        n_frequencies: K.
        width_each: columns a number becomes, x itself included.
    """

    def __init__(
        self,
        n_columns: int,
        *,
        n_frequencies: int,
        width_each: int,
        sigma: float,
        rate: float | None = None,
    ) -> None:
        super().__init__()
        self.width = n_columns * width_each
        pace = Pace(factor=0.1, rate=rate)
        bound = 1 / math.sqrt(n_frequencies)

        def uniform(*shape: int, bound: float) -> nn.Parameter:
            return set_pace(nn.Parameter(torch.empty(shape).uniform_(-bound, bound)), pace)

        self.frequency = set_pace(nn.Parameter(torch.randn(n_columns, n_frequencies) * sigma), pace)
        self.phase = uniform(n_columns, n_frequencies, bound=math.pi)
        self.weight = uniform(n_columns, n_frequencies, width_each - 1, bound=bound)
        self.bias = uniform(n_columns, width_each - 1, bound=bound)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, F * width_each], the numbers themselves first."""
        waves = torch.cos(
            torch.addcmul(self.phase, x.unsqueeze(-1), self.frequency, value=2 * math.pi)
        )  # [B, F, K]
        # One small product a column: batched over columns, [F, B, K] @ [F, K, E].
        spread = torch.baddbmm(self.bias.unsqueeze(1), waves.transpose(0, 1), self.weight)
        return torch.cat([x, spread.transpose(0, 1).flatten(1)], dim=1)

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {
            "map": "periodic",
            "frequency": self.frequency,
            "phase": self.phase,
            "weight": self.weight,
            "bias": self.bias,
        }


class PiecewiseLinearEmbedding(nn.Module):
    """Each number beside how far it has come through each of K bins, mapped linearly, then ReLU.

    Bins are quantiles of the training rows. Source: Gorishniy et al. 2022 (arXiv 2203.05556); the
    number itself is kept, so that a straight line need not be put together from pieces.

    Shapes: x [B, F] -> [B, F * width_each], the numbers themselves first.
    """

    edges: Tensor

    def __init__(self, n_columns: int, *, n_bins: int, width_each: int) -> None:
        super().__init__()
        self.width = n_columns * width_each
        self.n_bins = n_bins
        self.register_buffer("edges", torch.linspace(-3, 3, n_bins + 1).repeat(n_columns, 1))
        bound = 1 / math.sqrt(n_bins)
        self.weight = nn.Parameter(torch.empty(n_columns, n_bins, width_each - 1))
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(n_columns, width_each - 1))

    @torch.no_grad()
    def fit_(self, x: Tensor) -> None:
        """Set the bins of x [N, F]: half by quantiles of rows, half by those of distinct values.

        A column that is one value almost everywhere would else have all bins at that value.
        """
        n_by_rows = (self.n_bins + 1) // 2
        by_rows = torch.linspace(0, 1, n_by_rows, device=x.device)
        by_values = torch.linspace(0, 1, self.n_bins + 1 - n_by_rows, device=x.device)
        for place, column in enumerate(x.T):
            edges = [torch.quantile(column, by_rows), torch.quantile(column.unique(), by_values)]
            self.edges[place] = torch.cat(edges).sort().values

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, F * width_each]."""
        low, high = self.edges[:, :-1], self.edges[:, 1:]  # [F, K]
        span = (high - low).clamp_min(1e-6)
        share = ((x.unsqueeze(-1) - low) / span).clamp(0, 1)  # [B, F, K]
        spread = torch.baddbmm(self.bias.unsqueeze(1), share.transpose(0, 1), self.weight)
        return torch.cat([x, torch.relu(spread.transpose(0, 1).flatten(1))], dim=1)

    def told(self) -> Told:
        """Return the map; see `ordain.models.neural.maps`."""
        return {
            "map": "piecewise_linear",
            "edges": self.edges,
            "weight": self.weight,
            "bias": self.bias,
        }
