"""The contract of a metric: truth and scores in, one number out.

A metric is one component. It reads a *sample* (see `sample.py`) and answers a number, or says why
there is none: a metric that has no value for these rows is `Undefined`, never a made-up number.

The smallest working one:

    @METRICS.register
    class Bias(Metric[NumberSample]):
        '''Mean of prediction minus truth: above zero the model guesses too high.'''

        types = frozenset({"number"})
        is_higher_better = False
        best = 0.0
        type: Literal["bias"] = "bias"

        def measure(self, sample: NumberSample) -> float | Undefined:
            return abs(sample.mean(sample.errors))
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from ordain.core.component import Component, OneOf, Registry
from ordain.core.errors import UsageError
from ordain.evaluation.sample import Array, Floats, Sample, make_sample

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True)
class Undefined:
    """Why a metric has no value for these rows; a phrase that completes "no value: "."""

    reason: str


class Metric(Component, Generic[S]):
    """Judges scores against truth.

    `measure` is called once for each set of rows and model, and 200 times more where an interval
    is resampled; it may assume at least one row, a positive sum of weights and finite scores.

    Class attributes:
        types: output types it fits.
        is_higher_better: whether more is better.
        best: the value of perfect predictions.
        worst: the value nothing can be beyond, or None where there is no such bound.
        is_default: whether it is computed where none is asked for.
    """

    types: ClassVar[frozenset[str]]
    is_higher_better: ClassVar[bool]
    best: ClassVar[float]
    worst: ClassVar[float | None] = None
    is_default: ClassVar[bool] = True

    name: str = ""
    """What tables and JSON call it; by default its type and parameter, such as `top_3`."""

    @property
    def label(self) -> str:
        """The name in tables and JSON."""
        return self.name or self.type

    @abstractmethod
    def measure(self, sample: S) -> float | Undefined:
        """Return the value for these rows, or why there is none."""

    def influence(self, sample: S) -> Floats | None:
        """Return how far each row [N] pulls the value, with mean zero; None if not known.

        The standard error of the value is then the root of the mean square of these, divided by
        the root of N. Asked for only without weights. Where it is None intervals are resampled.
        """
        del sample
        return None

    def evaluate(self, sample: S) -> float | Undefined:
        """Return the value, or why there is none, for any sample: no rows and NaN included."""
        if len(sample) == 0:
            return Undefined("there are no rows")
        if sample.total <= 0:
            return Undefined("the weights sum to zero")
        if not sample.is_finite:
            return Undefined("the scores are not all finite numbers")
        value = self.measure(sample)
        if isinstance(value, Undefined) or math.isfinite(value):
            return value
        return Undefined("the result is not a finite number")

    def compute(
        self,
        truth: Array,
        scores: Array,
        weights: Array | None = None,
        labels: Sequence[str] = (),
    ) -> float:
        """Return the value, NaN where it is undefined.

        Args:
            truth: 0 or 1 [N]; class index [N]; number [N]. No missing values.
            scores: probability of the positive class [N]; of all classes [N, C]; number [N], in
                the units of the truth.
            weights: of rows [N].
            labels: names of the classes; with two or none the output is taken as binary where the
                scores are [N] and the metric fits one.
        """
        return value_of(self.evaluate(self._sample(truth, scores, weights, labels)))

    def _sample(
        self, truth: Array, scores: Array, weights: Array | None, labels: Sequence[str]
    ) -> S:
        if scores.ndim > 1:
            type_name = "category"
        else:
            type_name = "binary" if "binary" in self.types else "number"
        del labels  # classes are told by index; user metrics may want their names
        if type_name not in self.types:
            raise UsageError(
                f"metric '{self.type}' does not fit a `{type_name}` output; "
                f"it fits: {', '.join(sorted(self.types))}"
            )
        return make_sample(type_name, truth, scores, weights=weights)  # type: ignore[return-value]


METRICS: Registry[Metric[Any]] = Registry(
    "metric",
    Metric,  # the registry never makes one
    package="ordain.evaluation.metrics",
)

AnyMetric = Annotated[Metric[Any], OneOf(lambda: METRICS)]

HEADLINE: dict[str, tuple[str, str]] = {
    "binary": (
        "roc_auc",
        "it needs no threshold and does not change with the share of positives",
    ),
    "category": ("accuracy", "it is the share of rows that are right"),
    "number": ("r2", "it has no unit: 0 is as good as the mean, 1 is perfect"),
}
"""The metric that decides, by output type, and why."""

LEAD: dict[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "log_loss", "accuracy", "f1"),
    "category": ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "top_3"),
    "number": ("r2", "rmse", "mae", "median_absolute_error", "mape"),
}
"""The metrics shown first, by output type."""


def value_of(result: float | Undefined) -> float:
    """Return the number, NaN for `Undefined`."""
    return math.nan if isinstance(result, Undefined) else result


def metrics_for(
    type_name: str, chosen: Iterable[Metric[Any] | str | Mapping[str, Any]] | None = None
) -> list[Metric[Any]]:
    """Return the metrics to compute for an output type; the first with a value is the headline.

    Args:
        type_name: of the output.
        chosen: what a user asked for, kept in that order; None means all that are on by default,
            those of `LEAD` first.

    Raises:
        UsageError: a metric is unknown or does not fit the type.
    """
    if chosen is None:
        metrics = [METRICS.build(name) for name in METRICS.names()]
        metrics = [m for m in metrics if type_name in m.types and m.is_default]
    else:
        metrics = [METRICS.build(metric) for metric in chosen]
    for metric in metrics:
        if type_name not in metric.types:
            fitting = [name for name in METRICS.names() if type_name in METRICS.get(name).types]
            raise UsageError(
                f"metric '{metric.type}' does not fit a `{type_name}` output; "
                f"it may have: {', '.join(fitting)}"
            )
    if chosen is not None:
        return metrics
    lead = LEAD.get(type_name, ())
    rank = {name: place for place, name in enumerate(lead)}
    return sorted(metrics, key=lambda metric: rank.get(metric.label, len(lead)))
