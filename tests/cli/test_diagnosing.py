"""The commands that compare, explain and mend runs."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from commands_here import run

TEXT = """\
name: churn
data: {source: churn.csv}
input_features:
  tenure: number  # months
  contract: category
  charges: number
output_features: {churn: binary}
model_type: linear  # plain
evaluation: {baselines: false}
"""


@pytest.fixture
def config(large: pl.DataFrame, tmp_path: Path) -> Path:
    large.head(1000).write_csv(tmp_path / "churn.csv")
    path = tmp_path / "churn.yaml"
    path.write_text(TEXT)
    return path


def trained(config: Path, *more: str) -> str:
    done = run("train", str(config), "--json", *more)
    return str(json.loads(done.stdout.splitlines()[-1])["run"])


@pytest.mark.slow
def test_a_user_goes_from_two_runs_to_a_patched_config(config: Path) -> None:
    first = trained(config)
    second = trained(config, "-o", "trainer.regularization=0.0001")
    shown = run("compare", first, second).stdout
    assert "On 200 rows: the test rows of all runs." in shown
    assert "by roc_auc: " in shown
    assert "trainer.regularization: auto -> 0.0001" in shown
    told = json.loads(run("compare", first, second, "--json").stdout)
    assert [one["run"] for one in told["outputs"]["churn"]["runs"]] == [first, second]
    why = run("why", first, second, "--seeds", "2").stdout
    assert "config" in why
    assert json.loads(run("why", first, second, "--json").stdout)["outputs"]["churn"]["metric"]
    diagnosed = json.loads(run("diagnose", first, "--budget", "30", "--json").stdout)
    assert "10 x the data would make" in json.dumps(diagnosed)
    for file in diagnosed["patches"].values():
        assert "not written" in run("apply-patch", str(config), file, "--dry-run").stdout
    patch = str(config.with_name("family-gbm.yaml"))
    Path(patch).write_text(
        "name: family-gbm\ntitle: trees\nexpected: another kind of model\n"
        "set: [{path: [model_type], value: gbm}]\n"
    )
    assert "learning curve" in run("diagnose", first, "--budget", "30").stdout
    dry = run("apply-patch", str(config), patch, "--dry-run").stdout
    assert "-model_type: linear  # plain\n+model_type: gbm  # plain\n" in dry
    assert config.read_text() == TEXT
    assert "written, no errors" in run("apply-patch", str(config), patch).stdout
    assert config.read_text() == TEXT.replace("linear  # plain", "gbm  # plain")
    assert "says all of 'family-gbm' already" in run("apply-patch", str(config), patch).stdout


def test_bad_input_ends_with_what_to_do(config: Path, tmp_path: Path) -> None:
    assert "there are no runs" in run("diagnose", "nobody", code=2).stderr
    first = trained(config)
    assert "takes two runs or more" in run("compare", first, code=2).stderr
    assert "there is no run 'nobody'" in run("why", first, "nobody", code=2).stderr
    assert "there is no patch" in run("apply-patch", str(config), "none.yaml", code=2).stderr
    error = json.loads(run("compare", first, first, "--json", code=2).stdout)["error"]
    assert "twice" in error["message"]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(
        "name: p\ntitle: t\nexpected: e\nset: [{path: [trainer, regularization], value: -1}]\n"
    )
    told = run("apply-patch", str(config), str(wrong), code=2).stderr
    assert "stays as it was" in told
    assert config.read_text() == TEXT
