"""Thresholds: against every threshold there is."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import binary_target, expit

from ordain.config.evaluation import Limit, Threshold
from ordain.core.errors import UsageError
from ordain.evaluation.decision.threshold import choose_threshold
from ordain.evaluation.figures import threshold_search
from ordain.evaluation.metric import find_metric, value_of
from ordain.evaluation.sample import BinarySample, Extras

METRICS = [
    {"name": "cost", "cost_matrix": {"FN": 50, "FP": 5}},
    {"name": "dear", "cost_matrix": {"FN": 1, "FP": 100}},
    {"name": "by_label", "cost_matrix": {"Yes": {"No": 50}, "No": {"Yes": 5}}},
    {"name": "mine", "call": "my_measures:raises"},
]


def named(name):
    return find_metric(name, METRICS)


def rows(n_rows=3_000, seed=0, digits=None):
    random = np.random.default_rng(seed)
    odds = random.normal(-1.5, 1.5, n_rows)
    truth = (random.random(n_rows) < expit(odds)).astype(np.int8)
    scores = expit(odds + random.normal(0, 0.5, n_rows))
    return binary_target(truth, scores if digits is None else np.round(scores, digits))


def everywhere(target, name):
    """Return the metric at each threshold that parts the rows otherwise."""
    extras = Extras(labels=target.labels)
    distinct = np.unique(target.scores)
    thresholds = [*distinct, 2.0]
    return np.array(
        [
            value_of(
                named(name).evaluate(
                    BinarySample(target.truth, target.scores, threshold=t, extras=extras)
                )
            )
            for t in thresholds
        ]
    )


@pytest.mark.parametrize("digits", [1, 2, None])
@pytest.mark.parametrize(
    ("goal", "name"),
    [("maximize", "f1"), ("maximize", "mcc"), ("minimize", "cost"), ("minimize", "by_label")],
)
def test_it_is_as_good_as_the_best_of_all(goal, name, digits):
    target = rows(600, digits=digits)
    choice = choose_threshold(Threshold(**{goal: name}), target, metric_named=named)
    values = everywhere(target, name)
    best = np.nanmax(values) if goal == "maximize" else np.nanmin(values)
    assert choice.value == pytest.approx(best, rel=0.01)
    assert choice.is_met
    assert f"`{name}` of 600 validation rows is" in choice.reason


def test_it_is_the_best_of_all_where_there_are_few_candidates():
    target = rows(350)
    choice = choose_threshold(Threshold(maximize="f1"), target, metric_named=named)
    assert choice.value == pytest.approx(np.nanmax(everywhere(target, "f1")), abs=1e-12)


def test_calling_no_row_positive_may_be_cheapest():
    target = rows(400)
    target = binary_target(np.append(target.truth, 0), np.append(target.scores, 0.999))
    choice = choose_threshold(Threshold(minimize="dear"), target, metric_named=named)
    assert choice.value == pytest.approx(np.nanmin(everywhere(target, "dear")))
    assert target.scores.max() < choice.threshold <= 1


@pytest.mark.parametrize("n_rows", [300, 3_000])
def test_a_constraint_holds_and_the_goal_is_the_best_within(n_rows):
    target = rows(n_rows)
    declared = Threshold(maximize="recall", subject_to=Limit(metric="precision", at_least=0.7))
    choice = choose_threshold(declared, target, metric_named=named)
    recall, precision = everywhere(target, "recall"), everywhere(target, "precision")
    best = recall[precision >= 0.7].max()
    assert choice.value == pytest.approx(best, rel=0.02)
    assert precision[np.searchsorted(np.unique(target.scores), choice.threshold)] >= 0.7
    assert choice.reason.endswith("among those that hold `precision`")


def test_a_constraint_that_cannot_hold_comes_as_close_as_can_be():
    declared = Threshold(maximize="recall", subject_to=Limit(metric="roc_auc", at_least=0.999))
    choice = choose_threshold(declared, rows(), metric_named=named)
    assert not choice.is_met
    assert choice.reason == ("no threshold meets the bound on `roc_auc`; this one comes closest")


def test_no_row_lies_at_the_threshold():
    target = rows()
    choice = choose_threshold(Threshold(maximize="f1"), target, metric_named=named)
    assert np.abs(target.scores - choice.threshold).min() > 1e-9


@pytest.mark.parametrize(
    ("target", "name", "reason"),
    [
        (rows(10), "f1", "10 validation rows are too few"),
        (binary_target(np.ones(50), np.linspace(0, 1, 50)), "f1", "all 50 validation rows are of"),
        (rows(50), "mine", "`mine` has no value on the validation rows"),
    ],
)
def test_where_nothing_can_be_chosen_it_stays_and_says_why(target, name, reason):
    given = replace(target, threshold=0.3)
    choice = choose_threshold(Threshold(maximize=name), given, metric_named=named)
    assert (choice.threshold, choice.is_met) == (0.3, False)
    assert reason in choice.reason


def test_an_unknown_metric_is_refused():
    with pytest.raises(UsageError, match="unknown metric 'f11'"):
        choose_threshold(Threshold(maximize="f11"), rows(), metric_named=named)


def test_equal_scores_leave_two_thresholds():
    target = binary_target(np.array([0, 1] * 50), np.full(100, 0.5))
    choice = choose_threshold(Threshold(maximize="recall"), target, metric_named=named)
    assert choice.value == 1.0


def test_thresholds_that_were_tried_are_kept_with_what_had_to_hold():
    declared = Threshold(maximize="recall", subject_to=Limit(metric="precision", at_least=0.6))
    choice = choose_threshold(declared, rows(), metric_named=named)
    assert len(choice.tried["threshold"]) <= 101
    assert len(choice.tried["bound"]) == len(choice.tried["value"])
    figure = threshold_search(choice)
    assert [trace["name"] for trace in figure["data"]] == ["recall", "precision"]
    assert figure["layout"]["shapes"][0]["x0"] == choice.threshold
