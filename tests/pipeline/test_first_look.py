"""What a training's report holds of its own: diagnosis, words, gates in the card, baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.evaluation.report import render_report
from ordain.pipeline.judging import distinct
from ordain.pipeline.visualize import draw, notes_of
from ordain.store.run_summary import read_summary

pytestmark = pytest.mark.slow


@pytest.fixture
def result(config: dict[str, Any], frame: pl.DataFrame) -> ordain.Result:
    gates = [{"metric": "roc_auc", "at_least": 0.999}, {"metric": "latency_ms", "at_most": 1e-9}]
    judged = {**config["evaluation"], "gates": gates}
    return ordain.train({**config, "evaluation": judged}, frame)


@pytest.fixture
def letters() -> pl.DataFrame:
    random = np.random.default_rng(0)
    is_good = random.random(240) < 0.5
    good, bad = ("great lovely fine"), ("awful dreadful poor")
    told = [
        f"{random.choice((good if one else bad).split())} thing number {place % 7}"
        for place, one in enumerate(is_good)
    ]
    return pl.DataFrame({"note": told, "liked": np.where(is_good, "yes", "no")})


def read_letters(letters: pl.DataFrame, **more: Any) -> ordain.Result:
    config = {
        "name": "letters", "input_features": {"note": "text"},
        "output_features": {"liked": "binary"}, "model_type": "linear", **more,
    }  # fmt: skip
    return ordain.train(config, letters)


def test_training_keeps_a_first_look_with_the_sets_and_changes_to_try(
    result: ordain.Result,
) -> None:
    found = read_summary(result.run).diagnosis
    assert found is not None
    assert found.is_first_look
    split = found.outputs["churn"].split
    metric = split.metric
    assert split.values == {
        name: pytest.approx(result.metrics[name]["churn"][metric])
        for name in ("train", "validation", "test")
    }
    patches = [patch for finding in found.findings for patch in finding.patches]
    assert {patch.name for patch in patches} == set(found.diffs)
    assert not found.patches


def test_report_drawn_again_shows_what_diagnose_found(
    tmp_path: Path, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    run = ordain.train({**config, "data": {"source": str(tmp_path / "rows.csv")}}).run
    before = render_report(read_summary(run))
    assert f"<code>ordain diagnose {run.reference}</code>" in before
    ordain.diagnose(run.reference, budget=5)
    again = read_summary(run)
    assert again.diagnosis is not None
    assert not again.diagnosis.is_first_look
    assert "As <code>ordain diagnose</code> measured it" in render_report(again)


def test_card_in_the_bundle_lists_the_gate_that_failed_and_none_that_is_timed(
    result: ordain.Result,
) -> None:
    assert [gate.passed for gate in result.gates] == [False, False]
    card = (result.run.bundle / "README.md").read_text(encoding="utf-8")
    assert "| **not met** | gate | `roc_auc` of `churn` on `test` at least 0.999 |" in card
    assert "latency_ms" not in card
    assert ordain.load(result.run.bundle) is not None


def test_baseline_that_answers_as_another_is_shown_once(letters: pl.DataFrame) -> None:
    assert set(read_letters(letters).baselines) == {"prior"}


def test_baseline_that_is_asked_for_by_name_stays(letters: pl.DataFrame) -> None:
    named = read_letters(letters, evaluation={"baselines": ["prior", "per_group"]})
    assert set(named.baselines) == {"prior", "per_group"}


def test_model_that_answers_as_the_prior_keeps_it_beside_unless_it_is_a_baseline() -> None:
    same = {"test": {"y": np.zeros(4)}}
    scored = {"model": same, "prior": {"test": {"y": np.zeros(4)}}}
    assert distinct(scored) == ["model", "prior"]
    assert distinct(scored, is_baseline=True) == ["model"]


def test_words_of_texts_are_found_and_drawn(letters: pl.DataFrame) -> None:
    summary = read_summary(read_letters(letters).run)
    (found,) = summary.findings.words["liked"].vocabulary
    assert {one.word for one in found.for_it} >= {"great", "lovely", "fine"}
    assert {one.word for one in found.against} >= {"awful", "dreadful", "poor"}
    assert "Words that move the answer" in render_report(summary)


def test_pairs_of_inputs_are_studied(result: ordain.Result) -> None:
    pairs = read_summary(result.run).findings.interactions["churn"]
    assert pairs
    assert all(0 <= one.strength <= 1 for one in pairs)
    assert len(pairs[0].mean) == len(pairs[0].values[0])


def test_plot_of_runs_with_other_test_rows_says_so(
    result: ordain.Result, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    other = ordain.train({**config, "name": "fewer"}, frame.head(200))
    drawn = draw("roc_curves", [result, other])
    assert notes_of(drawn)[0].startswith("Not the same rows: these runs were judged on other data")
    assert "Not the same rows" in drawn["layout"]["title"]["text"]
    assert notes_of(draw("roc_curves", [result, result])) == []


def test_plot_says_what_it_shows(result: ordain.Result) -> None:
    title = draw("roc_curves", result)["layout"]["title"]["text"]
    assert title == "Share of positives found against share of false alarms; a line for each run."
