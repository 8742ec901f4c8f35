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

import numpy as np

from ordain.core.component import Component, OneOf, Registry
from ordain.core.errors import UsageError
from ordain.evaluation.sample import Array, Extras, Floats, Sample, make_sample

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True)
class Undefined:
    """Why a metric has no value for these rows; a phrase that completes "no value: "."""

    reason: str


class Metric(Component, Generic[S]):
    """Judges scores against truth.

    `measure` is called once for each set of rows and model, and some hundred times more where an
    interval is resampled; it may assume at least one row, a positive sum of weights and finite
    scores.

    Class attributes:
        types: output types it fits.
        is_higher_better: whether more is better.
        best: the value of perfect predictions; infinite where it is not known.
        worst: the value nothing can be beyond, or None where there is no such bound.
        is_default: whether it is computed where none is asked for.
        has_interval: whether resampling says how sure it is; false for extremes.
        judges_lists: whether each group is one ranked list, which weights weigh as a whole.
    """

    types: ClassVar[frozenset[str]]
    is_higher_better: ClassVar[bool]
    best: ClassVar[float]
    worst: ClassVar[float | None] = None
    is_default: ClassVar[bool] = True
    has_interval: ClassVar[bool] = True
    judges_lists: ClassVar[bool] = False

    name: str = ""
    """What tables and JSON call it; by default its type and parameter, such as `top_3`."""

    @property
    def label(self) -> str:
        """The name in tables and JSON."""
        return self.name or self.type

    def fits(self, type_name: str) -> bool:
        """Return whether it judges outputs of a type."""
        return type_name in self.types

    @abstractmethod
    def measure(self, sample: S) -> float | Undefined:
        """Return the value for these rows, or why there is none."""

    def influence(self, sample: S) -> Floats | None:
        """Return how far each row [N] pulls the value, with mean zero; None if not known.

        That is N times the slope of the value in how often the row is counted, its weight
        included (`Sample.pull` gives it for a mean or a ratio). The standard error of the value
        is then the root of the mean square of these, divided by the root of N; rows of a group
        are added up first. Where it is None intervals are resampled.
        """
        del sample
        return None

    def measure_many(self, sample: S, counts: Floats) -> Floats:
        """Return the value of each of R resamplings [R], NaN where undefined.

        Override it where many can be computed at once; the default asks `measure` R times.

        Args:
            sample: the rows.
            counts: how often each row was drawn [R, N].
        """
        weights = counts if sample.weights is None else counts * sample.weights
        return np.array([value_of(self.evaluate(sample.with_weights(row))) for row in weights])

    def price_matrix(self, sample: S) -> Floats | None:
        """Return the price of each true (row) and predicted class [C, C], for a mean price.

        None for all other metrics; curves of what a threshold costs are drawn by it.
        """
        del sample
        return None

    def effective_rows(self, sample: S) -> float:
        """Return how many independent rows the value rests on, such as the positive ones."""
        return sample.rows_in()

    def successes(self, sample: S) -> Floats | None:
        """Return 1 or 0 for each row [N] whose mean is the value, NaN for rows that do not count.

        None unless the value is such a share, of rows that do not depend on the predictions; pairs
        of models are then compared by an exact test.
        """
        del sample
        return None

    def excess(self, sample: S) -> float:
        """Return how far above its true value it lies on average because there are few rows."""
        del sample
        return 0.0

    def idle(self, sample: S) -> float | None:
        """Return the value of doing nothing, as a reference; None if there is no such thing."""
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
        *,
        groups: Array | None = None,
        bounds: Array | None = None,
    ) -> float:
        """Return the value, NaN where it is undefined.

        Args:
            truth: 0 or 1 [N]; class index [N]; number [N]. No missing values.
            scores: probability of the positive class [N]; of all classes [N, C]; number [N], in
                the units of the truth.
            weights: of rows [N].
            labels: names of the classes. Scores of [N] are taken as those of a binary output where
                the metric fits one and the truth is 0 or 1 throughout.
            groups: which group each row is of [N].
            bounds: predicted interval of each row [N, 2].
        """
        if scores.ndim > 1:
            type_name = "category"
        else:
            may_be_binary = "number" not in self.types or np.isin(truth, (0, 1)).all()
            type_name = "binary" if "binary" in self.types and may_be_binary else "number"
        if type_name not in self.types:
            raise UsageError(
                f"metric '{self.type}' does not fit a `{type_name}` output; "
                f"it fits: {', '.join(sorted(self.types))}"
            )
        extras = Extras(groups, tuple(labels), bounds)
        sample = make_sample(type_name, truth, scores, weights=weights, extras=extras)
        return value_of(self.evaluate(sample))  # type: ignore[arg-type]


class MetricRegistry(Registry[Metric[Any]]):
    """The metrics; a mapping may leave `type` out where `name` or its keys tell it."""

    def build(self, value: Metric[Any] | str | Mapping[str, Any]) -> Metric[Any]:
        """Return the metric a user wrote, as name, mapping or object.

        Raises:
            UsageError: no such metric.
            pydantic.ValidationError: a key of the metric is wrong.
        """
        if isinstance(value, Mapping):
            value = typed(value)
        return super().build(value)


MetricChoice = Metric[Any] | str | Mapping[str, Any]
"""A metric as somebody asks for it: the object, its type, or a mapping of its keys."""

METRICS = MetricRegistry(
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


def effective_of(metrics: Iterable[Metric[Any]], sample: Sample) -> dict[str, float]:
    """Return by metric the rows that its value rests on, where these are fewer than all."""
    if not len(sample) or not sample.is_finite:
        return {}
    found = {metric.label: float(metric.effective_rows(sample)) for metric in metrics}
    return {name: n_rows for name, n_rows in found.items() if n_rows < len(sample)}


def value_of(result: float | Undefined) -> float:
    """Return the number, NaN for `Undefined`."""
    return math.nan if isinstance(result, Undefined) else result


TYPE_OF_KEY = {"call": "call", "cost_matrix": "cost"}
"""Type of metric that a key stands for where `type` is left out."""


def typed(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a metric with `type`, which may be left out.

    It is then told by a key that only one type has (`call`, `cost_matrix`), else by a `name` that
    is itself a type: ``{name: f_beta, beta: 2}`` is the `f_beta` of its own label, `f_2`.
    """
    found = dict(keys)
    if found.get("type") is not None:
        return found
    found.pop("type", None)
    for key, type_name in TYPE_OF_KEY.items():
        if key in found:
            return {"type": type_name, **found}
    name = found.get("name")
    if isinstance(name, str) and METRICS.has(name):
        del found["name"]
        return {"type": name, **found}
    return found


def find_metric(
    wanted: MetricChoice,
    among: Iterable[MetricChoice] | None = None,
) -> Metric[Any]:
    """Return the metric somebody names: by the label of one of those chosen, else by its type.

    Raises:
        UsageError: no such metric.
    """
    if isinstance(wanted, str):
        for metric in map(METRICS.build, among or ()):
            if metric.label == wanted:
                return metric
    return METRICS.build(wanted)


def metrics_for(type_name: str, chosen: Iterable[MetricChoice] | None = None) -> list[Metric[Any]]:
    """Return the metrics to compute for an output type; the first with a value is the headline.

    Args:
        type_name: of the output.
        chosen: what a user asked for, kept in that order; None means all that are on by default,
            those of `LEAD` first.

    Raises:
        UsageError: a metric is unknown or does not fit the type, or two have one name.
    """
    if chosen is None:
        classes = [METRICS.get(name) for name in METRICS.names()]
        fitting = [cls for cls in classes if type_name in cls.types and cls.is_default]
        lead = LEAD.get(type_name, ())
        rank = {name: place for place, name in enumerate(lead)}
        metrics = [METRICS.build(cls.type_name()) for cls in fitting]
        return sorted(metrics, key=lambda metric: rank.get(metric.label, len(lead)))
    metrics = [METRICS.build(metric) for metric in chosen]
    for metric in metrics:
        if not metric.fits(type_name):
            names = [name for name in METRICS.names() if type_name in METRICS.get(name).types]
            raise UsageError(
                f"metric '{metric.type}' does not fit a `{type_name}` output; "
                f"it may have: {', '.join(names)}"
            )
    labels = [metric.label for metric in metrics]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise UsageError(
            f"two metrics are called '{twice}'\n  Fix: give one of them a `name` of its own"
        )
    return metrics
