from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import UsageError
from ordain.data import open_source, profile_table, read_table
from ordain.pipeline.synthesize import synthesize

pytestmark = pytest.mark.slow

KINDS = {
    "input_features": {"n": "number", "c": "category", "b": "binary", "t": "text", "d": "date"},
    "output_features": {"y": "binary", "z": "number", "k": "category"},
}


def test_every_column_is_made_and_the_same_again() -> None:
    made = synthesize(KINDS, 50)
    assert set(made.columns) == {"n", "c", "b", "t", "d", "y", "z", "k"}
    assert made.equals(synthesize(KINDS, 50))
    assert not made.equals(synthesize(KINDS, 50, seed=7))


def test_a_model_can_learn_the_outputs(work_folder: Path) -> None:
    keys: dict[str, Any] = {
        "input_features": {"n": "number", "c": "category"}, "output_features": {"y": "binary"},
        "model_type": "gbm", "evaluation": {"baselines": False},
    }  # fmt: skip
    metrics = ordain.train(keys, synthesize(keys, 1500)).metrics["test"]["y"]
    assert metrics["roc_auc"] > 0.6


def test_real_ranges_and_labels_are_kept(config: dict[str, Any], frame: pl.DataFrame) -> None:
    table = read_table(open_source(frame))
    made = synthesize(config, 300, profiles=profile_table(table))
    assert made["tenure"].drop_nulls().is_between(0, 71).all()
    assert set(made["contract"].drop_nulls()) <= {"month", "year", "two years"}
    assert set(made["churn"]) <= {"Yes", "No"}


def test_all_inputs_without_data_is_refused() -> None:
    with pytest.raises(UsageError, match="`input_features: all` names no columns without data"):
        synthesize({"input_features": "all", "output_features": {"y": "binary"}}, 5)
