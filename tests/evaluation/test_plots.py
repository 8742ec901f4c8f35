"""Every plot on made scores: shapes, figures against independent formulas, odd classes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from ordain.evaluation.plots.classes import class_figures, entropy, top_confusion
from ordain.evaluation.plots.comparing import agreement, ranks
from ordain.evaluation.plots.plot import PLOTS, Judged, Shown
from ordain.evaluation.plots.thresholding import answered, best_by_coverage
from ordain.evaluation.subject import Target

HISTORY = tuple(
    {"epoch": e, "losses": {"train": 1 / e, "validation": 1.2 / e}} for e in range(1, 5)
)


def judged(type_name: str, n_rows: int = 300, n_classes: int = 5, seed: int = 0) -> Judged:
    random = np.random.default_rng(seed)
    if type_name == "number":
        truth = random.normal(0, 1, n_rows)
        target = Target("y", "y", "number", (), truth, truth + random.normal(0, 0.5, n_rows))
        return Judged(target, {"rmse": 0.5, "r2": 0.8, "mape": None}, "rmse")
    n = 2 if type_name == "binary" else n_classes
    truth = random.integers(0, n, n_rows)
    scores = np.exp(random.normal(0, 1, (n_rows, n)) + 1.5 * np.eye(n)[truth])
    scores /= scores.sum(axis=1, keepdims=True)
    labels = tuple(f"<b>class {i}</b>" for i in range(n))
    found = scores[:, 1] if type_name == "binary" else scores
    target = Target("y", "y", type_name, labels, truth, found)
    return Judged(target, {"accuracy": 0.7, "log_loss": 1.3}, "accuracy")


def shown(name: str, type_name: str, seed: int = 0) -> Shown:
    first = judged(type_name, seed=0)
    own = judged(type_name, seed=seed)
    truth = first.target.truth
    target = Target("y", "y", type_name, first.target.labels, truth, own.target.scores)
    one = Judged(target, own.metrics, own.headline)
    return Shown(name, {"y": one, "z": judged(type_name, seed=9)}, HISTORY)


@pytest.mark.parametrize("type_name", ["binary", "category", "number"])
@pytest.mark.parametrize("name", PLOTS.names())
def test_every_plot_draws_plain_data_for_the_types_it_fits(name: str, type_name: str) -> None:
    plot = PLOTS.build(name)
    if type_name not in plot.types:
        return
    drawn = plot.draw(
        [shown("a", type_name), shown("b", type_name, 1)], ["y", "z"][: plot.n_outputs]
    )
    assert drawn is not None
    assert drawn["data"]
    text = json.dumps(drawn, allow_nan=False)
    assert "<b>class" not in text


@pytest.mark.parametrize("name", PLOTS.names())
def test_every_plot_is_taken_by_plotly(name: str) -> None:
    from plotly.graph_objects import Figure

    plot = PLOTS.build(name)
    kind = "number" if "category" not in plot.types else "category"
    runs = [shown("a", kind), shown("b", kind, 1)]
    assert Figure(plot.draw(runs, ["y", "z"][: plot.n_outputs])).data


def test_all_of_ludwigs_names_are_known() -> None:
    names = [
        "compare_performance",
        "compare_classifiers_performance_from_prob",
        "compare_classifiers_performance_from_pred",
        "compare_classifiers_performance_subset",
        "compare_classifiers_performance_changing_k",
        "compare_classifiers_multiclass_multimetric",
        "compare_classifiers_predictions",
        "compare_classifiers_predictions_distribution",
        "confidence_thresholding",
        "confidence_thresholding_data_vs_acc",
        "confidence_thresholding_data_vs_acc_subset",
        "confidence_thresholding_data_vs_acc_subset_per_class",
        "confidence_thresholding_2thresholds_2d",
        "confidence_thresholding_2thresholds_3d",
        "binary_threshold_vs_metric",
        "precision_recall_curves",
        "roc_curves",
        "learning_curves",
        "precision_recall_curves_from_test_statistics",
        "roc_curves_from_test_statistics",
        "calibration_1_vs_all",
        "calibration_multiclass",
        "confusion_matrix",
        "frequency_vs_f1",
    ]
    assert [name for name in names if not PLOTS.has(name)] == []


def test_figures_by_class_are_those_of_scikit_learn() -> None:
    one = judged("category")
    expected = sk.precision_recall_fscore_support(one.truth, one.predicted, zero_division=0)
    found = class_figures(one)
    for name, values in zip(("precision", "recall", "f1"), expected, strict=False):
        np.testing.assert_allclose(found[name], values, atol=1e-12)


def test_rank_of_the_true_class_gives_the_hits_of_scikit_learn() -> None:
    one = judged("category")
    for k in (1, 2, 3):
        expected = sk.top_k_accuracy_score(one.truth, one.probabilities, k=k, labels=range(5))
        assert (ranks(one) <= k).mean() == pytest.approx(expected)


def test_confusion_of_the_commonest_classes_keeps_the_others_as_one() -> None:
    one = judged("category")
    labels, counts = top_confusion(one, 3)
    assert labels[-1] == "all others"
    assert counts.sum() == len(one.truth)
    kept = sorted(one.commonest(3))
    whole = sk.confusion_matrix(one.truth, one.predicted, labels=range(5))
    np.testing.assert_array_equal(counts[:3, :3], whole[np.ix_(kept, kept)])


def test_entropy_of_certain_and_of_even_predictions() -> None:
    np.testing.assert_allclose(entropy(np.array([[1.0, 0.0], [0.5, 0.5]])), [0.0, 1.0])


def test_agreement_counts_each_row_once() -> None:
    one, two = judged("category"), shown("b", "category", 1).outputs["y"]
    found = agreement(one, two, "a", "b")
    assert sum(found.values()) == len(one.truth)
    assert found["both right"] + found["only a right"] == one.is_right.sum()


def test_answered_falls_from_all_rows_and_hides_the_accuracy_of_too_few() -> None:
    confidence = np.linspace(0, 1, 200)
    coverage, accuracy = answered(confidence, confidence > 0.5, np.array([0.0, 0.5, 0.999]))
    np.testing.assert_allclose(coverage, [1.0, 0.5, 0.005])
    assert accuracy[:2].tolist() == [0.5, 1.0]
    assert np.isnan(accuracy[2])


def test_pairs_of_thresholds_that_others_beat_are_left_out() -> None:
    x, y = best_by_coverage(np.array([1.0, 0.5, 0.4, 0.2]), np.array([0.7, 0.9, 0.8, np.nan]))
    assert x.tolist() == [0.5, 1.0]
    assert y.tolist() == [0.9, 0.7]
