"""Cross-validation: the folds of every variant, one after the other or side by side."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.config import Config
from ordain.core.events import Event, Events
from ordain.pipeline.cache import Cache
from ordain.pipeline.fold_process import FoldProcesses, open_variant
from ordain.pipeline.fold_summary import FoldMetrics, spread, summarize
from ordain.pipeline.folds import _prepare, cross_validate, fold_request
from ordain.pipeline.inputs import Given
from ordain.pipeline.opening import Opened, open_config
from ordain.pipeline.requests import fit_request
from ordain.pipeline.stages import Stages
from ordain.store.runs import Runs

pytestmark = pytest.mark.slow

Plain = dict[str, Any]


def _opened(
    config: Plain, frame: pl.DataFrame, home: Path, seen: list[Event] | None = None
) -> tuple[Opened, Stages]:
    events = Events(seen.append) if seen is not None else Events()
    stages = Stages(Cache(home / "cache"), events)
    return open_config(stages, Config.load(config), Given(frame)), stages


def _with_folds(config: Plain, **split: Any) -> Plain:
    split = {"type": "random", "k_fold": 2, **split}
    return {**config, "evaluation": {"baselines": ["prior"]}, "preprocessing": {"split": split}}


def test_folds_side_by_side_give_the_numbers_of_one_after_the_other(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    found = {}
    seen: list[Event] = []
    for n_workers in (1, 2):
        home = tmp_path / str(n_workers)
        opened, stages = _opened(_with_folds(config), frame, home, seen)
        judged = cross_validate(
            opened.blueprint, stages, checkpoints=home / "checkpoints", n_workers=n_workers
        )
        assert judged is not None
        found[n_workers] = judged.to_json()
        assert stages.cache.find(fold_request(opened.blueprint, 1, 2)) is not None
    assert found[1] == found[2]
    told = {event.data["task"] for event in seen if event.kind == "progress"}
    assert {"fold 1", "fold 2", "folds"} <= told


def test_a_fold_process_asks_for_the_model_that_the_training_would(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    opened, stages = _opened(_with_folds(config), frame, tmp_path)
    blueprint = opened.blueprint
    fold = _prepare(blueprint, stages, 0, tmp_path / "checkpoints")
    processes = FoldProcesses(stages, blueprint.documents, n_threads=1)
    task = processes.task(0, fold.prepared, fold.split_key, fold.checkpoints)
    for name in blueprint.documents:
        document, prepared = open_variant(stages.cache, json.loads(json.dumps(task)), name)
        keys = {n: item.key for n, item in prepared.encoded.items()}
        theirs = fit_request(document, keys, n_threads=1)
        ours = fit_request(blueprint.documents[name], keys, n_threads=1)
        assert theirs.key == ours.key
        assert prepared.problem == fold.prepared[name].problem


def test_repeats_deal_the_rows_anew(config: Plain, frame: pl.DataFrame, tmp_path: Path) -> None:
    opened, stages = _opened(_with_folds(config, repeats=2), frame, tmp_path)
    judged = cross_validate(opened.blueprint, stages, checkpoints=tmp_path / "c", n_workers=1)
    assert judged is not None
    values = judged.metrics["churn"]["roc_auc"]["folds"]
    assert len(set(values)) == 4
    assert "Over 2 folds, 2 times:" in judged.verdict["churn"]


def test_repeats_without_folds_are_a_fault() -> None:
    document = {
        "input_features": ["a"],
        "output_features": {"b": "binary"},
        "preprocessing": {"split": {"type": "random", "repeats": 3}},
    }
    (fault,) = ordain.check(document)
    assert fault.message == "`repeats` has no meaning without `k_fold`"


def test_the_verdict_speaks_of_the_folds(config: Plain, frame: pl.DataFrame) -> None:
    result = ordain.train(_with_folds(config), frame)
    assert "Over 2 folds: roc_auc " in result.verdict
    assert "ahead of `prior` in 2 of 2" in result.verdict
    printed = result.to_json()
    assert printed["cross_validation_verdict"]["churn"] in result.verdict
    low, high = printed["cross_validation"]["churn"]["roc_auc"]["interval"]
    assert low < printed["cross_validation"]["churn"]["roc_auc"]["mean"] < high
    assert printed["cross_validation_baselines"]["prior"]["churn"]["roc_auc"]["mean"] == 0.5
    assert "over 2 trained folds" in result.report.read_text(encoding="utf-8")


def test_a_failing_fold_says_which_and_why(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    opened, stages = _opened(_with_folds(config), frame, tmp_path)
    fold = _prepare(opened.blueprint, stages, 0, tmp_path / "checkpoints")
    with FoldProcesses(stages, opened.blueprint.documents, n_threads=1) as processes:
        processes.start(0, fold.prepared, "no such split", fold.checkpoints)
        with pytest.raises(ordain.StoreError, match=r"fold 1: .*split\.json: No such file"):
            list(processes.finished(at_most=0))


def test_a_fold_that_the_system_ended_is_learned_again(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    seen: list[Event] = []
    opened, stages = _opened(_with_folds(config), frame, tmp_path, seen)
    fold = _prepare(opened.blueprint, stages, 0, tmp_path / "checkpoints")
    with FoldProcesses(stages, opened.blueprint.documents, n_threads=1) as processes:
        processes.start(0, fold.prepared, fold.split_key, fold.checkpoints)
        processes._children[0].process.kill()
        ((number, learned),) = processes.finished(at_most=0)
    assert number == 0
    assert set(learned) == {"model", "prior"}
    assert [event.data["code"] for event in seen if event.kind == "warning"] == ["W608"]


def test_a_fold_that_is_ended_twice_says_so(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    opened, stages = _opened(_with_folds(config), frame, tmp_path)
    fold = _prepare(opened.blueprint, stages, 0, tmp_path / "checkpoints")
    with FoldProcesses(stages, opened.blueprint.documents, n_threads=1) as processes:
        processes.start(0, fold.prepared, fold.split_key, fold.checkpoints)
        processes._children[0].process.kill()
        processes._retried.add(0)
        with pytest.raises(ordain.TrainingError, match="fold 1 ended with code -9"):
            list(processes.finished(at_most=0))


def test_no_process_outlives_its_training(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    opened, stages = _opened(_with_folds(config), frame, tmp_path)
    fold = _prepare(opened.blueprint, stages, 0, tmp_path / "checkpoints")
    with FoldProcesses(stages, opened.blueprint.documents, n_threads=1) as processes:
        processes.start(0, fold.prepared, fold.split_key, fold.checkpoints)
        process = processes._children[0].process
        stages.stop.set()
        assert list(processes.finished(at_most=0)) == []
    assert process.returncode is not None


def test_interrupted_folds_go_on_where_they_were(
    config: Plain, frame: pl.DataFrame, tmp_path: Path, work_folder: Path
) -> None:
    frame.write_csv(tmp_path / "churn.csv")
    keys = {**_with_folds(config, k_fold=20, repeats=20), "data": {"source": "churn.csv"}}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(keys), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "ordain.cli.main", "train", str(path), "-q"],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(work_folder.glob("cache/fit/*")):
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Interrupted: all but the rest of the folds is learned." in said
    (run,) = Runs(work_folder).all()
    assert run.status["state"] == "interrupted"


def test_interval_of_the_mean_is_wider_than_independent_folds_would_make_it() -> None:
    found = spread([0.80, 0.82, 0.84, 0.86, 0.88], n_folds=5)
    # scipy.stats.t.ppf(0.975, 4) = 2.776445; sd = 0.0316228; sqrt(1/5 + 1/4) = 0.6708204
    assert found["interval"] == pytest.approx([0.84 - 0.0588972, 0.84 + 0.0588972], abs=1e-6)


def test_interval_ends_where_the_metric_does() -> None:
    folds = [
        FoldMetrics({"y": {"model": {"f1": value}}}, {"y": "f1"}, {"y": {"f1": True}})
        for value in (0.0, 1.0, 0.5)
    ]
    judged = summarize(folds, n_folds=3)
    assert judged.metrics["y"]["f1"]["interval"] == [0.0, 1.0]
    assert judged.verdict["y"] == "Over 3 folds: f1 0.5000 ± 0.5000 from fold to fold."


def test_worse_than_a_baseline_in_every_fold_is_said() -> None:
    folds = [
        FoldMetrics(
            {"y": {"model": {"mae": 2.0 + shift}, "prior": {"mae": 1.0 + 2 * shift}}},
            {"y": "mae"},
            {"y": {"mae": False}},
        )
        for shift in (0.0, 0.01, 0.02)
    ]
    verdict = summarize(folds, n_folds=3).verdict["y"]
    assert "ahead of `prior` in 0 of 3" in verdict
    assert verdict.endswith("): worse.")


def test_folds_settle_what_the_config_declares(
    config: Plain, frame: pl.DataFrame, tmp_path: Path
) -> None:
    found = {}
    for threshold in (None, {"maximize": "f1"}):
        keys = _with_folds(config)
        keys["evaluation"] |= {"metrics": ["roc_auc", "f1"], "threshold": threshold}
        opened, stages = _opened(keys, frame, tmp_path / str(len(found)))
        judged = cross_validate(opened.blueprint, stages, checkpoints=tmp_path / "c", n_workers=1)
        assert judged is not None
        found[len(found)] = judged.metrics["churn"]
    assert found[0]["roc_auc"] == found[1]["roc_auc"]
    assert found[0]["f1"] != found[1]["f1"]


def test_a_metric_that_has_keys_is_summarized_by_the_keys_it_was_given() -> None:
    folds = [
        FoldMetrics({"y": {"model": {"price": value}}}, {"y": "price"}, {"y": {"price": False}})
        for value in (0.1, 4.0, 0.2)
    ]
    chosen = [{"type": "cost", "name": "price", "cost_matrix": {"FN": 50, "FP": 5}}]
    found = summarize(folds, n_folds=3, chosen=chosen).metrics["y"]["price"]
    assert found["mean"] == pytest.approx(4.3 / 3)
    assert found["interval"][0] == 0.0, "no price is below zero"
