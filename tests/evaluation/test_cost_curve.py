"""What each threshold costs, against counting by hand."""

import numpy as np
import pytest
from judged_runs import binary_scores, summary_of

from ordain.evaluation import figures
from ordain.evaluation.evaluate import SetScores, evaluate_output, judge_output
from ordain.evaluation.gallery import draw, names_of
from ordain.evaluation.report import render_report

METRICS = ["roc_auc", {"type": "cost", "cost_matrix": {"FN": 50, "FP": 5, "TP": -1}}]


def judged(n_rows=400):
    truth, scores, _ = binary_scores(n_rows)
    return truth, scores, evaluate_output("binary", truth, scores, ("no", "yes"), metrics=METRICS)


def test_curve_is_what_counting_gives():
    truth, scores, judgement = judged()
    curve = judgement.curves["costs"]["cost"]
    for place in (0, 10, 50, 93, 100):
        called = scores >= curve["threshold"][place]
        paid = 50 * (truth & ~called) + 5 * (~truth.astype(bool) & called) - 1 * (truth & called)
        assert curve["cost"][place] == pytest.approx(paid.mean(), rel=1e-5)


def test_curve_meets_the_metric_at_its_threshold():
    _, _, judgement = judged()
    curve = judgement.curves["costs"]["cost"]
    assert curve["cost"][50] == pytest.approx(judgement.metrics["cost"], rel=1e-5)


def test_no_curve_without_a_price_or_with_three_classes():
    truth, scores, _ = binary_scores(200)
    plain = evaluate_output("binary", truth, scores, ("no", "yes"))
    assert "costs" not in plain.curves
    three = evaluate_output(
        "category", np.arange(9) % 3, np.full((9, 3), 1 / 3), ("a", "b", "c"),
        metrics=["accuracy", {"type": "cost", "cost_matrix": {"a": {"b": 2}}}],
    )  # fmt: skip
    assert "costs" not in three.curves


def test_report_and_gallery_draw_it_where_a_cost_is_declared():
    truth, good, poor = binary_scores(300)
    churn = judge_output(
        "binary", {"test": SetScores(truth, good, {"linear": poor})}, ("no", "yes"), metrics=METRICS
    )
    run = summary_of(outputs={"churn": churn})
    assert "Cost by threshold: cost" in render_report(run)
    assert "cost" in names_of(run)
    assert draw(run, "cost")["layout"]["yaxis"]["title"]["text"] == "cost of a row"
    assert "cost" not in names_of(summary_of())


def test_least_of_the_curve_and_doing_nothing_are_told():
    _, _, judgement = judged()
    ((label, figure),) = figures.cost_by_threshold({"test": judgement})
    names = [trace["name"] for trace in figure["data"]]
    assert label == "cost"
    assert names[1].startswith("least on test: ")
    assert names[2].startswith("none called: ")
    assert figure["layout"]["shapes"][0]["x0"] == 0.5
