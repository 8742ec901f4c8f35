import polars as pl
import pytest

from ordain.core.errors import UsageError
from ordain.evaluation import gallery
from ordain.evaluation.frames import FRAMES, frames_of
from ordain.evaluation.next_steps import next_steps
from ordain.evaluation.notebook import output_html, summary_html


def test_columns_are_the_same_with_and_without_findings(summary, full):
    empty, found = frames_of(summary), frames_of(full)
    assert list(empty) == list(found) == ["comparison", *FRAMES]
    for name, (columns, _) in FRAMES.items():
        assert dict(empty[name].schema) == dict(found[name].schema) == columns


def test_slices_have_a_row_a_metric_with_its_interval(full):
    slices = frames_of(full)["slices"]
    row = slices.filter((pl.col("slice") == "city = 'c1'") & (pl.col("metric") == "roc_auc"))
    assert row.select(pl.col("value", "low", "high").round(9), "kind").row(0) == (
        0.51,
        0.41,
        0.61,
        "declared",
    )
    assert slices.filter(pl.col("metric") == "recall")["value"].null_count() > 0


def test_metrics_have_intervals_of_model_and_baselines(full):
    metrics = frames_of(full)["metrics"]
    assert set(metrics["model"]) >= {"gbm", "linear", "prior"}
    assert metrics.filter(pl.col("model") == "gbm")["low"].null_count() < metrics.height


def test_every_figure_with_something_to_draw_is_plotly(full):
    names = gallery.names_of(full)
    assert {"roc", "gain", "slices", "fairness", "importance", "dependence", "abstention"} <= set(
        names
    )
    for name in names:
        assert gallery.figure(full, name).to_plotly_json()["data"]


def test_figure_of_a_chosen_input(full):
    drawn = gallery.draw(full, "dependence", input="input 1")
    assert drawn["layout"]["xaxis"]["title"]["text"] == "input 1"


@pytest.mark.parametrize(
    ("name", "which", "message"),
    [
        ("rok", {}, "there is no figure 'rok'; nearest: 'roc'"),
        ("roc", {"output": "chrn"}, "there is no output 'chrn'; nearest: 'churn'"),
        ("dependence", {"input": "input 9"}, "there is no input 'input 9'"),
    ],
)
def test_unknown_names_are_told_with_what_is_there(full, name, which, message):
    with pytest.raises(UsageError, match=message):
        gallery.figure(full, name, **which)


def test_run_without_findings_has_nothing_to_draw_of_slices(summary):
    with pytest.raises(UsageError, match="nothing to draw as 'slices'"):
        gallery.figure(summary, "slices")


def test_notebook_shows_verdict_table_and_what_failed(full):
    text = summary_html(full)
    assert "<table>" in text
    assert "<script>" not in text
    assert "0.04 outside the bound" in text
    assert full._repr_html_() == text
    assert "against" in output_html(full.outputs["churn"])
    assert full.outputs["churn"]._repr_html_() == output_html(full.outputs["churn"])


def test_next_steps_begin_with_failed_checks_and_missed_gates(full):
    steps = next_steps(full)
    assert steps[0].startswith("Try `input_features: {y: number}`:")
    assert "0.04 outside the bound" in steps[1]
    assert any("Look at the 40 rows where" in step for step in steps)


def test_nothing_is_advised_that_no_finding_speaks_for(summary):
    churn = summary.outputs["churn"].model_copy(update={"differences": {}})
    churn = churn.model_copy(update={"sets": {"test": churn.sets["test"]}})
    assert next_steps(summary.model_copy(update={"outputs": {"churn": churn}})) == []


def test_baseline_that_a_check_speaks_of_is_not_said_twice(full):
    worse = (
        full.outputs["churn"]
        .differences["test"][0]
        .model_copy(update={"verdict": "worse", "gain": -0.1})
    )
    churn = full.outputs["churn"].model_copy(update={"differences": {"test": (worse,)}})
    run = full.model_copy(update={"outputs": {"churn": churn}})
    assert any(step.startswith(f"Use `{worse.against}`") for step in next_steps(run))
    check = full.findings.checks[0].model_copy(update={"name": "simpler_model"})
    findings = full.findings.model_copy(update={"checks": (check,)})
    steps = next_steps(run.model_copy(update={"findings": findings}))
    assert not any(step.startswith(f"Use `{worse.against}`") for step in steps)


def test_long_fix_is_left_to_the_check(full):
    check = full.findings.checks[0].model_copy(update={"fix": "input_features: " + "x" * 200})
    findings = full.findings.model_copy(update={"checks": (check,)})
    steps = next_steps(full.model_copy(update={"findings": findings}))
    assert steps[0].endswith("What to change stands beside the check.")
