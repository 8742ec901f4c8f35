"""Errors of predicted numbers relative to the size of the truth, as fractions.

evaluation: {metrics: [mape, smape, rmsle]}
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Floats, NumberSample


@METRICS.register
class Mape(Metric[NumberSample]):
    """Mean error as a fraction of the true value."""

    type: Literal["mape"] = "mape"
    aliases: ClassVar[tuple[str, ...]] = ("mean_absolute_percentage_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean, a fraction; undefined where the truth of any row is zero."""
        return _with_zeros(sample) or sample.mean(sample.absolute_errors / np.abs(sample.truth))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return each row's fraction less the mean."""
        if _with_zeros(sample):
            return None
        return sample.pull(sample.absolute_errors / np.abs(sample.truth))


@METRICS.register
class Rmspe(Metric[NumberSample]):
    """Root of the mean squared error as a fraction of the true value."""

    type: Literal["rmspe"] = "rmspe"
    aliases: ClassVar[tuple[str, ...]] = ("root_mean_squared_percentage_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    is_default: ClassVar[bool] = False

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the root, a fraction; undefined where the truth of any row is zero."""
        if zeros := _with_zeros(sample):
            return zeros
        return math.sqrt(sample.mean(np.square(sample.errors / sample.truth)))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the squares less their mean, over twice the root."""
        if _with_zeros(sample):
            return None
        return _root_pull(sample, np.square(sample.errors / sample.truth))


@METRICS.register
class Smape(Metric[NumberSample]):
    """Mean error as a fraction of the mean of true and predicted size, 0 to 2."""

    type: Literal["smape"] = "smape"
    aliases: ClassVar[tuple[str, ...]] = ("symmetric_mean_absolute_percentage_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0
    worst: ClassVar[float | None] = 2.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the mean, a fraction; a row where both are zero is right and counts 0."""
        return sample.mean(_of_mean_size(sample))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return each row's fraction less the mean."""
        return sample.pull(_of_mean_size(sample))


@METRICS.register
class Rmsle(Metric[NumberSample]):
    """Root of the mean squared error of log(1 + value): ratios count, not sizes."""

    type: Literal["rmsle"] = "rmsle"
    aliases: ClassVar[tuple[str, ...]] = ("root_mean_squared_log_error",)
    types: ClassVar[frozenset[str]] = frozenset({"number"})
    is_higher_better: ClassVar[bool] = False
    best: ClassVar[float] = 0.0

    def measure(self, sample: NumberSample) -> float | Undefined:
        """Return the root; undefined where truth or prediction is -1 or less."""
        for name, values in (("truth", sample.truth), ("prediction", sample.scores)):
            n_low = int(np.count_nonzero(values <= -1))
            if n_low:
                return Undefined(f"the {name} is -1 or less in {_rows(n_low)}")
        return math.sqrt(sample.mean(_squared_logs(sample)))

    def influence(self, sample: NumberSample) -> Floats | None:
        """Return the squares less their mean, over twice the root."""
        if min(sample.truth.min(), sample.scores.min()) <= -1:
            return None
        return _root_pull(sample, _squared_logs(sample))


def _of_mean_size(sample: NumberSample) -> Floats:
    size = (np.abs(sample.truth) + np.abs(sample.scores)) / 2
    return np.asarray(sample.absolute_errors / np.where(size > 0, size, 1.0))


def _squared_logs(sample: NumberSample) -> Floats:
    return np.asarray(np.square(np.log1p(sample.scores) - np.log1p(sample.truth)))


def _root_pull(sample: NumberSample, squares: Floats) -> Floats | None:
    mean = sample.mean(squares)
    if mean <= 0:
        return None
    pulled: Floats = sample.pull(squares) / (2 * math.sqrt(mean))
    return pulled


def _with_zeros(sample: NumberSample) -> Undefined | None:
    n_zero = int(np.count_nonzero(sample.truth == 0))
    return Undefined(f"the truth is zero in {_rows(n_zero)}") if n_zero else None


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
