"""Growth: how a metric goes with the number of training rows, and what more rows would bring.

The distance of the metric from its best is fitted by the power law ``a + b * n ** -c`` with a and b
not below zero (Hestness et al. 2017; Viering and Loog 2023), by weighted least squares over a grid
of exponents. What more rows bring is read off the curve; how sure that is comes from refitting it
to points drawn anew around it, with the spread that the seeds of one size show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ordain.core.randomness import generator
from ordain.evaluation.judgement import Record

Floats = npt.NDArray[np.float64]

N_DRAWS = 400
FACTORS = (2.0, 10.0)
EXPONENTS = np.round(np.arange(0.05, 1.525, 0.025), 3)
MIN_SIZES = 3
PRIOR_FREEDOM = 2.0
LEVEL = 0.95


class Grown(Record):
    """The metric of one model that learned from some of the rows."""

    n_rows: int
    """It learned from."""
    seed: int
    """Which draw of the rows."""
    value: float


class Forecast(Record):
    """What some times the rows would bring, read off the curve."""

    factor: float
    """Times the rows there are now."""
    n_rows: int
    gain: float
    """How much better the metric would be than now; never below zero, since the law only falls."""
    low: float
    """Of the 95% interval of the gain."""
    high: float


class Growth(Record):
    """A metric over the number of training rows."""

    metric: str
    is_higher_better: bool = True
    points: tuple[Grown, ...]
    floor: float | None = None
    """Value that no number of rows would pass, by the fitted law; None where there is none."""
    exponent: float | None = None
    """How fast the rest falls: 0.5 is the speed of averages."""
    forecasts: tuple[Forecast, ...] = ()
    note: str = ""
    """Why there is no forecast, or what it leaves out."""

    @property
    def sentence(self) -> str:
        """What more rows would bring, in words; the reason where nothing can be said."""
        if not self.forecasts:
            return self.note
        far = self.forecasts[-1]
        return (
            f"{far.factor:g} x the data would make {self.metric} better by {far.gain:.4g} "
            f"({far.low:.4g} to {far.high:.4g})" + (f"; {self.note}" if self.note else "")
        )


@dataclass(frozen=True)
class _Curves:
    """Fitted laws, one a draw [R]."""

    floor: Floats
    slope: Floats
    exponent: Floats

    def at(self, n_rows: float) -> Floats:
        return np.asarray(self.floor + self.slope * n_rows**-self.exponent)


def fit_growth(
    points: Sequence[Grown],
    *,
    metric: str,
    best: float,
    is_higher_better: bool,
    factors: Sequence[float] = FACTORS,
    seed: int = 0,
    noise: float = 0.0,
) -> Growth:
    """Return the curve through some points, with what more rows would bring.

    Args:
        points: models that learned from different numbers of rows, several seeds a size.
        metric: its name.
        best: best value of the metric; without a forecast where it is infinite.
        is_higher_better: of the metric.
        factors: of the largest number of rows, for the forecasts.
        seed: of the draws.
        noise: standard error of the metric on the rows that judge; what a point may be off by where
            no size has two draws.
    """
    kept = tuple(sorted(points, key=lambda point: (point.n_rows, point.seed)))
    sizes = sorted({point.n_rows for point in kept})
    if not math.isfinite(best):
        return Growth(
            metric=metric,
            is_higher_better=is_higher_better,
            points=kept,
            note=f"{metric} has no best value to grow to",
        )
    if len(sizes) < MIN_SIZES:
        note = f"{len(sizes)} sizes were learned from, and a curve needs {MIN_SIZES}"
        return Growth(metric=metric, is_higher_better=is_higher_better, points=kept, note=note)
    n_rows = np.array([point.n_rows for point in kept], dtype=np.float64)
    errors = np.array([abs(best - point.value) for point in kept])
    spread = _spread(n_rows, errors, noise=noise)
    own = _fit(n_rows, errors[None, :], spread)
    residual = errors - _along(own, n_rows)[0]
    freedom = max(1, len(errors) - 3)
    spread = np.maximum(spread, math.sqrt(float(residual @ residual) / freedom))
    random = generator(seed, "evaluation", "growth")
    moved = random.standard_normal((N_DRAWS, len(errors))) * spread
    drawn = _fit(n_rows, np.maximum(_along(own, n_rows) + moved, 0.0), spread)
    now = float(sizes[-1])
    forecasts = tuple(_forecast(own, drawn, now=now, factor=factor) for factor in factors)
    floor = float(own.floor[0])
    return Growth(
        metric=metric,
        is_higher_better=is_higher_better,
        points=kept,
        floor=best - floor if is_higher_better else best + floor,
        exponent=float(own.exponent[0]),
        forecasts=forecasts,
    )


def _forecast(own: _Curves, drawn: _Curves, *, now: float, factor: float) -> Forecast:
    gain = float((own.at(now) - own.at(now * factor))[0])
    gains = drawn.at(now) - drawn.at(now * factor)
    low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Forecast(
        factor=factor,
        n_rows=round(now * factor),
        gain=gain,
        low=min(float(low), gain),
        high=max(float(high), gain),
    )


def _spread(n_rows: Floats, errors: Floats, *, noise: float) -> Floats:
    """Return the standard deviation of each point [P]: of its size, drawn towards that of all.

    Where no size was learned from twice nothing tells what chance does: `noise` stands in.
    """
    sizes, place = np.unique(n_rows, return_inverse=True)
    counts = np.bincount(place)
    means = np.bincount(place, errors) / counts
    squares = np.bincount(place, np.square(errors - means[place]))
    freedom = counts - 1
    total = freedom.sum()
    pooled = squares.sum() / total if total else noise**2
    variances = (squares + PRIOR_FREEDOM * pooled) / (freedom + PRIOR_FREEDOM)
    least = 1e-6 + 1e-3 * float(np.ptp(errors))
    return np.maximum(np.sqrt(variances), least)[place] if len(sizes) else errors


def _along(curves: _Curves, n_rows: Floats) -> Floats:
    """Return the laws at the points [R, P]."""
    return np.asarray(
        curves.floor[:, None] + curves.slope[:, None] * n_rows ** -curves.exponent[:, None]
    )


def _fit(n_rows: Floats, errors: Floats, spread: Floats) -> _Curves:
    """Return the law that fits each row of errors [R, P] best."""
    weights = 1.0 / np.square(spread)
    total = weights.sum()
    shape = (len(EXPONENTS), len(errors))
    floors, slopes, losses = np.empty(shape), np.empty(shape), np.empty(shape)
    for index, exponent in enumerate(EXPONENTS):
        x = n_rows**-exponent
        mean_x = (weights @ x) / total
        mean_y = errors @ weights / total
        around = x - mean_x
        slope = errors @ (weights * around) / (weights @ np.square(around))
        floor = mean_y - slope * mean_x
        through_zero = errors @ (weights * x) / (weights @ np.square(x))
        slope, floor = (
            np.where(floor < 0, through_zero, slope),
            np.where(floor < 0, 0.0, floor),
        )
        is_flat = slope < 0
        slopes[index] = np.where(is_flat, 0.0, slope)
        floors[index] = np.where(is_flat, mean_y, floor)
        fitted = floors[index][:, None] + slopes[index][:, None] * x
        losses[index] = np.square(errors - fitted) @ weights
    chosen = losses.argmin(axis=0)
    rows = np.arange(len(errors))
    return _Curves(floors[chosen, rows], slopes[chosen, rows], EXPONENTS[chosen])
