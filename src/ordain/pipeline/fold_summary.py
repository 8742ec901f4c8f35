"""What the folds say together: mean, spread and interval of each metric, and a verdict.

The models of two folds share most of their training rows, so that the spread over folds makes a
mean look surer than it is. The interval widens it by the share of rows that test (Nadeau and
Bengio 2003): the variance of the mean is taken as sd² (1/J + 1/(k - 1)), for J values of k folds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ordain.core.errors import UsageError
from ordain.evaluation.verdict import format_value

if TYPE_CHECKING:
    from ordain.evaluation.metric import MetricChoice

LEVEL = 0.95
Values = list[float | None]


@dataclass(frozen=True)
class FoldMetrics:
    """One fold, judged.

    Attributes:
        models: metrics by output and model, the declared model first.
        headline: the metric that decides, by output.
        is_higher_better: by output and metric.
    """

    models: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    headline: Mapping[str, str]
    is_higher_better: Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True)
class CrossValidation:
    """All folds, judged.

    Attributes:
        metrics: by output and metric: `mean`, `sd`, `interval` and the value of each fold.
        baselines: the same by name.
        verdict: a sentence by output.
        n_folds: of a round; `repeats` rounds give so many values each.
    """

    metrics: Mapping[str, Any]
    baselines: Mapping[str, Any] = field(default_factory=dict)
    verdict: Mapping[str, str] = field(default_factory=dict)
    n_folds: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what goes into `metrics.json`."""
        return {
            "cross_validation": self.metrics,
            "cross_validation_baselines": self.baselines,
            "cross_validation_verdict": self.verdict,
        }


def summarize(
    folds: Sequence[FoldMetrics], *, n_folds: int, chosen: Sequence[MetricChoice] | None = None
) -> CrossValidation:
    """Return the summary of folds.

    Args:
        folds: in their order.
        n_folds: of one round.
        chosen: metrics as the config names them; None where all that fit were computed.
    """
    first = folds[0]
    spreads: dict[str, dict[str, Any]] = {}
    verdicts: dict[str, str] = {}
    for output, models in first.models.items():
        for model, metrics in models.items():
            spreads.setdefault(model, {})[output] = {
                metric: spread(
                    [fold.models[output][model].get(metric) for fold in folds],
                    n_folds=n_folds,
                    bounds=_bounds(metric, chosen),
                )
                for metric in metrics
            }
        verdicts[output] = _verdict(output, folds, n_folds=n_folds)
    own = next(iter(spreads))
    baselines = {name: found for name, found in spreads.items() if name != own}
    return CrossValidation(spreads[own], baselines, verdicts, n_folds)


def spread(
    values: Values, *, n_folds: int, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> dict[str, Any]:
    """Return mean, standard deviation and 95% interval of values; None where none is known.

    Args:
        values: of every fold.
        n_folds: of one round.
        bounds: that no value can be beyond; the interval is cut there.
    """
    present = [value for value in values if value is not None]
    deviation = statistics.stdev(present) if len(present) > 1 else None
    mean = statistics.fmean(present) if present else None
    interval = _interval(mean, deviation, n_values=len(present), n_folds=n_folds)
    if interval is not None:
        interval = [max(interval[0], bounds[0]), min(interval[1], bounds[1])]
    return {
        "mean": mean,
        "sd": deviation,
        "interval": interval,
        "folds": values,
    }


def _interval(
    mean: float | None, deviation: float | None, *, n_values: int, n_folds: int
) -> list[float] | None:
    if mean is None or not deviation or n_values < 2:  # noqa: PLR2004
        return None
    from scipy.special import stdtrit

    error = deviation * math.sqrt(1 / n_values + 1 / (n_folds - 1))
    reach = float(stdtrit(n_values - 1, (1 + LEVEL) / 2)) * error
    return [mean - reach, mean + reach]


def _bounds(label: str, chosen: Sequence[MetricChoice] | None) -> tuple[float, float]:
    """Return the least and greatest value that a metric can have, where they are known."""
    from ordain.evaluation.metric import find_metric

    try:
        known = find_metric(label, chosen)
    except UsageError:
        return -math.inf, math.inf
    worst = known.worst
    if worst is None:
        worst = -math.inf if known.is_higher_better else math.inf
    return min(known.best, worst), max(known.best, worst)


def _verdict(output: str, folds: Sequence[FoldMetrics], *, n_folds: int) -> str:
    """Return a sentence on the model and its hardest baseline over all folds."""
    metric = folds[0].headline[output]
    is_higher = folds[0].is_higher_better[output].get(metric, True)
    names = list(folds[0].models[output])
    values = {name: [fold.models[output][name].get(metric) for fold in folds] for name in names}
    own = spread(values[names[0]], n_folds=n_folds)
    if own["mean"] is None:
        return f"Over {_rounds(len(folds), n_folds)} {metric} has no value."
    start = f"Over {_rounds(len(folds), n_folds)}: {metric} {format_value(own['mean'])}"
    if own["sd"] is not None:
        start += f" ± {format_value(own['sd'])} from fold to fold"
    sign = 1 if is_higher else -1
    gains = {
        name: [
            sign * (ours - theirs)
            for ours, theirs in zip(values[names[0]], values[name], strict=True)
            if ours is not None and theirs is not None
        ]
        for name in names[1:]
    }
    known = {name: found for name, found in gains.items() if found}
    if not known:
        return f"{start}."
    hardest = min(known, key=lambda name: statistics.fmean(known[name]))
    return f"{start}, {_against(hardest, known[hardest], n_folds=n_folds)}."


def _against(name: str, gains: Sequence[float], *, n_folds: int) -> str:
    wins = sum(gain > 0 for gain in gains)
    found = spread(list(gains), n_folds=n_folds)
    gain, interval = found["mean"], found["interval"]
    text = f"ahead of `{name}` in {wins} of {len(gains)} (gain {format_value(gain)}"
    if interval is None:
        return f"{text})"
    low, high = interval
    text += f", {LEVEL * 100:g}% interval {format_value(low)} to {format_value(high)}): "
    if low > 0:
        return text + "better"
    return text + ("worse" if high < 0 else "the folds cannot tell which is better")


def _rounds(n_values: int, n_folds: int) -> str:
    rounds = n_values // n_folds
    return f"{n_folds} folds" + (f", {rounds} times" if rounds > 1 else "")
