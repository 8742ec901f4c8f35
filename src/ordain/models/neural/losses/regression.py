"""Losses of numbers.

output_features:
  price: {type: number, loss: {type: huber, delta: 1.0}}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

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


@LOSSES.register
class Quantile(NumberLoss):
    """Pinball loss: a quantile is learned, with this share of the rows below it.

    Source: Koenker and Bassett 1978, "Regression Quantiles".
    """

    type: Literal["quantile"] = "quantile"
    aliases = ("pinball",)
    level: float = Field(0.5, gt=0, lt=1)
    """Share of the rows that lie below the answer."""

    def build(self, class_weights: Sequence[float] = ()) -> nn.Module:  # noqa: ARG002
        """Return the module; see `Loss.build`."""
        from ordain.models.neural.blocks.loss import Pinball

        return Pinball(self.level)


class UnitLoss(NumberLoss):
    """A loss that judges targets in their own unit; for trees and linear models."""

    trains_networks: ClassVar[bool] = False
    is_in_unit: ClassVar[bool] = True

    def build(self, class_weights: Sequence[float] = ()) -> NoReturn:
        """Refuse: a network predicts in the scaled space."""
        del class_weights
        raise NotImplementedError(f"'{self.type}' is no loss of neural models")


@LOSSES.register
class MeanAbsolutePercentageError(UnitLoss):
    """Mean of absolute errors relative to the target, for `gbm`; targets below 1 count as 1."""

    type: Literal["mean_absolute_percentage_error"] = "mean_absolute_percentage_error"
    aliases = ("mape",)


@LOSSES.register
class Poisson(UnitLoss):
    """Deviance of counts: the logarithm of the mean is learned; for `gbm` and `linear`."""

    type: Literal["poisson"] = "poisson"
    domain: ClassVar[Any] = "not_negative"


@LOSSES.register
class Gamma(UnitLoss):
    """Deviance of positive amounts whose spread grows with their mean; for `gbm` and `linear`."""

    type: Literal["gamma"] = "gamma"
    domain: ClassVar[Any] = "positive"


@LOSSES.register
class Tweedie(UnitLoss):
    """Deviance of amounts that are often 0, such as claims or rain; for `gbm` and `linear`.

    Source: Jorgensen 1987, "Exponential Dispersion Models".
    """

    type: Literal["tweedie"] = "tweedie"
    domain: ClassVar[Any] = "not_negative"
    power: float = Field(1.5, gt=1, lt=2)
    """Variance as a power of the mean: towards 1 like counts, towards 2 like `gamma`."""
