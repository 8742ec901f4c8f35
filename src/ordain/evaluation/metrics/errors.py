"""How far predicted numbers lie from the truth, in its units.

evaluation: {metrics: [rmse, mae, {type: quantile_loss, quantile: 0.9}]}
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined, value_of
from ordain.evaluation.sample import Floats, NumberSample


@METRICS.register
class Rmse(Metric[NumberSample]):
    """Root of the mean squared error: in the target's unit, large errors count most."""

    type: Literal["rmse"] = "rmse"
    aliases: ClassVar[tuple[str, ...]] = ("root_mean_squared_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the root, in the unit of the target."""
        return math.sqrt(sample.mean(sample.squared_errors))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the squares less their mean, over twice the root."""
        mean = sample.mean(sample.squared_errors)
        return sample.pull(sample.squared_errors) / (2 * math.sqrt(mean)) if mean > 0 else None


@METRICS.register
class Mse(Metric[NumberSample]):
    """Mean squared error, in the square of the target's unit."""

    type: Literal["mse"] = "mse"
    aliases: ClassVar[tuple[str, ...]] = ("mean_squared_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean."""
        return sample.mean(sample.squared_errors)

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the squares less their mean."""
        return sample.pull(sample.squared_errors)


@METRICS.register
class Mae(Metric[NumberSample]):
    """Mean size of the error, in the target's unit."""

    type: Literal["mae"] = "mae"
    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean."""
        return sample.mean(sample.absolute_errors)

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the sizes less their mean."""
        return sample.pull(sample.absolute_errors)


@METRICS.register
class MedianAbsoluteError(Metric[NumberSample]):
    """Size of the error that half of the rows stay under: outliers do not move it."""

    type: Literal["median_absolute_error"] = "median_absolute_error"
    aliases: ClassVar[tuple[str, ...]] = ("median_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the median, weighted where there are weights (the mean of two middle values)."""
        if sample.weights is None:
            return float(np.median(sample.absolute_errors))
        return _weighted_median(sample.absolute_errors, sample.weights)

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return half less whether the error is under the median, over the density there.

        The density comes from the errors at the ends of the interval that the share of errors
        under the median has (Woodruff 1952).
        """
        median = value_of(self.measure(sample))
        below = sample.pull(sample.absolute_errors <= median)
        spread = 2 * math.sqrt(float(np.mean(np.square(below))) / len(below))
        ends = _weighted_quantiles(
            sample.absolute_errors, sample.weights, [max(0.5 - spread, 0.0), min(0.5 + spread, 1.0)]
        )
        return -below * float(ends[1] - ends[0]) / (2 * spread) if spread > 0 else None


@METRICS.register
class MaxError(Metric[NumberSample]):
    """Size of the largest error."""

    type: Literal["max_error"] = "max_error"
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    # The largest of other rows may be far beyond that of these, which no resampling of them shows.
    has_interval: ClassVar[bool] = False

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the size; rows of weight zero do not count."""
        sizes = sample.absolute_errors
        return float((sizes if sample.weights is None else sizes[sample.weights > 0]).max())


@METRICS.register
class QuantileLoss(Metric[NumberSample]):
    """Mean error that counts too low and too high differently; least at the quantile."""

    type: Literal["quantile_loss"] = "quantile_loss"
    aliases: ClassVar[tuple[str, ...]] = ("pinball_loss",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    is_default: ClassVar[bool] = False

    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Which quantile the predictions stand for; 0.5 is the median."""

    @property
    def label(self) -> str:
        """The name with its quantile, such as `quantile_loss_0.9`."""
        return self.name or f"quantile_loss_{self.quantile:g}"

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean of max(q (truth - prediction), (q - 1) (truth - prediction))."""
        return sample.mean(self._losses(sample))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return each row's loss less the mean."""
        return sample.pull(self._losses(sample))

    def _losses(self, sample: NumberSample) -> Floats:
        under = -sample.errors
        return np.maximum(self.quantile * under, (self.quantile - 1) * under)


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    order = order[weights[order] > 0]
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    low = int(np.searchsorted(reached, half))
    # An exact half lies between two rows: the median is their middle, as without weights.
    is_between = abs(reached[low] - half) <= np.finfo(np.float64).eps * half * 4
    high = min(low + 1, len(order) - 1) if is_between else low
    return float(values[order[low]] + values[order[high]]) / 2


def _weighted_quantiles(values: Floats, weights: Floats | None, shares: list[float]) -> Floats:
    """Return the smallest value that each share of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.arange(1.0, len(values) + 1) if weights is None else np.cumsum(weights[order])
    places = np.searchsorted(reached, np.asarray(shares) * reached[-1])
    return np.asarray(values[order[places.clip(max=len(order) - 1)]])
