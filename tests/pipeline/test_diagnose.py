from __future__ import annotations

import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import UsageError
from ordain.core.events import Event
from ordain.evaluation.diagnosis.record import Diagnosis
from ordain.pipeline.relearning import _for_as_many_steps
from ordain.pipeline.reopen import part_of, prepared_of, reopen, stages_of
from ordain.store.home import home
from ordain.store.runs import Runs

pytestmark = pytest.mark.slow


@pytest.fixture
def data(large: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "churn.csv"
    large.head(1500).write_csv(path)
    return path


def written(tmp_path: Path, data: Path, *, more: str = "") -> Path:
    path = tmp_path / "churn.yaml"
    path.write_text(
        f"name: churn\ndata: {{source: {data.name}}}\n"
        "input_features:\n  tenure: number  # months\n  contract: category\n  charges: number\n"
        f"output_features: {{churn: binary}}\n{more}"
    )
    return path


def test_a_run_is_diagnosed_with_patches_that_apply(tmp_path: Path, data: Path) -> None:
    config = written(
        tmp_path, data, more="model_type: gbm\ntrainer: {num_boost_round: 20, num_leaves: 60, "
        "min_data_in_leaf: 2}\nevaluation: {baselines: [linear]}\n"
    )  # fmt: skip
    run = ordain.train(config).run
    heard: list[Event] = []
    found = ordain.diagnose(run.reference, budget=120, listeners=(heard.append,))
    one = found.outputs["churn"]
    assert one.metric == "roc_auc"
    assert one.growth is not None
    assert [p.n_rows for p in one.growth.points if p.seed == 42] == [131, 262, 525, 1050]
    recorded = run.metrics["metrics"]["test"]["churn"]["roc_auc"]
    assert one.growth.points[-1].value == pytest.approx(recorded)
    assert len(one.growth.forecasts) == 2
    assert found.figures.keys() == {
        "where roc_auc of churn is lost",
        "learning curve of churn",
        "damaged rows of churn",
    }
    ahead = found.figures["learning curve of churn"].data[1]
    assert ahead.y[1] - ahead.y[0] == pytest.approx(one.growth.forecasts[0].gain)
    assert one.split.largest == "variance"
    assert any(event.data.get("task") == "growth" for event in heard)
    assert found.patches
    for name, file in found.patches.items():
        applied = ordain.apply_patch(config, file, write=False)
        assert applied.changes, name
        assert "# months" in config.read_text()
        assert found.diffs[name].startswith("--- config.yaml")
    effects = [patch.effect for finding in found.findings for patch in finding.patches]
    assert any(effect is not None for effect in effects)
    tried = [patch for finding in found.findings for patch in finding.patches]
    assert all((patch.effect is None) == bool(patch.unmeasured) for patch in tried)
    kept = Diagnosis.model_validate_json((run.folder / "diagnosis.json").read_text())
    assert kept == found
    assert found.frame["gain"].is_not_null().any()
    before = len(Runs(home()).all())
    assert before == 1


def test_a_window_that_holds_no_more_is_found_stale(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    n_rows = 2000
    day = np.sort(random.integers(0, 1000, n_rows))
    x = random.standard_normal(n_rows)
    # Before the middle of the time the sign was the other one.
    sign = np.where(day < 500, -1.0, 1.0)
    y = np.where(random.random(n_rows) < 1 / (1 + np.exp(-3 * sign * x)), "yes", "no")
    start = date(2020, 1, 1)
    rows = pl.DataFrame({"x": x, "day": [start + timedelta(int(d)) for d in day], "y": y})
    path = tmp_path / "rows.parquet"
    rows.write_parquet(path)
    config = {
        "name": "stale",
        "input_features": {"x": "number"},
        "output_features": {"y": "binary"},
        "model_type": "linear",
        "evaluation": {"baselines": False},
    }
    run = ordain.train(config, path).run
    found = ordain.diagnose(run.reference, budget=60)
    stale = found.outputs["y"].staleness
    assert stale is not None
    assert stale.column == "day"
    assert stale.is_ageing
    values = [window.value for window in stale.windows]
    assert values[0] is not None
    assert values[-1] is not None
    assert values[0] < 0.5 < values[-1]
    finding = next(one for one in found.findings if one.name == "staleness")
    assert finding.patches[0].set[0].value == {"type": "datetime", "column": "day"}
    assert finding.patches[0].measured == (
        "not measured: other rows would learn or judge, so that no rows can judge both"
    )


def test_what_helps_against_typos_is_measured_on_rows_with_typos(
    tmp_path: Path, data: Path
) -> None:
    config = written(tmp_path, data, more="model_type: gbm\nevaluation: {baselines: false}\n")
    found = ordain.diagnose(ordain.train(config).run.reference, budget=60)
    (finding,) = [one for one in found.findings if one.name == "robustness-typos"]
    (patch,) = finding.patches
    assert patch.effect is not None
    assert patch.effect.gain > 0.01
    assert patch.measured.startswith(
        "measured on validation rows with a typo in every text and label: roc_auc better by "
    )


def test_inputs_that_are_useless_one_by_one_are_dropped_together_and_measured_so(
    tmp_path: Path, data: Path
) -> None:
    random = np.random.default_rng(0)
    rows = pl.read_csv(data)
    path = tmp_path / "noisy.csv"
    rows.with_columns(a=random.random(rows.height), b=random.random(rows.height)).write_csv(path)
    config = tmp_path / "noisy.yaml"
    config.write_text(
        f"name: noisy\ndata: {{source: {path.name}}}\n"
        "input_features: {tenure: number, contract: category, a: number, b: number}\n"
        "output_features: {churn: binary}\nmodel_type: gbm\ntrainer: {num_boost_round: 60}\n"
        "evaluation: {baselines: false}\n"
    )
    before = ordain.train(config)
    found = ordain.diagnose(before.run.reference, budget=60)
    (patch,) = [p for f in found.findings for p in f.patches if p.name == "drop-useless-inputs"]
    assert set(patch.remove) == {("input_features", "a"), ("input_features", "b")}
    assert patch.effect is not None
    ordain.apply_patch(config, found.patches[patch.name])
    values = [
        run.metrics["validation"]["churn"]["roc_auc"] for run in (before, ordain.train(config))
    ]
    assert patch.effect.gain == pytest.approx(values[1] - values[0], abs=1e-6)


def test_parts_of_the_rows_take_as_many_steps_as_all(config: dict[str, Any], data: Path) -> None:
    for epochs, expected in ((2, 8), ("auto", "auto")):
        trainer = {"epochs": epochs, "train_steps": None if epochs == 2 else 3}
        settings = {"model_type": "neural", "trainer": trainer, "evaluation": {"baselines": False}}
        run = ordain.train({**config, **settings}, data).run
        stages = stages_of(None, (), seconds=60)
        prepared = prepared_of(reopen(run, stages), stages)
        part = part_of(prepared, np.arange(100))
        assert _for_as_many_steps(part, 0.25).document.trainer.epochs == expected


def test_a_leak_is_to_be_dropped_and_all_inputs_are_listed(tmp_path: Path, data: Path) -> None:
    rows = pl.read_csv(data).with_columns(leak=pl.col("churn") + "!")
    path = tmp_path / "leaky.csv"
    rows.write_csv(path)
    config = tmp_path / "leaky.yaml"
    config.write_text(
        f"data: {{source: {path.name}}}\ninput_features: all\noutput_features: {{churn: binary}}\n"
        "model_type: linear\nevaluation: {baselines: false}\n"
    )
    found = ordain.diagnose(ordain.train(config).run.reference, budget=30)
    finding = found.findings[0]
    assert finding.name == "leak"
    assert "`leak` alone predicts `churn`" in finding.text
    ordain.apply_patch(config, found.patches["drop-leak"])
    names = {one.name for one in ordain.Config.load(config).document.inputs}
    assert names == {"tenure", "contract", "charges"}


def test_a_number_is_diagnosed_and_a_human_ceiling_counts(tmp_path: Path, data: Path) -> None:
    config: dict[str, Any] = {
        "name": "tenure",
        "input_features": {"contract": "category", "charges": "number", "churn": "binary"},
        "output_features": {"tenure": "number"},
        "model_type": "linear",
        "evaluation": {"baselines": False, "metrics": ["mae"], "human": {"mae": 2.0}},
    }
    found = ordain.diagnose(ordain.train(config, data).run.reference, budget=30).outputs["tenure"]
    assert found.noise is None
    assert found.split.largest == "avoidable bias"
    assert found.split.gap("irreducible").size == 2.0  # type: ignore[union-attr]
    bias = next(one for one in found.findings if one.name == "bias")
    assert [patch.name for patch in bias.patches] == ["family-gbm"]


def test_no_time_leaves_out_what_learns_and_says_so(config: dict[str, Any], data: Path) -> None:
    run = ordain.train({**config, "model_type": "linear", "trainer": {}}, data).run
    found = ordain.diagnose(run.reference, budget=0.001)
    assert found.outputs["churn"].split.gaps
    growth = found.outputs["churn"].growth
    assert growth is not None
    assert len(growth.points) == 1
    assert any(line.startswith("learning curve") for line in found.left_out)


def test_what_cannot_be_diagnosed_is_refused(
    config: dict[str, Any], data: Path, frame: pl.DataFrame
) -> None:
    with pytest.raises(UsageError, match="there are no runs"):
        ordain.diagnose("nobody")
    run = ordain.train({**config, "model_type": "linear", "trainer": {}}, frame).run
    with pytest.raises(UsageError, match="was given a data frame, which is not kept"):
        ordain.diagnose(run.reference)
    found = ordain.diagnose(run.reference, data=frame, budget=0.001)
    assert found.notes == ()
    run.bundle.rename(run.folder / "gone")
    run.update(state="failed")
    with pytest.raises(UsageError, match=r"has no bundle: it is failed\n  Fix: train it again"):
        ordain.diagnose(run.reference)


def test_each_of_two_outputs_has_its_own_findings_and_patches(tmp_path: Path, data: Path) -> None:
    rows = pl.read_csv(data).with_columns(rare=pl.col("charges") > 95)
    path = tmp_path / "two.csv"
    rows.write_csv(path)
    config: dict[str, Any] = {
        "name": "two",
        "input_features": {"tenure": "number", "contract": "category"},
        "output_features": {"churn": "binary", "rare": "binary"},
        "model_type": "linear",
        "evaluation": {"baselines": False},
    }
    found = ordain.diagnose(ordain.train(config, path).run.reference, budget=30)
    assert set(found.outputs) == {"churn", "rare"}
    rare = next(one for one in found.findings if one.name == "rare-classes")
    assert rare.output == "rare"
    assert {patch.name for patch in rare.patches} >= {"rare-threshold-for-f1"}
    assert Path(found.patches["rare-threshold-for-f1"]).exists()


def test_an_interrupt_keeps_what_is_done(config: dict[str, Any], data: Path) -> None:
    run = ordain.train({**config, "model_type": "linear", "trainer": {}}, data).run

    def press(event: Event) -> None:
        if event.data.get("task") == "growth" and event.data["done"] == 3:
            signal.raise_signal(signal.SIGINT)

    found = ordain.diagnose(run.reference, listeners=(press,), handle_interrupt=True)
    growth = found.outputs["churn"].growth
    assert growth is not None
    assert len(growth.points) == 3
    assert any(line.startswith("learning curve") for line in found.left_out)
    assert (run.folder / "diagnosis.json").exists()
