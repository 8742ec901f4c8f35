from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import ordain
from ordain.core.errors import UsageError
from ordain.core.files import try_lock
from ordain.store import bundle
from ordain.store.runs import Runs

pytestmark = pytest.mark.slow


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


TRAINERS: dict[str, dict[str, Any]] = {
    "gbm": {"num_boost_round": 3000, "early_stop": -1, "learning_rate": 0.01},
    "neural": {"epochs": 30},
}


@dataclass
class Whole:
    """A config file, and the bundle of its training when nothing stops it."""

    path: Path
    bundle: Path


@pytest.fixture(scope="module", params=TRAINERS)
def whole(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    churn_config: dict[str, Any],
    large: pl.DataFrame,
) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    large.write_csv(folder / "rows.csv")
    document = {
        **churn_config,
        "data": {"source": str(folder / "rows.csv")},
        "model_type": request.param,
        "trainer": TRAINERS[request.param],
    }
    path = folder / "churn.yaml"
    path.write_text(yaml.safe_dump(document))
    return Whole(path, ordain.train(path, home=folder / "home").bundle)


@pytest.mark.parametrize("n_epochs", [1, 4])
def test_killed_run_resumes_to_the_same_bytes(
    whole: Whole, n_epochs: int, work_folder: Path
) -> None:
    process = subprocess.Popen(_training(whole), stdout=subprocess.DEVNULL)
    _wait_for_epochs(n_epochs, process, work_folder)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (run,) = Runs(work_folder).all()
    assert run.status["state"] == "interrupted"
    resumed = ordain.resume(run.reference)
    assert bundle.content(resumed.bundle) == bundle.content(whole.bundle)


def test_interrupted_run_ends_cleanly_and_goes_on(
    whole: Whole, large: pl.DataFrame, work_folder: Path
) -> None:
    process = subprocess.Popen(
        _training(whole), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _wait_for_epochs(3, process, work_folder)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted: these are the best weights so far" in out
    (run,) = Runs(work_folder).all()
    assert run.status["state"] == "interrupted"
    assert ordain.load(run.bundle).predict(large).height == large.height
    resumed = ordain.resume(run.reference)
    assert bundle.content(resumed.bundle) == bundle.content(whole.bundle)


def _training(whole: Whole) -> list[str]:
    return [sys.executable, "-m", "ordain.cli.main", "train", str(whole.path), "-q"]


def _wait_for_epochs(n_epochs: int, process: subprocess.Popen[Any], home: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        logs = list(home.glob("runs/*/*/events.jsonl"))
        if logs and logs[0].read_text().count('"kind": "epoch"') >= n_epochs:
            break
        time.sleep(0.01)
    assert process.poll() is None, "the run was over before it could be stopped"


def test_run_at_work_is_not_resumed_twice(
    config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    run = ordain.train(config, tmp_path / "rows.csv").run
    with pytest.raises(UsageError, match="is finished; there is nothing to resume"):
        ordain.resume(run.reference)
    run.update(state="interrupted")
    with try_lock(run.folder / "lock"), pytest.raises(UsageError, match="by another process"):
        ordain.resume(run.reference)
    assert ordain.resume(run.reference).run.status["state"] == "finished"
