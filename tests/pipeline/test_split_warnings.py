"""What a run says of its split: repeated rows, sets unlike training, folds in time."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.files import read_json


def warned(result: Any, part: str) -> list[str]:
    return [message for message in result.warnings if part in message]


def test_rows_that_stand_in_two_sets_are_warned_of(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    result = ordain.train(config, pl.concat([frame, frame.head(100)]))
    (message,) = warned(result, "rows of test")
    assert "have the inputs of a training row (row " in message
    assert message.endswith("or keep them in one set with a `group` split")
    assert not warned(ordain.train({**config, "name": "clean"}, frame), "inputs of a training row")


def test_coincidences_of_coarse_inputs_are_not_warned_of(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    other = pl.when(pl.col("churn") == "Yes").then(pl.lit("No")).otherwise(pl.lit("Yes"))
    twins = frame.head(100).with_columns(churn=other)
    result = ordain.train(config, pl.concat([frame, twins]))
    assert not warned(result, "have the inputs of a training row")
    checks = {check.name: check for check in result.findings.checks}
    assert checks["duplicates"].state == "passed"


def test_rows_that_are_equal_by_nature_are_not_warned_of(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    few = {**config, "input_features": {"contract": "category"}}
    assert not warned(ordain.train(few, frame), "inputs of a training row")


def test_set_unlike_training_is_warned_of_by_column(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    ordered = frame.sort("tenure").with_columns(part=pl.Series(["train"] * 300 + ["test"] * 100))
    split = {"preprocessing": {"split": {"type": "fixed", "column": "part"}}}
    result = ordain.train({**config, **split}, ordered)
    (message,) = warned(result, "test is unlike training")
    assert "`tenure` (ks 0.99, by chance at most 0." in message
    assert not warned(ordain.train({**config, "name": "even"}, frame), "is unlike training")


def test_drift_of_the_column_a_split_goes_by_is_not_warned_of(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    split = {"preprocessing": {"split": {"type": "datetime", "column": "tenure"}}}
    result = ordain.train({**config, **split}, frame)
    assert not any("`tenure` (ks" in message for message in warned(result, "is unlike training"))


def test_folds_in_time_are_learned_and_judged(config: dict[str, Any], frame: pl.DataFrame) -> None:
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(frame.height)]
    split = {"split": {"type": "datetime", "column": "day", "k_fold": 3, "gap": "2d"}}
    result = ordain.train(
        {**config, "preprocessing": split}, frame.with_columns(day=pl.Series(days))
    )
    folds = read_json(result.run.folder / "metrics.json")["cross_validation"]
    assert folds
    assert result.metrics["test"]["churn"]["roc_auc"] > 0.5


@pytest.mark.parametrize("column", [["churn", "contract"], "churn"])
def test_stratified_by_a_list_in_a_config(
    config: dict[str, Any], frame: pl.DataFrame, column: str | list[str]
) -> None:
    split = {"split": {"type": "random", "stratify": column}}
    result = ordain.train({**config, "preprocessing": split}, frame)
    assert result.metrics["test"]["churn"]["roc_auc"] > 0.5
