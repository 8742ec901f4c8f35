import json

import pytest

from ordain.evaluation import figures
from ordain.evaluation.figures import learning_curves
from ordain.evaluation.history import series_of

BY_JUDGEMENT = (
    figures.calibration,
    figures.binary_threshold_vs_metric,
    figures.confidence_thresholding,
    figures.score_distribution,
    figures.confusion_matrix,
    figures.frequency_vs_f1,
    figures.residuals,
    figures.prediction_vs_truth,
    figures.errors_by_size,
)


@pytest.mark.parametrize("draw", BY_JUDGEMENT, ids=lambda draw: draw.__name__)
def test_figure_is_plain_json_for_some_output_and_none_for_others(draw, summary):
    drawn = [draw(output.sets["test"]) for output in summary.outputs.values()]
    assert any(figure is None for figure in drawn)
    found = [figure for figure in drawn if figure is not None]
    assert found
    for figure in found:
        assert set(json.loads(json.dumps(figure, allow_nan=False))) == {"data", "layout"}


@pytest.mark.parametrize("draw", [figures.roc_curves, figures.precision_recall_curves])
def test_curves_of_several_sets_lie_over_each_other(draw, summary):
    figure = draw(summary.outputs["churn"].sets)
    assert [trace["name"] for trace in figure["data"]] == ["validation", "test", "guessing"]
    assert draw(summary.outputs["price"].sets) is None


def test_plotly_accepts_every_figure(summary):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for output in summary.outputs.values():
        for draw in BY_JUDGEMENT:
            figure = draw(output.sets["test"])
            if figure is not None:
                graph_objects.Figure(figure)


def test_labels_cannot_become_markup_of_a_plot(summary):
    text = json.dumps(figures.confusion_matrix(summary.outputs["topic"].sets["test"]))
    assert "<script" not in text


def test_labels_that_shorten_to_the_same_stay_apart(summary):
    judgement = summary.outputs["topic"].sets["test"]
    names = ["a long name that ends in 1", "a long name that ends in 2", "b", "c"]
    confusion = {**judgement.confusion, "labels": names}
    figure = figures.confusion_matrix(judgement.model_copy(update={"confusion": confusion}))
    assert len(set(figure["data"][0]["x"])) == 4


def test_history_of_a_neural_model_joins_losses_and_metrics():
    history = [
        {"epoch": 1, "losses": {"train": 2.0}, "metrics": {"y": {"loss": 2.1, "r2": 0.1}}},
        {"epoch": 2, "losses": {"train": 1.0}, "metrics": {"y": {"loss": 1.1, "r2": 0.5}}},
    ]
    loss, r2 = series_of(history)
    assert loss.sets == {"train": [(1, 2.0), (2, 1.0)], "validation": [(1, 2.1), (2, 1.1)]}
    assert (r2.title, r2.sets) == ("r2", {"validation": [(1, 0.1), (2, 0.5)]})


def test_history_of_two_boosters_is_told_apart():
    history = [
        {"output": name, "round": 1, "metric": "auc", "losses": {"train": 0.9, "validation": 0.8}}
        for name in ("a", "b")
    ]
    assert [series.title for series in series_of(history)] == ["auc of a", "auc of b"]
    assert series_of(history)[0].axis == "round"


def test_flat_history_is_read_by_the_names_of_its_columns():
    (series,) = series_of([{"epoch": 1, "train_loss": 1.0, "validation_loss": 2.0, "seconds": 3.0}])
    assert series.sets == {"train": [(1, 1.0)], "validation": [(1, 2.0)]}


def test_empty_history_draws_nothing():
    assert learning_curves([]) == []
