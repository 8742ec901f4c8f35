"""The sanity checks of a training, from the config to their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.config import Config
from ordain.core.events import Events
from ordain.evaluation.checks.check import CHECKS, CheckResult
from ordain.pipeline.blueprint import MODEL
from ordain.pipeline.cache import Cache
from ordain.pipeline.checking import check_training
from ordain.pipeline.inputs import Given
from ordain.pipeline.judging import judge_training
from ordain.pipeline.opening import open_config
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import fit, prepare

Answers = dict[str, CheckResult]


def checked(config: dict[str, Any], frame: pl.DataFrame, home: Path) -> Answers:
    stages = Stages(Cache(home / "cache"), Events())
    blueprint = open_config(stages, Config.load(config), Given(frame)).blueprint
    document, table = blueprint.document, blueprint.rows.table
    split, key = stages.split(
        table,
        document.preprocessing.split,
        seed=document.seed,
        required=blueprint.required,
        sets=blueprint.rows.sets,
    )
    prepared = {MODEL: prepare(stages, table, split, split_key=key, document=document)}
    fitted = {
        MODEL: fit(
            stages, prepared[MODEL], document=document, checkpoints=home / "fit", variant=MODEL
        )
    }
    judged = judge_training(blueprint, prepared, fitted)
    found = check_training(
        blueprint,
        prepared,
        fitted,
        judged=judged.outputs,
        encodings=judged.encodings,
        decisions=judged.decisions,
    )
    return {one.name: one for one in found}


@pytest.mark.parametrize(
    "family", ["gbm", "linear", pytest.param("neural", marks=pytest.mark.slow), "naive_bayes"]
)
def test_honest_training_rings_no_alarm(
    family: str, config: dict[str, Any], large: pl.DataFrame, work_folder: Path
) -> None:
    trainer = {"epochs": 3} if family == "neural" else {}
    config = {**config, "model_type": family, "trainer": trainer}
    found = checked(config, large, work_folder)
    assert set(found) >= set(CHECKS.names())
    assert {name for name, one in found.items() if one.state in {"failed", "warned"}} == set()
    assert (found["overfit_batch"].state == "passed") == (family == "neural")
    assert (found["parameters_move"].state == "passed") == (family != "naive_bayes")


def test_planted_leak_is_found(
    config: dict[str, Any], frame: pl.DataFrame, work_folder: Path
) -> None:
    leak = frame.with_columns(closed=pl.col("churn").replace({"Yes": "2024", "No": "open"}))
    config["input_features"]["closed"] = "category"
    found = checked(config, leak, work_folder)["leak"]
    assert found.state == "failed"
    assert "`closed`" in found.reason
    assert "closed" not in found.fix


def test_column_that_is_no_input_may_name_the_entity(
    config: dict[str, Any], large: pl.DataFrame, work_folder: Path
) -> None:
    random = np.random.default_rng(0)
    customer = random.integers(0, 400, large.height)
    left = random.random(400)[customer] > 0.5
    rows = large.with_columns(
        customer=pl.Series([f"c{one}" for one in customer]),
        churn=pl.Series(np.where(left, "Yes", "No")),
    )
    found = checked(config, rows, work_folder)["group_leak"]
    assert found.state == "warned"
    assert found.fix == "preprocessing: {split: {type: group, column: customer}}"
    split = {"preprocessing": {"split": {"type": "group", "column": "customer"}}}
    assert checked({**config, **split}, rows, work_folder)["group_leak"].state == "does not apply"


def test_checks_are_those_asked_for(
    config: dict[str, Any], frame: pl.DataFrame, work_folder: Path
) -> None:
    few = {**config, "evaluation": {"baselines": False, "checks": ["test_size"]}}
    none = {**config, "evaluation": {"baselines": False, "checks": False}}
    assert set(checked(few, frame, work_folder)) == {"test_size"}
    assert checked(none, frame, work_folder) == {}


def test_doubt_of_every_figure_is_said_when_training_ends(
    config: dict[str, Any], large: pl.DataFrame, work_folder: Path
) -> None:
    sums = large.with_columns(total=pl.col("charges") + 2 * pl.col("tenure"))
    del config["input_features"]["charges"]
    config |= {
        "input_features": {"tenure": "number", "total": "number"},
        "output_features": {"charges": "number"},
        "model_type": "linear",
        "trainer": {},
    }
    result = ordain.train(config, sums, home=work_folder)
    (said,) = [warning for warning in result.warnings if "check `leak`" in warning]
    assert "warns: a weighted sum of inputs gives `charges`" in said
    assert "+1 `total`" in said
