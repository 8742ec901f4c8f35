"""What every metric must do.

A test suite runs each check on each registered metric and each type of output it fits:

    @pytest.mark.parametrize("case", metric_cases(), ids=str)
    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_metric_keeps_the_contract(case, check):
        check(case)

A check raises AssertionError with what was broken. The author of a metric runs the same checks on
``MetricCase(MyMetric(), "number")``.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.randomness import generator
from ordain.evaluation.intervals import value_interval
from ordain.evaluation.metric import METRICS, Metric, Undefined, value_of
from ordain.evaluation.sample import Extras, Sample, make_sample

EXAMPLES: dict[str, dict[str, Any]] = {
    "cost": {"cost_matrix": {"0": {"1": 5}, "1": {"0": 50}}, "other_cost": 2},
    "call": {"call": "ordain.testing.metrics:closeness"},
    "gain": {"share": 0.5},
}
"""Keys for metrics that need some, or that no scores make perfect on these rows without."""
N_ROWS = 200
N_CLASSES = 5

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class MetricCase:
    """One metric on one type of output."""

    metric: Metric[Any]
    type_name: str

    def __str__(self) -> str:
        return f"{self.metric.type}-{self.type_name}"

    def value(self, truth: Array, scores: Array, weights: Array | None = None) -> float | Undefined:
        """Return the metric on such rows."""
        return self.metric.evaluate(self.sample(truth, scores, weights))

    def sample(self, truth: Array, scores: Array, weights: Array | None = None) -> Sample:
        """Return a sample of the type; classes are named '0', '1' ..., numbers have intervals."""
        labels = tuple(map(str, range(N_CLASSES))) if self.type_name == "category" else ("0", "1")
        bounds = None
        if self.type_name == "number":
            reach = np.abs(scores - truth) * (0.5 + (10 * truth) % 10 / 10)
            bounds = np.stack([scores - reach, scores + reach], axis=1)
        extras = Extras(labels=labels, bounds=bounds)
        return make_sample(self.type_name, truth, scores, weights=weights, extras=extras)


def metric_cases() -> list[MetricCase]:
    """Return every registered metric with its defaults, for each type it fits."""
    metrics = [METRICS.build({"type": name, **EXAMPLES.get(name, {})}) for name in METRICS.names()]
    return [MetricCase(metric, name) for metric in metrics for name in sorted(metric.types)]


def closeness(truth: Array, scores: Array, weights: Array) -> float:
    """Return a number that is 1 for perfect scores: a function such as a user might write."""
    given = scores[np.arange(len(truth)), truth] - 1 if scores.ndim > 1 else scores - truth
    return float(np.average(1 / (1 + np.abs(given)), weights=weights))


def rows_of(type_name: str) -> tuple[Array, Array]:
    """Return truth and scores that are neither perfect nor hopeless, with ties."""
    truth: Array
    scores: Array
    random = generator(7, "metric", type_name)
    if type_name == "binary":
        truth = (random.random(N_ROWS) < 0.4).astype(np.int8)  # noqa: PLR2004
        return truth, np.round(np.clip(random.normal(0.35 + 0.3 * truth, 0.2), 0, 1), 2)
    if type_name == "category":
        truth = random.integers(0, N_CLASSES, N_ROWS)
        scores = random.random((N_ROWS, N_CLASSES)) + np.eye(N_CLASSES)[truth] * 0.6
        return truth, np.round(scores / scores.sum(axis=1, keepdims=True), 2)
    truth = np.round(np.exp(random.normal(2, 1, N_ROWS)), 1) + 0.1
    return truth, np.round(truth * random.normal(1, 0.2, N_ROWS), 1)


def perfect_of(type_name: str) -> tuple[Array, Array]:
    """Return truth and the scores nothing can be better than."""
    truth, _ = rows_of(type_name)
    if type_name == "category":
        return truth, np.eye(N_CLASSES)[truth]
    return truth, truth.astype(np.float64)


def reads_back_from_its_own_json(case: MetricCase) -> None:
    """The spec goes to JSON and back."""
    text = json.dumps(case.metric.model_dump(mode="json"))
    assert METRICS.build(json.loads(text)) == case.metric


def says_what_it_is_in_one_sentence(case: MetricCase) -> None:
    """Tables and the report show the first line of the docstring."""
    first = (inspect.getdoc(type(case.metric)) or "").split("\n", 1)[0]
    assert first.endswith("."), f"{case}: the first line of the docstring must be a sentence"


def gives_a_number(case: MetricCase) -> None:
    """Ordinary rows have a value, a plain float."""
    value = case.value(*rows_of(case.type_name))
    assert isinstance(value, float), f"{case}: {value!r}"


def gives_the_best_value_to_perfect_scores(case: MetricCase) -> None:
    """Perfect predictions give `best`, and ordinary ones are on the other side of it."""
    value = value_of(case.value(*perfect_of(case.type_name)))
    if math.isfinite(case.metric.best):
        assert math.isclose(value, case.metric.best, abs_tol=1e-9), f"{case}: {value}"
    usual = value_of(case.value(*rows_of(case.type_name)))
    is_behind = usual < value if case.metric.is_higher_better else usual > value
    assert is_behind, f"{case}: {usual} is not behind {value}"


def stays_within_its_bounds(case: MetricCase) -> None:
    """Scores that are all wrong are not beyond `worst`."""
    truth, scores = rows_of(case.type_name)
    if case.metric.worst is None:
        return
    wrong = np.roll(np.eye(N_CLASSES)[truth], 1, axis=1) if case.type_name == "category" else None
    wrong = 1.0 - truth if case.type_name == "binary" else wrong
    value = value_of(case.value(truth, -scores if wrong is None else wrong))
    low, high = sorted((case.metric.worst, case.metric.best))
    assert math.isnan(value) or low - 1e-9 <= value <= high + 1e-9, f"{case}: {value}"


def does_not_depend_on_the_order_of_rows(case: MetricCase) -> None:
    """Shuffled rows give the same value."""
    truth, scores = rows_of(case.type_name)
    order = generator(3, "order").permutation(len(truth))
    _same(case, case.value(truth, scores), case.value(truth[order], scores[order]))


def takes_weights_of_one_as_none(case: MetricCase) -> None:
    """Equal weights change nothing, nor does their size."""
    truth, scores = rows_of(case.type_name)
    plain = case.value(truth, scores)
    _same(case, plain, case.value(truth, scores, np.ones(len(truth))))
    _same(case, plain, case.value(truth, scores, np.full(len(truth), 2.5)))


def takes_a_weight_of_two_as_two_rows(case: MetricCase) -> None:
    """A row of weight two counts as the row given twice; of weight zero, as left out."""
    if case.metric.judges_lists:
        return  # a weight is of a list there, and two equal rows take two places
    truth, scores = rows_of(case.type_name)
    weights = generator(5, "weights").integers(0, 3, len(truth))
    rows = np.repeat(np.arange(len(truth)), weights)
    _same(case, case.value(truth[rows], scores[rows]),
          case.value(truth, scores, weights.astype(np.float64)))  # fmt: skip


def keeps_its_value_under_exchanged_weights(case: MetricCase) -> None:
    """A sample under other weights gives what a new sample gives: nothing stale is kept."""
    truth, scores = rows_of(case.type_name)
    weights = generator(9, "weights").random(len(truth))
    sample = case.sample(truth, scores)
    case.metric.evaluate(sample)
    _same(case, case.metric.evaluate(sample.with_weights(weights)),
          case.value(truth, scores, weights))  # fmt: skip


def is_undefined_without_rows_or_weight(case: MetricCase) -> None:
    """No rows, and no weight, give a reason and NaN, not a number."""
    truth, scores = rows_of(case.type_name)
    for result in (
        case.value(truth[:0], scores[:0]),
        case.value(truth, scores, np.zeros(len(truth))),
    ):
        assert isinstance(result, Undefined), f"{case}: {result!r}"
    assert math.isnan(case.metric.compute(truth[:0], scores[:0]))


def is_undefined_for_scores_that_are_not_numbers(case: MetricCase) -> None:
    """One NaN score is enough: a mean over the others would be a wrong number."""
    truth, scores = rows_of(case.type_name)
    broken = scores.copy()
    broken.flat[3] = np.nan
    result = case.value(truth, broken)
    assert isinstance(result, Undefined), f"{case}: {result!r}"
    assert "finite" in result.reason


def survives_one_row_and_constant_rows(case: MetricCase) -> None:
    """One row, and rows that are all alike, give a number or a reason, and no warning."""
    truth, scores = rows_of(case.type_name)
    alike = np.zeros(9, np.int64)
    for rows in (alike[:1], alike):
        result = case.value(truth[rows], scores[rows])
        assert isinstance(result, float | Undefined), f"{case}: {result!r}"


def changes_neither_truth_nor_scores(case: MetricCase) -> None:
    """Arrays come out as they went in."""
    truth, scores = rows_of(case.type_name)
    before = truth.copy(), scores.copy()
    case.value(truth, scores)
    assert np.array_equal(truth, before[0])
    assert np.array_equal(scores, before[1])


def has_influence_with_mean_zero(case: MetricCase) -> None:
    """Where rows' pull is known it is centred, one number a row, with weights and without."""
    for weights in (None, generator(9, "weights").random(N_ROWS)):
        sample = case.sample(*rows_of(case.type_name), weights)
        pull = case.metric.influence(sample)
        if pull is not None:
            assert pull.shape == (len(sample),), f"{case}: {pull.shape}"
            assert abs(float(pull.mean())) < 1e-9 * max(1.0, float(np.abs(pull).max())), str(case)


def has_influence_that_is_its_slope(case: MetricCase) -> None:
    """Where rows' pull is known it is what counting a row a little more does to the value.

    Metrics that move in steps (a median) have no such slope and are left out.
    """
    for weights in (np.ones(N_ROWS), 0.2 + generator(9, "weights").random(N_ROWS)):
        sample = case.sample(*rows_of(case.type_name), weights)
        pull = case.metric.influence(sample)
        rows = np.arange(0, N_ROWS, 17)
        if pull is None:
            return
        slopes, wider = (
            np.array([_slope(case, sample, int(row), step=step) for row in rows])
            for step in (1e-6, 3e-6)
        )
        is_still = np.mean((slopes == 0) & (pull[rows] != 0)) > 0.5  # noqa: PLR2004 - most rows
        if is_still or not np.allclose(slopes, wider, rtol=0.1):
            return
        size = float(np.abs(slopes).max())
        assert np.allclose(pull[rows], slopes, atol=1e-4 * size), f"{case}: {pull[rows]} {slopes}"


def computes_many_resamplings_as_one_by_one(case: MetricCase) -> None:
    """The vectorised way gives what each draw gives by itself."""
    if case.metric.judges_lists:
        return
    sample = case.sample(*rows_of(case.type_name))
    counts = generator(4, "counts").integers(0, 3, (4, len(sample))).astype(np.float64)
    many = case.metric.measure_many(sample, counts)
    alone = [value_of(case.metric.evaluate(sample.with_weights(row))) for row in counts]
    assert np.allclose(many, alone, equal_nan=True), f"{case}: {many} {alone}"


def has_an_interval_that_holds_its_value(case: MetricCase) -> None:
    """On ordinary rows, on a few, and at a bound: never of width zero, never beyond the bounds."""
    truth, scores = rows_of(case.type_name)
    perfect = perfect_of(case.type_name)
    for rows, given in ((N_ROWS, scores), (8, scores), (N_ROWS, perfect[1])):
        sample = case.sample(truth[:rows], given[:rows])
        interval = value_interval(case.metric, sample)
        if interval is not None:
            value = value_of(case.metric.evaluate(sample))
            assert interval.low - 1e-12 <= value <= interval.high + 1e-12, f"{case}: {interval}"
            assert interval.low < interval.high, f"{case}: {interval}"
            edges = [b for b in (case.metric.best, case.metric.worst) if b is not None]
            if len(edges) > 1 and all(map(math.isfinite, edges)):
                assert min(edges) - 1e-12 <= interval.low, f"{case}: {interval}"
                assert interval.high <= max(edges) + 1e-12, f"{case}: {interval}"


CHECKS: tuple[Callable[[MetricCase], None], ...] = (
    reads_back_from_its_own_json,
    says_what_it_is_in_one_sentence,
    gives_a_number,
    gives_the_best_value_to_perfect_scores,
    stays_within_its_bounds,
    does_not_depend_on_the_order_of_rows,
    takes_weights_of_one_as_none,
    takes_a_weight_of_two_as_two_rows,
    keeps_its_value_under_exchanged_weights,
    is_undefined_without_rows_or_weight,
    is_undefined_for_scores_that_are_not_numbers,
    survives_one_row_and_constant_rows,
    changes_neither_truth_nor_scores,
    has_influence_with_mean_zero,
    has_influence_that_is_its_slope,
    computes_many_resamplings_as_one_by_one,
    has_an_interval_that_holds_its_value,
)
"""Every check of the contract."""


def _slope(case: MetricCase, sample: Sample, row: int, *, step: float) -> float:
    values = []
    for part in (1 + step, 1 - step):
        weights = np.array(sample.weights)
        weights[row] *= part
        values.append(value_of(case.metric.evaluate(sample.with_weights(weights))))
    return len(sample) * (values[0] - values[1]) / (2 * step)


def _same(case: MetricCase, one: float | Undefined, other: float | Undefined) -> None:
    first, second = value_of(one), value_of(other)
    is_same = math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-9)
    assert is_same or (math.isnan(first) and math.isnan(second)), f"{case}: {one} and {other}"
