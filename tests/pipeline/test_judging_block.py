"""The whole `evaluation` block of one config, from the check before to the findings after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import ConfigError
from ordain.core.files import read_json
from ordain.evaluation.findings import Findings

pytestmark = pytest.mark.slow

CASES = (
    "scenario,tenure,charges,contract,same_as,expect:churn,expect:churn >=\n"
    "new,1,90,month,,Yes,0.5\nold,70,20,two years,,No,\ntwin,1,90,month,new,,\n"
)
BLOCK: dict[str, Any] = {
    "metrics": ["roc_auc", "f1", {"name": "cost", "cost_matrix": {"FN": 50, "FP": 5}}],
    "optimize": "roc_auc",
    "baselines": ["linear"],
    "satisfy": [
        {"metric": "size_bytes", "at_most": 1e8},
        {"metric": "ece", "at_most": 0.5},
    ],
    "slices": [
        {"column": "contract"},
        {"where": "tenure < 6"},
        {"name": "empty", "where": "tenure > 1000"},
        "auto",
    ],
    "protected": ["gender"],
    "threshold": {"minimize": "cost"},
    "intervals": 0.9,
    "abstain": {"confidence_below": 0.55},
    "gates": [
        {"metric": "roc_auc", "at_least": 0.7},
        {"slice": "tenure < 6", "metric": "recall", "at_least": 0.6},
        {"slice": "empty", "metric": "recall", "at_least": 0.6},
        {"baseline": "linear", "better": True},
        {"scenarios": True},
    ],
}


def config(folder: Path, cases: str = CASES, **changes: Any) -> dict[str, Any]:
    (folder / "cases.csv").write_text(cases)
    return {
        "name": "churn",
        "data": {"columns": {"dear": "charges / 10"}},
        "input_features": {"tenure": "number", "contract": "category", "dear": "number"},
        "output_features": {"churn": "binary"},
        "model_type": "gbm",
        "trainer": {"num_boost_round": 20},
        "evaluation": {**BLOCK, "scenarios": str(folder / "cases.csv"), **changes},
    }


@pytest.fixture
def rows(large: pl.DataFrame) -> pl.DataFrame:
    return large.with_columns(gender=pl.Series(["f", "m"] * 2_000))


def test_everything_declared_is_found(tmp_path: Path, rows: pl.DataFrame) -> None:
    result = ordain.train(config(tmp_path), rows)
    found = Findings.model_validate(read_json(result.run.folder / "findings.json"))
    gates = {gate.name: gate for gate in found.gates}
    assert [gate.passed for gate in found.gates] == [True, True, False, False, True]
    assert gates["every scenario holds"].reason == "3 of 3 hold"
    assert not found.is_passed
    assert [limit.passed for limit in found.limits] == [True, True]
    assert found.decided["churn"].threshold is not None
    assert found.abstained["churn"].share < 1
    assert found.covered["churn"].coverage == pytest.approx(0.9, abs=0.04)
    assert {one.group for one in found.slices["churn"]} == {"contract", "tenure < 6", "empty"}
    assert {one.column for one in found.fairness["churn"]} == {"gender"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"slices": [{"where": "tenur < 6"}], "gates": []},
            r"E413 .*names the column `tenur`.*`tenure`\?",
        ),
        ({"protected": ["gendr"]}, r"(?s)E412 .*protected column 'gendr'.*Fix: gender"),
        ({"gates": [{"slice": "tenure < 7", "at_least": 1}]}, r"E322 .*no slice 'tenure < 7'"),
        ({"scenarios": "none.csv"}, r"E414 .*none.csv"),
        ({"threshold": {"maximize": "f11"}}, r"(?s)E204 .*unknown metric 'f11'.*maximize: f1"),
        ({"satisfy": [{"metric": "rmse", "at_most": 1}]}, r"E312 .*'rmse' fits no output"),
    ],
)
def test_what_is_wrong_is_told_before_the_training(
    tmp_path: Path, rows: pl.DataFrame, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        ordain.train(config(tmp_path, **changes), rows)


def test_an_output_whose_type_is_inferred_is_checked_too(
    tmp_path: Path, rows: pl.DataFrame
) -> None:
    keys = config(tmp_path, slices=[], gates=[], satisfy=[], metrics=None, optimize=None)
    keys["output_features"] = ["charges"]
    keys["input_features"] = ["tenure"]
    keys["data"] = {}
    keys["evaluation"] |= {"scenarios": None, "abstain": {"confidence_below": 0.6}}
    keys["evaluation"]["threshold"] = None
    with pytest.raises(ConfigError, match=r"E325 .*`abstain` needs an output with classes"):
        ordain.train(keys, rows.drop_nulls())


def test_derived_columns_are_no_columns_of_a_scenario(tmp_path: Path, rows: pl.DataFrame) -> None:
    with pytest.raises(ConfigError, match=r"E414 .*column `dear` is neither an input"):
        ordain.train(config(tmp_path, "dear,expect:churn\n1,Yes\n"), rows)


def test_a_baseline_is_judged_at_a_threshold_of_its_own(tmp_path: Path, rows: pl.DataFrame) -> None:
    """Beside another model it has the decision, and the metrics, that it has by itself."""
    keys = config(tmp_path, slices=[], gates=[], satisfy=[], scenarios=None, abstain=None)
    keys["evaluation"] |= {"calibration": "platt", "protected": []}
    beside = ordain.train(keys, rows).summary.outputs["churn"]
    keys |= {"model_type": "linear", "trainer": {}}
    alone = ordain.train(keys, rows).summary.outputs["churn"].sets["test"]
    baseline = beside.baselines["linear"]["test"]
    assert baseline.threshold == pytest.approx(alone.threshold)
    assert baseline.metrics == pytest.approx(alone.metrics)
    assert beside.sets["test"].threshold != baseline.threshold


def test_what_calibration_does_to_answers_is_told(tmp_path: Path, rows: pl.DataFrame) -> None:
    keys = config(tmp_path, slices=[], gates=[], satisfy=[], scenarios=None, abstain=None)
    keys["evaluation"] |= {"calibration": "platt", "threshold": None, "protected": []}
    found = ordain.train(keys, rows).findings.calibrated["churn"]
    assert list(found.before) == list(found.after)
    assert {"log_loss", "accuracy", "roc_auc"} <= set(found.before)
