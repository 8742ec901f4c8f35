"""What the judging commands print: one number a row, one word a thing."""

import json
import re

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(work_folder, config, frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    frame.write_csv("rows.csv")
    (tmp_path / "cases.csv").write_text(
        "scenario,tenure,contract,expect:churn\nkeeps,60,two years,No\nwrong,60,two years,Yes\n"
    )
    judged = {"baselines": ["prior"], "threshold": {"maximize": "f1"}, "scenarios": "cases.csv",
              "protected": ["contract"], "abstain": {"accuracy_at_least": 0.6},
              "gates": [{"baseline": "prior", "not_worse": True}],
              "satisfy": [{"metric": "ece", "at_most": 0.9},
                          {"metric": "training_seconds", "at_most": 500}]}  # fmt: skip
    path = tmp_path / "churn.yaml"
    path.write_text(
        yaml.safe_dump({**config, "data": {"source": "rows.csv"}, "evaluation": judged})
    )
    return ordain.train(path)


def told(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_evaluate_tells_scenarios_and_limits_as_train_does(trained):
    text = told("evaluate", "latest", "-d", "rows.csv")
    assert "limits of `satisfy`" in text
    limits = {one.name: one.passed for one in trained.findings.limits}
    assert limits["`training_seconds` at most 500"]
    warned = json.loads(told("evaluate", "latest", "-d", "rows.csv", "--json"))["warnings"]
    assert "`training_seconds` is not judged: it is of a training" in warned
    assert "1 of 2 scenarios of cases.csv do not hold" in text
    assert "`churn` is 'No', expected 'Yes'" in text


def test_evaluate_tells_ratios_of_fairness_and_what_is_answered(trained):
    text = told("evaluate", "latest", "-d", "rows.csv")
    found = json.loads(told("evaluate", "latest", "-d", "rows.csv", "--json"))["findings"]
    ratio = next(one["ratio"] for one in found["fairness"]["churn"] if one["ratio"])
    assert re.search(r"gap +from +ratio", text)
    assert f"{ratio:.4f}" in text
    assert "answered where sure enough" in text
    assert f"{found['abstained']['churn']['accuracy']:.4f}" in text


def test_a_gate_on_a_baseline_tells_the_gain_that_its_interval_is_of(trained):
    (gate,) = trained.gates
    text = told("train", "churn.yaml")
    assert f"gain {gate.margin:.4f}" in text


def test_rows_that_changed_have_the_number_that_json_gives(trained, config, frame):
    other = {**config, "name": "other", "model_type": "linear", "evaluation": {}}
    other["trainer"] = {}
    ordain.train({**other, "data": {"source": "rows.csv"}})
    found = json.loads(told("compare", "churn", "other", "--json"))["outputs"]["churn"]["flips"][0]
    rows = [one["row"] for one in (*found["examples_better"][:3], *found["examples_worse"][:3])]
    told_rows = re.findall(r"(?:better|worse): row (\d+),", told("compare", "churn", "other"))
    assert [int(row) for row in told_rows] == rows


def test_a_threshold_is_told_to_change_the_answers(trained, config, frame):
    plain = {**config, "name": "plain", "evaluation": {"baselines": False}}
    ordain.train({**plain, "data": {"source": "rows.csv"}})
    (diff,) = json.loads(told("compare", "churn", "plain", "--json"))["diffs"]
    effects = {change["path"]: change["effect"] for change in diff["config"]}
    assert "which rows it calls positive" in effects["evaluation.threshold"]


def test_ways_to_another_answer_carry_the_number_of_the_row(trained):
    (row,) = json.loads(told("explain", "latest", "-d", "rows.csv", "--row", "30", "--json"))[
        "rows"
    ]
    assert row["row"] == 30
    assert row["counterfactuals"]
    assert {one["row"] for one in row["counterfactuals"]} == {30}
    assert row["threshold"] != 0.5
    text = told("explain", "latest", "-d", "rows.csv", "--row", "30")
    assert f"Yes from {row['threshold']:.3f} of its own on" in text
    assert "this row" in text


def test_nothing_to_change_is_not_told_as_nothing_found(trained):
    text = told("explain", "latest", "-d", "rows.csv", "--row", "30",
                "--immutable", "tenure,contract,charges")  # fmt: skip
    assert "no change of up to four" not in text


def test_a_row_is_asked_again_with_other_values(trained):
    ask = ("explain", "latest", "-d", "rows.csv", "--row", "30", "--neighbours", "0")
    rows = pl.read_csv("rows.csv")
    changed = rows[30].with_columns(tenure=pl.lit(60), contract=pl.lit("two years"))
    expected = trained.model().predict(changed)
    text = told(*ask, "--set", "tenure=60", "--set", "contract=two years")
    assert re.search(r"what if `tenure` [\d-]+ -> 60, `contract` .* -> two years: churn is", text)
    assert f"(probability {expected['churn_probability'][0]:.3f})" in text
    found = ordain.explain("latest", rows, row=30, changes={"tenure": 60, "contract": "Mars"})
    assert found.what_if["after"].to_list() == [found.rows[0].what_if.after]
    assert any("did not occur in training, such as 'Mars'" in note for note in found.notes)
    missing = told(*ask, "--set", "tenure=")
    assert "-> -: churn is" in missing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("tenur=3", "`tenur` is no input of the model; nearest: `tenure`"),
        ("tenure=long", "'long' is no value for `tenure`, which holds numbers"),
        ("tenure", "--set INPUT=VALUE"),
    ],
)
def test_a_change_that_cannot_be_is_refused(trained, change, message):
    done = CliRunner().invoke(
        app, ["explain", "latest", "-d", "rows.csv", "--row", "3", "--set", change]
    )
    assert message in str(done.exception)


def test_points_of_the_score_are_plain_and_advice_fits_what_failed(trained):
    text = told("score", "latest", "--by-hand", "privacy=no names")
    assert "0.0000" not in text
    advice = dict(re.findall(r"^  (\w+): (.*)$", text, flags=re.MULTILINE))
    assert advice["feature_code"].startswith("mend the model or the scenarios")
    assert advice["slices"] == "evaluation: {slices: [column, auto]}"
    assert "privacy" not in advice


def test_a_row_without_an_answer_is_told_as_not_answered(trained):
    given = pl.read_csv("rows.csv")
    unsure = trained.model().predict(given)["churn_is_answered"].arg_min()
    decided = trained.findings.decided["churn"].decision
    steps = ordain.trace("latest", given, row=unsure).frame.filter(pl.col("step") == "answered")
    assert decided.answer_from is not None
    answers = trained.model().predict(given)["churn_is_answered"]
    assert steps["value"].to_list() == [str(answers[unsure])]
