"""`concat`: the encoded columns side by side, then dense layers.

combiner:
  type: concat
  num_fc_layers: 2        # Ludwig's keys give plain layers; without them the default body
  output_size: 256
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ordain.models.neural.component import COMBINERS, Combiner, Task
from ordain.models.neural.layers import ActivationName, DenseKeys

if TYPE_CHECKING:
    from torch import nn


@COMBINERS.register
class ConcatCombiner(DenseKeys, Combiner):
    """Lays the encoded columns side by side and runs dense layers over them.

    The default body is that of RealMLP (Holzmueller et al. 2024, arXiv 2407.04491): learned input
    scales, NTK linear layers, SELU for classes and Mish for numbers. Any of the keys `fc_layers`,
    `num_fc_layers`, `norm`, `residual` gives plain layers, as in Ludwig.
    """

    type: Literal["concat"] = "concat"
    hidden_layers: int = Field(3, ge=0, le=64)
    """Layers of the default body, each of `output_size`."""
    activation: ActivationName | Literal["auto"] = "auto"  # type: ignore[assignment]
    """Function on each number; 'auto' is 'relu' in plain layers, else 'selu' for classes and 'mish'
    for numbers."""
    dropout: float | Literal["auto"] = "auto"  # type: ignore[assignment]
    """Share of numbers set to 0 while training; 'auto' is 0 in plain layers, else 0.3 for classes
    and 0.1 for numbers."""
    residual: bool = False
    """Whether a plain layer's input is added to its output where the widths agree."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.dropout, float) and not 0 <= self.dropout < 1:
            msg = f"`dropout` must be at least 0 and below 1, or 'auto'; it is {self.dropout}"
            raise ValueError(msg)
        for name in ("use_bias", "weights_initializer", "bias_initializer"):
            if (
                not self.is_plain
                and getattr(self, name) != ConcatCombiner.model_fields[name].default
            ):
                msg = f"`{name}` is of plain layers, so `num_fc_layers` must be given too"
                raise ValueError(msg)
        return self

    @property
    def is_plain(self) -> bool:
        """Whether Ludwig's layers were asked for."""
        is_given = (self.fc_layers, self.num_fc_layers, self.norm) != (None, None, None)
        return is_given or self.residual

    def build(self, widths: Sequence[int], *, task: Task = "classification") -> nn.Module:
        """Return a module: list of [B, D_i] -> [B, width]."""
        from ordain.models.neural.blocks.body import PlainBody, RealBody

        if self.is_plain:
            keys = {
                "activation": "relu" if self.activation == "auto" else self.activation,
                "dropout": 0.0 if self.dropout == "auto" else self.dropout,
            }
            return PlainBody(
                sum(widths),
                self.model_copy(update=keys).dense_layers(),
                residual=self.residual,
            )
        smooth, smooth_dropout = ("selu", 0.3) if task == "classification" else ("mish", 0.1)
        return RealBody(
            sum(widths),
            widths=[self.output_size] * self.hidden_layers,
            activation=smooth if self.activation == "auto" else self.activation,
            dropout=smooth_dropout if self.dropout == "auto" else self.dropout,
            rate=0.015 if task == "classification" else 0.05,
        )
