"""What people who tried it stumbled over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.pipeline.check import check

Plain = dict[str, Any]


def test_a_mapping_of_columns_is_data(config: Plain, frame: pl.DataFrame) -> None:
    columns = frame.to_dict(as_series=False)
    result = ordain.train(config, columns)
    assert result.metrics == ordain.train(config, frame, force=True).metrics
    assert ordain.check(config, columns) == []


def test_a_list_of_rows_is_data(config: Plain, frame: pl.DataFrame) -> None:
    assert ordain.train(config, frame.to_dicts()).metrics["test"]


def test_columns_of_unlike_length_are_no_table(config: Plain) -> None:
    with pytest.raises(ordain.DataError, match="the rows cannot be read as a table"):
        ordain.train(config, {"tenure": [1, 2], "churn": ["Yes"]})


def test_a_misspelled_key_of_a_row_is_no_missing_value(config: Plain, frame: pl.DataFrame) -> None:
    result = ordain.train(config, frame)
    row = frame.row(0, named=True)
    tenure = row.pop("tenure")
    with pytest.raises(ordain.UsageError, match="no `tenure`, but a key `Tenure`"):
        result.predict_row({**row, "Tenure": tenure})
    assert result.predict_row({**row, "tenure": tenure, "customer": 7})


def test_few_rows_are_told_to_say_little(config: Plain, frame: pl.DataFrame) -> None:
    few = ordain.train(config, frame.head(40))
    (warning,) = [text for text in few.warnings if "say little of other rows" in text]
    assert "only 8 rows judge this model, of `test`" in warning
    assert "by 12 points" in warning
    many = ordain.train(config, frame)
    assert not any("say little" in text for text in many.warnings)


@pytest.mark.slow
@pytest.mark.parametrize(
    "balanced",
    [
        {"preprocessing": {"oversample_minority": 1.0}},
        {"output_features": [{"name": "churn", "type": "binary", "class_weights": "balanced"}]},
    ],
    ids=["oversampled", "weighted"],
)
def test_balancing_the_model_does_not_bend_its_baselines(
    balanced: Plain, config: Plain, frame: pl.DataFrame
) -> None:
    keys = {**config, "evaluation": {"baselines": ["prior"]}}
    plain = ordain.train(keys, frame)
    assert ordain.train({**keys, **balanced}, frame).baselines == plain.baselines


def test_what_reading_found_stands_in_the_events(config: Plain, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f"{i % 70},{'month' if i % 3 else 'year'},{i},{'Yes' if i % 2 else 'No'}" for i in
             range(200)]  # fmt: skip
    lines[100] += ",extra"
    path.write_text("tenure,contract,charges,churn\n" + "\n".join(lines) + "\n", encoding="utf-8")
    source = {"type": "csv", "path": str(path), "ragged": "report"}
    result = ordain.train({**config, "data": {"source": source}})
    text = (result.run.folder / "events.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert events[0]["kind"] == "run_started"
    told = {event["message"] for event in events if event["kind"] == "warning"}
    assert set(result.warnings) & told
    assert any(event.get("stage") == "read" for event in events)
    assert sum(event["kind"] == "run_started" for event in events) == 1


def test_a_plan_names_the_override_that_forces_a_stage(config: Plain, frame: pl.DataFrame) -> None:
    ordain.train(config, frame)
    changed = ordain.Config.load(config, overrides=["trainer.num_boost_round=21"])
    reasons = [step.reason for step in ordain.plan(changed, frame).steps]
    assert "changed: trainer.num_boost_round (-o trainer.num_boost_round=21)" in reasons


def test_a_plan_counts_the_folds_that_are_left(config: Plain, frame: pl.DataFrame) -> None:
    keys = {**config, "preprocessing": {"split": {"type": "random", "k_fold": 3}}}
    assert ordain.plan(keys, frame).steps[-1].reason == "3 are not learned yet"
    ordain.train(keys, frame)
    last = ordain.plan({**keys, "evaluation": {"baselines": ["prior"]}}, frame).steps[-1]
    assert (last.stage, last.subject, last.action) == ("folds", "3 folds", "reuse")


def test_checking_needs_no_work_folder(
    config: Plain, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file stands here", encoding="utf-8")
    monkeypatch.setenv("ORDAIN_HOME", str(occupied))
    assert check(config, frame) == []
    assert [fault.code for fault in check({**config, "input_features": ["tenur"]}, frame)]


def test_an_unfinished_condition_shows_no_foreign_bracket(
    config: Plain, frame: pl.DataFrame
) -> None:
    with pytest.raises(ordain.ConfigError, match="syntax error at its end, where something is"):
        ordain.train({**config, "data": {"where": "tenure > "}}, frame)


def test_judging_the_rows_it_was_made_with_is_told(config: Plain, frame: pl.DataFrame) -> None:
    from ordain.pipeline.evaluate import FAMILIAR, evaluate

    model = ordain.train(config, frame).model()
    assert FAMILIAR in evaluate(model, frame).warnings
    assert FAMILIAR not in evaluate(model, frame.head(300)).warnings


@pytest.mark.slow
def test_folds_leave_the_ordinary_split_as_it_is(config: Plain, frame: pl.DataFrame) -> None:
    plain = ordain.train(config, frame)
    folded = {**config, "preprocessing": {"split": {"type": "random", "k_fold": 2}}}
    plan = ordain.plan(folded, frame)
    assert {step.stage for step in plan.steps if step.action != "reuse"} == {"folds"}
    result = ordain.train(folded, frame)
    assert not result.is_reused
    assert result.metrics == plain.metrics
