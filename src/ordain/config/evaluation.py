"""The `evaluation` block: how a model is judged, and what it must meet.

    evaluation:
      metrics: [roc_auc, f1, {name: cost, cost_matrix: {FN: 50, FP: 5}}]
      optimize: roc_auc
      satisfy: [{metric: ece, at_most: 0.05}]
      slices: [contract, "tenure < 6", {name: seniors, where: "age >= 65"}, auto]
      protected: [gender]
      threshold: {maximize: f1}
      calibration: auto
      intervals: 0.9
      gates: [{metric: roc_auc, at_least: 0.80}, {baseline: gbm, not_worse: true}]

What a judgement decides about the model itself (calibration, threshold, intervals, abstention) is
stored in the bundle and obeyed by prediction; the rest only looks.
"""

from __future__ import annotations

import importlib
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from ordain.core.component import Registry, Spec
from ordain.core.errors import UsageError

Level = Annotated[float, Field(gt=0.5, lt=1)]


OF_TRAINING = ("training_seconds", "training_cost", "energy_joules")
"""What bounds may be set on that is measured of a training."""
FIGURES = ("latency_ms", "size_bytes", *OF_TRAINING)
"""What bounds may be set on that is no metric of an output: of the bundle, and of the training."""
PREVIOUS = "previous"
"""How gates call the last run of the same name, as a baseline."""


class Limit(Spec):
    """A bound that a metric has to hold; one of `at_least` and `at_most`, or both."""

    metric: str
    """Name of the metric as tables call it, or `latency_ms` (of one row), `size_bytes` (of the
    bundle), `training_seconds`, `training_cost` (by `budget.price_per_hour`), `energy_joules`."""
    at_least: float | None = None
    """Lowest value that holds."""
    at_most: float | None = None
    """Highest value that holds."""
    output: str | None = None
    """Output it is about; by default every output that has the metric."""
    set: str | None = None
    """Set of rows it is judged on; by default `test`."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("it needs `at_least` or `at_most`")
        _require_room(self.at_least, self.at_most)
        return self


class Slice(Spec):
    """Rows to judge by themselves: of each value of a column, of a condition, of each tag."""

    name: str = ""
    """What tables call it; by default the column or the expression."""
    column: str | None = None
    """A column: each of its values (numbers: each of its quarters) becomes a slice."""
    where: str | None = None
    """SQL condition (DuckDB's dialect) over the columns of the data."""
    tags: str | None = None
    """File with a column `tag` and columns of the data that tell the rows: each tag is a slice."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.column, self.where, self.tags)) != 1:
            raise ValueError("it needs one of `column`, `where` and `tags`")
        return self

    @property
    def group(self) -> str:
        """What its slices are called together."""
        return self.name or self.column or self.where or "tag"


class Threshold(Spec):
    """How the probability is chosen from which a row is called positive."""

    maximize: str | None = None
    """Metric to make as large as can be on the validation rows."""
    minimize: str | None = None
    """Metric to make as small as can be, such as a cost."""
    subject_to: Limit | None = None
    """What has to hold besides, such as `{metric: precision, at_least: 0.9}`."""

    @model_validator(mode="after")
    def _has_one_goal(self) -> Self:
        if (self.maximize is None) == (self.minimize is None):
            raise ValueError("it needs either `maximize` or `minimize`")
        return self


class Abstain(Spec):
    """When the model gives no answer."""

    confidence_below: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Confidence under which no answer is given."""
    accuracy_at_least: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of answers that must be right, by the lower end of the interval on validation rows."""

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if (self.confidence_below is None) == (self.accuracy_at_least is None):
            raise ValueError("it needs either `confidence_below` or `accuracy_at_least`")
        return self


class Gate(Spec):
    """A condition that must be met, else `train` and `evaluate` end with exit code 3."""

    name: str = ""
    """What tables call it; by default the condition in words."""
    metric: str | None = None
    """Metric it is about; by default the one that decides."""
    at_least: float | None = None
    """Lowest value that passes."""
    at_most: float | None = None
    """Highest value that passes."""
    slice: str | None = None
    """Slice it is judged on, by name; by default all rows."""
    baseline: str | None = None
    """Baseline to compare with: a name in the table, or `previous` for the last run of the name."""
    not_worse: bool = False
    """Whether the model must not be shown to be worse than `baseline`."""
    better: bool = False
    """Whether the model must be shown to be better than `baseline`."""
    scenarios: bool = False
    """Whether every scenario must hold."""
    output: str | None = None
    """Output it is about; by default every output that has the metric."""
    set: str | None = None
    """Set of rows it is judged on; by default `test`."""
    certain: bool = False
    """Whether the whole interval must pass, not only the value."""

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        given = {key for key in ("metric", "at_least", "at_most", "slice") if self.has(key)}
        is_bounded = not given.isdisjoint({"at_least", "at_most"})
        is_compared = self.not_worse or self.better
        if is_compared != (self.baseline is not None):
            raise ValueError("`baseline` goes with `not_worse: true` or `better: true`")
        if not (is_bounded or is_compared or self.scenarios):
            raise ValueError("it needs `at_least`, `at_most`, `baseline` or `scenarios: true`")
        if self.scenarios and (given or is_compared):
            raise ValueError("`scenarios: true` is a gate by itself")
        if is_compared and given:
            raise ValueError(
                "a comparison with a baseline is by the metric that decides, on all rows: it has "
                f"no {' and no '.join(f'`{key}`' for key in sorted(given))}"
            )
        _require_room(self.at_least, self.at_most)
        return self

    def has(self, key: str) -> bool:
        """Return whether a key is written."""
        return getattr(self, key) is not None


class Evaluation(Spec):
    """How the model is judged, and what it must meet."""

    metrics: tuple[str | dict[str, Any], ...] | None = None
    """Metrics to compute, by name; all that fit the output by default."""
    optimize: str | None = None
    """The metric that decides; by default the first of `metrics`, else one that suits the type."""
    satisfy: tuple[Limit, ...] = ()
    """Bounds that other metrics only have to hold."""
    baselines: bool | tuple[str, ...] = True
    """Simple models to judge beside this one: all, none, or those named."""
    human: dict[str, float] = Field(default_factory=dict)
    """What people reach on this task, by metric: the ceiling that tables show."""
    slices: tuple[Slice | Literal["auto"], ...] = ()
    """Parts of the rows to judge by themselves; `auto` looks for the worst ones."""
    protected: tuple[str, ...] = ()
    """Columns between whose values rates and errors are compared for fairness."""
    threshold: Threshold | None = None
    """How the threshold of binary outputs is chosen, on validation rows; by default it is 0.5."""
    calibration: Literal["auto", "none", "temperature", "platt", "isotonic"] = "auto"
    """How probabilities are mended, on validation rows; `auto` takes what helps, or nothing."""
    intervals: Level | None = None
    """Share of rows that prediction intervals (numbers) or label sets (classes) must cover."""
    abstain: Abstain | None = None
    """When the model gives no answer; by default it always answers."""
    scenarios: str | None = None
    """File of rows with what the model must answer in columns such as `expect:churn`."""
    gates: tuple[Gate, ...] = ()
    """Conditions that must be met."""
    checks: bool | tuple[str | dict[str, Any], ...] = True
    """Sanity checks to run with each training: all, none, or those named, with their keys."""
    importance: bool = True
    """Whether the report says how much each input matters."""

    @property
    def measured(self) -> tuple[str | dict[str, Any], ...] | None:
        """The metrics to compute: those asked for, and those that a condition names besides.

        None where all that fit are computed; gates and limits then find theirs among them.
        """
        if self.metrics is None:
            return None
        known = {_label(metric) for metric in self.metrics}
        named = [*(gate.metric for gate in self.gates), *(limit.metric for limit in self.satisfy)]
        more = dict.fromkeys(n for n in named if n and n not in {*known, *FIGURES})
        return (*self.metrics, *more)

    @property
    def named_baselines(self) -> tuple[str, ...]:
        """The baselines that are asked for by name, by gates too."""
        listed = self.baselines if isinstance(self.baselines, tuple) else ()
        by_gates = [gate.baseline for gate in self.gates if gate.baseline is not None]
        return tuple(dict.fromkeys([*listed, *by_gates]))

    @field_validator("metrics", mode="after")
    @classmethod
    def _by_type_name(cls, metrics: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """Write a metric named as ``module:Class`` by its type, as all components are kept."""
        return None if metrics is None else tuple(_by_type_name(metric) for metric in metrics)

    @field_validator("checks", mode="after")
    @classmethod
    def _checks_by_type_name(cls, checks: bool | tuple[Any, ...]) -> bool | tuple[Any, ...]:  # noqa: FBT001 - as the user says it
        """Write a check named as ``module:Class`` by its type, likewise."""
        if isinstance(checks, bool):
            return checks
        registry = ("ordain.evaluation.checks.check", "CHECKS")
        return tuple(_by_type_name(check, registry) for check in checks)


def _label(metric: str | dict[str, Any]) -> str:
    return metric if isinstance(metric, str) else str(metric.get("name") or metric.get("type"))


def _require_room(at_least: float | None, at_most: float | None) -> None:
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"no value is at least {at_least:g} and at most {at_most:g}")


def _by_type_name(
    written: str | dict[str, Any], place: tuple[str, str] = ("ordain.evaluation.metric", "METRICS")
) -> str | dict[str, Any]:
    name = written if isinstance(written, str) else str(written.get("type"))
    if ":" not in name:
        return written
    # Metrics and checks live in a room above this one; see `config/metrics.py`.
    registry: Registry[Any] = getattr(importlib.import_module(place[0]), place[1])
    try:
        plain = registry.get(name).type_name()
    except UsageError:
        return written  # `check_metrics` and `check_checks` say so with its place
    return plain if isinstance(written, str) else {**written, "type": plain}
