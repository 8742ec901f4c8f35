"""Cost by a matrix, and metrics that are told without `type`."""

import numpy as np
import pytest
from pydantic import ValidationError

from ordain.core.errors import UsageError
from ordain.evaluation.evaluate import evaluate_output
from ordain.evaluation.metric import METRICS, find_metric, metrics_for, typed
from ordain.evaluation.sample import Extras, make_sample

PRICES = {"name": "cost", "cost_matrix": {"FN": 50, "FP": 5}}


def test_cost_is_the_mean_price_of_a_row():
    truth, scores = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.1, 0.8, 0.7, 0.1])
    found = evaluate_output("binary", truth, scores, ("no", "yes"), metrics=[PRICES])
    assert found.metrics["cost"] == pytest.approx((50 + 2 * 5) / 5)


def test_reference_of_a_binary_cost_is_calling_nothing_positive():
    truth, scores = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.1, 0.8, 0.7, 0.1])
    found = evaluate_output("binary", truth, scores, ("no", "yes"), metrics=[PRICES])
    assert found.idle == {"cost": 2 * 50 / 5}


def test_reference_of_classes_is_the_cheapest_single_answer():
    truth = np.array([0, 0, 0, 1, 2])
    matrix = {"a": {"b": 1, "c": 4}, "b": {"a": 9}, "c": {"a": 9, "b": 1}}
    metric = METRICS.build({"cost_matrix": matrix})
    sample = make_sample("category", truth, np.eye(3)[truth], extras=Extras(labels=("a", "b", "c")))
    assert metric.evaluate(sample) == 0.0
    assert metric.idle(sample) == pytest.approx((3 * 1 + 0 + 1) / 5)


def test_binary_cost_may_name_the_labels():
    truth, scores = np.array([1, 0]), np.array([0.1, 0.9])
    metric = METRICS.build({"cost_matrix": {"yes": {"no": 50}, "no": {"yes": 5}}})
    assert metric.compute(truth, scores, labels=("no", "yes")) == 27.5


def test_mistakes_that_are_not_named_have_the_other_cost():
    truth, scores = np.array([0, 1]), np.eye(3)[[2, 0]]
    metric = METRICS.build({"cost_matrix": {"b": {"a": 10}}, "other_cost": 2})
    assert metric.compute(truth, scores, labels=("a", "b", "c")) == 6.0


def test_earnings_are_negative_prices():
    truth, scores = np.array([1, 0]), np.array([0.9, 0.9])
    metric = METRICS.build({"cost_matrix": {"TP": -100, "FP": 10}})
    assert metric.compute(truth, scores) == -45
    assert metric.best == -100


def test_class_that_is_none_gives_no_value_but_a_reason():
    sample = make_sample(
        "category", np.array([0]), np.eye(2)[[0]], extras=Extras(labels=("a", "b"))
    )
    found = METRICS.build({"cost_matrix": {"a": {"z": 1}}}).evaluate(sample)
    assert found.reason == "`cost_matrix` names 'z'; the classes are 'a', 'b'"


def test_cells_do_not_fit_several_classes():
    sample = make_sample("category", np.array([0]), np.eye(3)[[0]])
    assert "of a binary output; name the classes" in METRICS.build(PRICES).evaluate(sample).reason


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        ({}, "must name at least one price"),
        ({"FN": 5, "no": {"yes": 3}}, "must hold either prices of FN, FP, TP and TN, or"),
        ({"FX": 5}, "has no cell 'FX': its cells are FN, FP, TP and TN"),
    ],
)
def test_matrix_of_another_form_is_refused(matrix, text):
    with pytest.raises(ValidationError, match=text):
        METRICS.build({"cost_matrix": matrix})


@pytest.mark.parametrize(
    ("written", "type_name", "label"),
    [
        (PRICES, "cost", "cost"),
        ({"name": "loss", "cost_matrix": {"FN": 1}}, "cost", "loss"),
        ({"name": "mine", "call": "statistics:fmean"}, "call", "mine"),
        ({"call": "statistics:fmean"}, "call", "fmean"),
        ({"name": "f_beta", "beta": 0.5}, "f_beta", "f_0.5"),
        ({"name": "hits_at_k", "k": 4}, "top_k", "top_4"),
        ({"type": "f_beta", "name": "mostly_recall"}, "f_beta", "mostly_recall"),
    ],
)
def test_type_is_told_by_a_key_or_the_name(written, type_name, label):
    metric = METRICS.build(written)
    assert (metric.type, metric.label) == (type_name, label)


def test_mapping_that_tells_no_type_is_left_as_it_is():
    assert typed({"name": "nonsense", "k": 3}) == {"name": "nonsense", "k": 3}
    with pytest.raises(UsageError, match="unknown metric 'None'"):
        METRICS.build({"name": "nonsense"})


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(UsageError, match=r"two metrics are called 'ece'\n  Fix: give one"):
        metrics_for("binary", [{"type": "ece", "bins": 10}, "ece"])


def test_metric_is_found_by_its_label_before_its_type():
    chosen = [{"type": "recall", "name": "precision"}, "f1"]
    assert find_metric("precision", chosen).type == "recall"
    assert find_metric("precision").type == "precision"


def test_optimized_metric_decides_and_is_added_where_it_is_not_asked_for():
    truth, scores = np.arange(40) % 2, np.linspace(0, 1, 40)
    found = evaluate_output("binary", truth, scores, metrics=["f1", "mcc"], optimize="brier")
    assert (found.headline, list(found.metrics)) == ("brier", ["brier", "f1", "mcc"])
    found = evaluate_output("binary", truth, scores, metrics=["f1", "mcc"], optimize="mcc")
    assert (found.headline, list(found.metrics)) == ("mcc", ["mcc", "f1"])
    found = evaluate_output("binary", truth, scores, optimize="rmse")
    assert found.headline == "roc_auc"
