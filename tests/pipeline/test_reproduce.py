from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import ordain
from ordain.core.errors import UsageError
from ordain.store import bundle
from ordain.store.runs import Runs


def test_run_reproduces_its_bytes(
    config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    result = ordain.train(config, tmp_path / "rows.csv")
    verdict = ordain.reproduce(result.run.reference)
    assert verdict.is_same
    assert verdict.text == f"{result.run.reference}: the same, byte for byte."


def test_changed_rows_are_named_as_the_cause(
    config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    result = ordain.train(config, tmp_path / "rows.csv")
    frame.head(300).write_csv(tmp_path / "rows.csv")
    verdict = ordain.reproduce(result.run.reference)
    assert not verdict.is_same
    assert any(cause.startswith("data.rows: 400 -> 300") for cause in verdict.causes)


def test_run_on_a_frame_asks_for_it_again(config: dict[str, Any], frame: pl.DataFrame) -> None:
    result = ordain.train(config, frame)
    with pytest.raises(UsageError, match="was given a data frame, which is not kept"):
        ordain.reproduce(result.run.reference)
    assert ordain.reproduce(result.run.reference, frame).is_same


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gbm", "neural", "linear"])
def test_killed_run_resumes_to_the_same_bytes(
    family: str, config: dict[str, Any], large: pl.DataFrame, tmp_path: Path, work_folder: Path
) -> None:

    large.write_csv(tmp_path / "rows.csv")
    trainer = {"gbm": {"num_boost_round": 400}, "neural": {"epochs": 30}, "linear": {}}[family]
    keys = {
        **config,
        "model_type": family,
        "trainer": trainer,
        "data": {"source": str(tmp_path / "rows.csv")},
    }
    path = tmp_path / "churn.yaml"
    path.write_text(yaml.safe_dump(keys))
    whole = ordain.train(path, home=tmp_path / "whole")
    command = [sys.executable, "-m", "ordain.cli.main", "train", str(path), "-q"]
    for delay in (1.5, 2.2, 3.0):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "2"}
        )
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        runs = Runs(work_folder).all()
        if not runs or runs[0].status["state"] == "finished":
            continue
        assert runs[0].status["state"] == "interrupted"
        resumed = ordain.resume(runs[0].reference)
        assert bundle.content(resumed.bundle) == bundle.content(whole.bundle)
        return
    pytest.skip("the run was over before it could be killed")
