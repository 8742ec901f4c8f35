"""The brick that `shrunk.py` builds."""

import torch
from torch import nn


class Shrunk(nn.Module):
    """Squeezes numbers by tanh and weighs each.

    Shape:
        [B, D] -> [B, D]
    """

    def __init__(self, width: int, steepness: float) -> None:
        super().__init__()
        self.width = width
        self.steepness = steepness
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return the weighed numbers."""
        return torch.tanh(numbers * self.steepness) * self.weight
