"""Losses of numbers.

output_features:
  price: {type: number, loss: {type: huber, delta: 1.0}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ordain.models.neural.component import LOSSES, Loss

if TYPE_CHECKING:
    from torch import nn


class NumberLoss(Loss):
    """A loss of numbers; class weights have no meaning here."""

    types = frozenset({"number"})


@LOSSES.register
class MeanSquaredError(NumberLoss):
    """Mean of squared errors in the scaled space of the column."""

    type: Literal["mean_squared_error"] = "mean_squared_error"
    aliases = ("mse",)

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:  # noqa: ARG002
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import Distance

        return Distance("squared")


@LOSSES.register
class RootMeanSquaredError(NumberLoss):
    """Square root of the mean of squared errors of a batch."""

    type: Literal["root_mean_squared_error"] = "root_mean_squared_error"
    aliases = ("rmse",)

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:  # noqa: ARG002
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import Distance

        return Distance("root")


@LOSSES.register
class MeanAbsoluteError(NumberLoss):
    """Mean of absolute errors: the median is learned."""

    type: Literal["mean_absolute_error"] = "mean_absolute_error"
    aliases = ("mae",)

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:  # noqa: ARG002
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import Distance

        return Distance("absolute")


@LOSSES.register
class Huber(NumberLoss):
    """Squared for small errors and absolute for large ones."""

    type: Literal["huber"] = "huber"
    delta: float = Field(1.0, gt=0)
    """Error, in the scaled space of the column, above which the loss is linear."""

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:  # noqa: ARG002
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import Distance

        return Distance("huber", delta=self.delta)
