"""Ways to draw the first weights, by Ludwig's names."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "constant": lambda x: nn.init.constant_(x, 0.0),
    "zeros": nn.init.zeros_,
    "ones": nn.init.ones_,
    "normal": lambda x: nn.init.normal_(x, std=0.01),
    "uniform": lambda x: nn.init.uniform_(x, -0.05, 0.05),
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
    "eye": nn.init.eye_,
}


def initialize(weight: Tensor, name: str) -> None:
    """Fill a tensor in place; a vector, for which a matrix rule has no meaning, gets zeros."""
    is_matrix_rule = name not in {"constant", "zeros", "ones", "normal", "uniform"}
    INITIALIZERS["zeros" if weight.ndim < 2 and is_matrix_rule else name](weight)  # noqa: PLR2004
