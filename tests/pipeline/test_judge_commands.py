"""Plots, errors, score and evaluation of real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss

import ordain
from ordain.core.errors import DataError, StoreError, UsageError
from ordain.evaluation.rubric import GROUPS, RUBRIC
from ordain.pipeline.visualize import draw, write_plot
from ordain.store.predictions import read_predictions
from ordain.store.runs import Run, Runs

pytestmark = pytest.mark.slow


@pytest.fixture
def result(config: dict[str, Any], frame: pl.DataFrame) -> ordain.Result:
    judged = {**config["evaluation"], "slices": ["contract"], "protected": ["contract"]}
    gates = [{"metric": "roc_auc", "at_least": 0.99}, {"metric": "accuracy", "at_least": 0.2}]
    return ordain.train({**config, "evaluation": {**judged, "gates": gates}}, frame)


def test_kept_predictions_are_those_of_the_model(
    result: ordain.Result, frame: pl.DataFrame
) -> None:
    kept = read_predictions(result.run)
    own = result.predict(frame[kept.rows])
    target = kept.targets["churn"]
    np.testing.assert_allclose(target.scores, own["churn_probability_Yes"], atol=1e-6)
    assert [target.labels[i] for i in target.truth] == frame["churn"][kept.rows].to_list()
    expected = result.metrics["test"]["churn"]["log_loss"]
    assert log_loss(target.truth, target.scores) == pytest.approx(expected, abs=1e-5)


def test_gates_decide_whether_a_result_has_passed(result: ordain.Result) -> None:
    assert [gate.passed for gate in result.gates] == [False, True]
    assert not result.is_passed


def test_gates_are_told_again_where_the_run_is_reused(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    gates = {**config["evaluation"], "gates": [{"metric": "roc_auc", "at_least": 0.99}]}
    first = ordain.train({**config, "evaluation": gates}, frame)
    again = ordain.train({**config, "evaluation": gates}, frame)
    assert again.is_reused
    assert again.gates == first.gates


def test_plot_of_two_runs_has_a_line_for_each(
    result: ordain.Result, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    other = ordain.train({**config, "name": "again", "trainer": {"num_boost_round": 3}}, frame)
    figure = ordain.visualize("roc_curves", [result, other])
    assert [trace.name for trace in figure.data] == ["churn", "again", "guessing"]
    pair = draw("compare_classifiers_predictions", [result.run.reference, other])
    assert sum(trace["customdata"][0] for trace in pair["data"]) == len(read_predictions(other.run))


def test_wrong_plot_names_the_nearest_and_all(result: ordain.Result) -> None:
    with pytest.raises(UsageError, match=r"no plot 'roc_curv'. Did you mean 'roc_curves'"):
        draw("roc_curv", result)
    with pytest.raises(UsageError, match=r"no option `top_classes`; nearest: `top_n_classes`"):
        draw("roc_curves", result, options={"top_classes": 3})
    with pytest.raises(UsageError, match=r"compares 2 runs or more; 1 given"):
        draw("compare_classifiers_predictions", result)
    with pytest.raises(UsageError, match=r"`residuals` fits outputs of type number"):
        draw("residuals", result)
    with pytest.raises(UsageError, match=r"is about 2 outputs with classes; here: churn"):
        draw("confidence_thresholding_2thresholds_2d", result)
    with pytest.raises(UsageError, match=r"no output 'chrn' that all runs have; nearest: 'churn'"):
        draw("roc_curves", result, output="chrn")


def test_run_on_other_rows_is_not_compared_row_by_row(
    result: ordain.Result, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    other = ordain.train({**config, "name": "again"}, frame[:300])
    with pytest.raises(UsageError, match="read different rows"):
        draw("compare_classifiers_predictions", [result, other])


def test_run_without_predictions_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keeps no predictions"):
        read_predictions(Run(tmp_path))


def test_html_plot_needs_no_network(result: ordain.Result, tmp_path: Path) -> None:
    path = tmp_path / "roc.html"
    write_plot(draw("roc_curves", result), path, "html")
    assert "Plotly.newPlot" in path.read_text(encoding="utf-8")
    assert "cdn.plot.ly" not in path.read_text(encoding="utf-8")[:2000]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_pictures_are_written_where_a_browser_is_there(
    result: ordain.Result, tmp_path: Path, kind: Any
) -> None:
    path = tmp_path / f"roc.{kind}"
    try:
        write_plot(draw("roc_curves", result), path, kind)
    except StoreError:
        pytest.skip("no browser is installed")
    assert path.read_bytes()[:4] in {b"\x89PNG", b"<svg"}


def test_tags_stay_with_the_run_and_say_what_mending_would_bring(result: ordain.Result) -> None:
    worst = ordain.browse_errors(result).analysis.worst
    rows = {worst[0].row: "wrong label", worst[1].row: "wrong label"}
    book = ordain.browse_errors(result, tags=rows)
    assert [(one.tag, one.n_rows) for one in book.shares] == [("wrong label", 2)]
    total = book.mean_loss * book.analysis.n_rows
    gone = worst[0].loss + worst[1].loss
    assert book.shares[0].share == pytest.approx(gone / total, rel=1e-4)
    left = (total - gone) / book.analysis.n_rows
    assert book.shares[0].mean_without == pytest.approx(left, rel=1e-4)
    assert [one.name for one in book.slices] == ["wrong label"]
    again = ordain.browse_errors(result)
    assert set(again.tags) == set(rows)
    assert not ordain.browse_errors(result, tags=dict.fromkeys(rows, "")).tags


def test_table_of_errors_comes_back_with_tags(result: ordain.Result, tmp_path: Path) -> None:
    from ordain.pipeline.browse_errors import tags_from

    path = tmp_path / "errors.csv"
    ordain.browse_errors(result).write_csv(path)
    table = pl.read_csv(path)
    row = table["row"][0]
    table.with_columns(
        pl.when(pl.col("row") == row).then(pl.lit("typo; old")).alias("tag")
    ).write_csv(path)
    assert tags_from(path) == {row: ("typo", "old")}


def test_tags_of_other_rows_and_broken_tables_are_refused(
    result: ordain.Result, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"row 99999 is not among the .* judged rows of `test`"):
        ordain.browse_errors(result, tags={99_999: "x"})
    path = result.run.folder / "tags.csv"
    path.write_text("row,tag\nfirst,typo\n")
    with pytest.raises(DataError, match="'first' in the column `row` is no position"):
        ordain.browse_errors(result)
    path.write_text("line,tag\n1,typo\n")
    with pytest.raises(DataError, match="has no column `row`"):
        ordain.browse_errors(result)


def test_evaluation_gives_all_of_a_trainings_judgement(
    result: ordain.Result, frame: pl.DataFrame, tmp_path: Path
) -> None:
    rows = frame[read_predictions(result.run).rows]
    judged = ordain.evaluate(result.bundle, rows)
    own = result.findings
    assert judged.metrics["churn"] == pytest.approx(result.metrics["test"]["churn"], nan_ok=True)
    mine, theirs = judged.findings.slices["churn"], own.slices["churn"]
    assert [(one.name, one.n_rows) for one in mine] == [(one.name, one.n_rows) for one in theirs]
    assert judged.findings.fairness["churn"]
    assert [gate.passed for gate in judged.gates] == [gate.passed for gate in result.gates]
    assert not judged.is_passed
    assert judged.to_json()["gates"][0]["margin"] < 0
    assert judged.write_report(tmp_path / "r.html").stat().st_size > 100_000


def test_judgements_come_as_frames_figures_and_for_notebooks(
    result: ordain.Result, frame: pl.DataFrame
) -> None:
    judged = ordain.evaluate(result.bundle, frame)
    assert judged.frames.keys() == result.frames.keys()
    assert judged.frames["slices"]["output"].unique().to_list() == ["churn"]
    assert len(judged.figure("roc").data) > 0
    with pytest.raises(UsageError, match="there is no figure 'rock'"):
        judged.figure("rock")
    assert "<table>" in judged._repr_html_()
    table = ordain.score(result).frame
    assert table.height == 28
    assert table.schema["points"] == pl.Float64
    assert ordain.browse_errors(result).frame.columns[:2] == ["row", "tag"]


def test_evaluation_tells_of_gates_that_rest_on_other_rows(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    gates = [
        {"baseline": "prior", "better": True},
        {"metric": "roc_auc", "set": "validation", "at_least": 0.5},
    ]
    evaluation = {"baselines": True, "gates": gates}
    result = ordain.train({**config, "evaluation": evaluation}, frame)
    judged = ordain.evaluate(result.bundle, frame)
    assert judged.gates == ()
    assert "gate on `prior` is not judged: a bundle holds no baselines" in judged.warnings
    assert "gate on the set `validation` is not judged: these are other rows" in judged.warnings


def test_project_is_told_in_report_and_card(config: dict[str, Any], frame: pl.DataFrame) -> None:
    project = {"goal": "call those who leave", "owner": "retention <team>"}
    result = ordain.train({**config, "project": project}, frame)
    card = (result.bundle / "README.md").read_text(encoding="utf-8")
    assert "call those who leave" in card
    assert "Owner: retention &lt;team>" in card
    page = result.report.read_text(encoding="utf-8")
    assert "retention &lt;team&gt;" in page


def test_rubric_has_seven_questions_in_each_group() -> None:
    assert [sum(one.group == group for one in RUBRIC) for group in GROUPS] == [7, 7, 7, 7]
    assert len({one.name for one in RUBRIC}) == 28


def test_score_is_the_least_of_the_groups_with_evidence_for_each(result: ordain.Result) -> None:
    found = ordain.score(result)
    answers = {one.question.name: one for one in found.answers}
    assert len(answers) == 28
    assert all(one.evidence for one in found.answers)
    assert found.total == min(found.groups.values())
    assert answers["quality_gate"].state == "failed"
    assert "at least 0.99" in answers["quality_gate"].evidence
    assert answers["data_schema"].points == 1
    assert answers["canary"].state == "not there yet"
    assert answers["canary"].points == 0


def test_answer_by_hand_earns_half_a_point_and_holds_for_the_next_run(
    result: ordain.Result, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    before = ordain.score(result).groups["data"]
    after = ordain.score(result, by_hand={"privacy": "names are dropped"})
    assert after.groups["data"] == before + 0.5
    told = next(one for one in after.answers if one.question.name == "privacy")
    assert told.state == "by hand"
    assert told.evidence.startswith("names are dropped (")
    other = ordain.train({**config, "seed": 7}, frame)
    kept = next(one for one in ordain.score(other).answers if one.question.name == "privacy")
    assert kept.points == 0.5
    assert ordain.score(other, by_hand={"privacy": ""}).groups["data"] == before
    with pytest.raises(UsageError, match=r"no test 'privcy'. Did you mean 'privacy'"):
        ordain.score(result, by_hand={"privcy": "x"})


def test_reproducing_a_run_earns_its_point(
    result: ordain.Result, frame: pl.DataFrame, work_folder: Path
) -> None:
    ordain.reproduce(result.run.reference, frame)
    run = Runs(work_folder).find(result.run.reference)
    found = {one.question.name: one for one in ordain.score(run).answers}["reproducible"]
    assert found.points == 1
    assert found.evidence.startswith("the same, byte for byte")
