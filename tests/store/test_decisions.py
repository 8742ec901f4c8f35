"""A bundle's decisions are obeyed by every way to predict, and agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import BundleError
from ordain.pipeline.predict import predict
from ordain.store.decisions import FILE, load_decisions, save_decisions
from ordain.store.loading import load
from ordain.store.model import Model

FAMILIES = ["gbm", "linear", "neural", "naive_bayes", "knn"]


def mixed(n_rows: int = 1_500, seed: int = 0) -> pl.DataFrame:
    """Return rows with a binary, a category of whole numbers, and a number to predict."""
    random = np.random.default_rng(seed)
    tenure = random.integers(0, 72, n_rows)
    kind = random.choice(["a", "b", "c"], n_rows)
    odds = 1.5 - 0.06 * tenure + (kind == "a")
    return pl.DataFrame(
        {
            "tenure": tenure,
            "kind": kind,
            "churn": np.where(random.random(n_rows) < 1 / (1 + np.exp(-odds)), "Yes", "No"),
            "grade": np.clip(np.round(tenure / 24 + random.normal(0, 0.6, n_rows)), 0, 3).astype(
                int
            ),
            "price": np.exp(tenure / 20 + random.normal(0, 0.3, n_rows)),
        }
    )


def config(family: str, **evaluation: Any) -> dict[str, Any]:
    return {
        "name": "mixed",
        "input_features": {"tenure": "number", "kind": "category"},
        "output_features": {"churn": "binary", "grade": "category"}
        | ({} if family == "naive_bayes" else {"price": "number"}),
        "model_type": family,
        "trainer": {"neural": {"epochs": 3}, "gbm": {"num_boost_round": 30}}.get(family, {}),
        "preprocessing": {"split": {"type": "random", "probabilities": [0.5, 0.3, 0.2]}},
        "evaluation": {"baselines": False, "importance": False, "checks": False, **evaluation},
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the run of a family with every decision, trained once a module."""
    home, runs = tmp_path_factory.mktemp("home"), {}

    def of(family: str) -> Any:
        if family not in runs:
            declared = config(
                family,
                calibration="isotonic" if family == "gbm" else "platt",
                intervals=0.9,
                threshold={"maximize": "f1"},
                abstain={"confidence_below": 0.6},
            )
            runs[family] = ordain.train(declared, mixed(), home=str(home))
        return runs[family]

    return of


@pytest.fixture
def model(trained: Any) -> Model:
    found: Model = trained("gbm").model()
    return found


COLUMNS = {
    "churn": ["_prediction", "_probability", "_probability_No", "_probability_Yes", "_set"],
    "price": ["_prediction", "_low", "_high"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_alone_is_answered_as_in_its_frame(family: str, trained: Any) -> None:
    model = trained(family).model()
    rows = mixed(60, seed=9).drop("churn", "grade", "price")
    answers = model.predict(rows)
    for row, expected in zip(rows.to_dicts(), answers.to_dicts(), strict=True):
        alone = model.predict_row(row)
        assert alone.keys() == expected.keys()
        for name, value in expected.items():
            if isinstance(value, float):
                assert alone[name] == pytest.approx(value, rel=1e-4 if family == "neural" else 1e-9)
            else:
                assert alone[name] == value, name


def test_the_columns_and_types_are_those_declared(model: Model) -> None:
    answers = model.predict(mixed(50, seed=3))
    for output, ends in COLUMNS.items():
        assert {output + end for end in ends} <= set(answers.columns)
    assert answers.schema["churn_set"] == pl.List(pl.String)
    assert answers.schema["grade_set"] == pl.List(answers.schema["grade_prediction"])
    assert answers.schema["churn_is_answered"] == pl.Boolean
    assert (answers["price_low"] <= answers["price_high"]).all()


def test_no_answer_is_given_under_the_confidence(model: Model) -> None:
    answers = model.predict(mixed(300, seed=3))
    for output in ("churn", "grade"):
        is_answered = answers[f"{output}_probability"] >= 0.6
        assert is_answered.any()
        assert not is_answered.all()
        assert (answers[f"{output}_is_answered"] == is_answered).all()
        assert (answers[f"{output}_prediction"].is_null() == ~is_answered).all()


def test_sets_hold_the_likeliest_label(model: Model) -> None:
    answers = model.predict(mixed(300, seed=3)).filter("grade_is_answered")
    assert answers.select(pl.col("grade_set").list.contains(pl.col("grade_prediction")))[
        "grade_set"
    ].all()
    assert answers["grade_set"].list.len().max() > 1


def test_a_frame_without_rows_has_the_same_columns(model: Model) -> None:
    rows = mixed(5)
    assert model.predict(rows.head(0)).schema == model.predict(rows).schema


def test_the_threshold_that_was_chosen_is_obeyed(model: Model, trained: Any) -> None:
    threshold = model.encodings["churn"].threshold
    answers = model.predict(mixed(400, seed=5)).filter("churn_is_answered")
    is_yes = answers["churn_probability_Yes"] >= threshold
    assert threshold != 0.5
    assert ((answers["churn_prediction"] == "Yes") == is_yes).all()


@pytest.mark.parametrize("family", ["gbm", "neural"])
def test_a_bundle_is_verified_and_answers_the_same(family: str, trained: Any) -> None:
    run = trained(family)
    model, again = run.model(), load(run.model().path)
    assert again.decisions == model.decisions
    assert again.decisions.keys() == {"churn", "grade", "price"}
    rows = mixed(50, seed=4)
    assert again.predict(rows).equals(model.predict(rows), null_equal=True)


def test_golden_rows_of_lists_and_of_missing_answers_are_compared(
    model: Model, tmp_path: Path
) -> None:
    from ordain.store.golden import check_golden, write_golden

    write_golden(model, mixed(32), tmp_path)
    check_golden(model, tmp_path)
    golden = pl.read_parquet(tmp_path / "golden.parquet")
    for name, change in (
        ("churn_set", pl.concat_list(pl.lit("No"), pl.lit("Yes"), pl.lit("x"))),
        ("churn_prediction", pl.lit("never")),
    ):
        changed = golden.with_columns(change.alias(f"expected:{name}"))
        changed.write_parquet(tmp_path / "golden.parquet")
        with pytest.raises(BundleError, match=f"gives `{name}`"):
            check_golden(model, tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_lists_are_written_to_every_kind_of_file(suffix: str, model: Model, tmp_path: Path) -> None:
    rows = mixed(40, seed=2)
    path = tmp_path / f"answers{suffix}"
    predict(model, rows, path)
    expected = model.predict(rows)
    if suffix == ".csv":
        found = [json.loads(text) for text in pl.read_csv(path)["grade_set"]]
    elif suffix == ".jsonl":
        found = pl.read_ndjson(path)["grade_set"].to_list()
    else:
        found = pl.read_parquet(path)["grade_set"].to_list()
    assert found == expected["grade_set"].to_list()


def test_labels_with_commas_and_quotes_survive_a_csv(tmp_path: Path) -> None:
    from ordain.pipeline.predict import write_rows

    frame = pl.DataFrame({"set": [['a"b', "c, d"], ["é\n"], [], None]})
    write_rows(frame, tmp_path / "a.csv")
    texts = pl.read_csv(tmp_path / "a.csv")["set"].to_list()
    assert [None if text is None else json.loads(text) for text in texts] == frame["set"].to_list()


def test_decisions_read_back_and_empty_ones_leave_no_file(model: Model, tmp_path: Path) -> None:
    save_decisions(tmp_path, model.decisions)
    assert load_decisions(tmp_path) == model.decisions
    save_decisions(tmp_path / "b", {})
    assert load_decisions(tmp_path / "b") == {}


@pytest.mark.parametrize("text", ["[]", '{"churn": {"answer_from": "x"}}', '{"churn": {"a": 1}}'])
def test_damaged_decisions_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BundleError, match="holds no decisions that can be read"):
        load_decisions(tmp_path)


def test_a_model_without_decisions_answers_as_ever(frame: pl.DataFrame) -> None:
    keys = {
        "input_features": {"tenure": "number"},
        "output_features": {"churn": "binary"},
        "model_type": "linear",
        "evaluation": {"baselines": False, "calibration": "none"},
    }
    model = ordain.train(keys, frame).model()
    assert model.decisions == {}
    assert model.path is not None
    assert not (model.path / FILE).exists()
    assert len(model.predict(frame).columns) == 4
