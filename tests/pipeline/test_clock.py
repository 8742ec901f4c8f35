"""Time, money and energy of a run."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.config.budget import Budget
from ordain.pipeline.clock import Clock, Energy, account, bottleneck, seconds_of, time_shares

Plain = dict[str, Any]


def test_a_stage_within_a_stage_counts_for_the_outer_one() -> None:
    clock = Clock()
    with clock.timed("folds"), clock.timed("train"):
        time.sleep(0.01)
    assert list(clock.seconds) == ["folds"]


def test_the_deadline_is_the_signal_or_the_limit() -> None:
    signal = threading.Event()
    clock = Clock(limit=100.0)
    assert not clock.deadline(signal).is_set()
    clock.earlier = 200.0
    assert clock.deadline(signal).is_over
    signal.set()
    assert Clock().deadline(signal).is_set()
    assert not Clock().deadline(signal).is_over


def test_budget_is_the_sooner_of_time_and_money() -> None:
    assert Budget().limit_seconds is None
    assert Budget(seconds=60).limit_seconds == 60
    assert Budget(cost=1.0, price_per_hour=2.0).limit_seconds == 1800
    assert Budget(seconds=60, cost=1.0, price_per_hour=2.0).limit_seconds == 60


def test_cost_without_a_price_is_a_fault() -> None:
    document = {"input_features": ["a"], "output_features": {"b": "binary"}, "budget": {"cost": 1}}
    (fault,) = ordain.check(document)
    assert fault.code == "E210"
    assert "`cost` needs `price_per_hour` beside it" in fault.message


@pytest.mark.slow
def test_learning_ends_when_the_budget_is_spent(config: Plain, large: pl.DataFrame) -> None:
    keys = {
        **config,
        "trainer": {"num_boost_round": 100_000, "early_stop": 0},
        "budget": {"seconds": 1.5},
    }
    result = ordain.train(keys, large)
    assert result.facts["stop_reason"] == "time_budget"
    assert 1.5 < result.account["seconds"] < 15
    assert any("the budget of 1.5 s was spent" in warning for warning in result.warnings)
    assert result.run.status["state"] == "finished"


def test_another_budget_is_another_run_with_the_same_model(
    config: Plain, frame: pl.DataFrame
) -> None:
    first = ordain.train(config, frame)
    second = ordain.train({**config, "budget": {"seconds": 500}}, frame)
    assert not second.is_reused
    assert second.rows_per_second is None, "the fit came from the cache"
    assert second.metrics == first.metrics


def test_a_price_changes_no_run_and_costs_are_told(config: Plain, frame: pl.DataFrame) -> None:
    priced = {**config, "budget": {"price_per_hour": 3600.0}}
    result = ordain.train(priced, frame)
    assert result.account["cost"] == pytest.approx(result.account["seconds"], abs=2e-3)
    assert ordain.train(config, frame).is_reused
    plan = ordain.plan({**priced, "trainer": {"num_boost_round": 21}}, frame)
    assert plan.estimate.cost == pytest.approx(plan.estimate.seconds)


def test_no_cost_is_made_up(config: Plain, frame: pl.DataFrame) -> None:
    assert "cost" not in ordain.train(config, frame).account
    plan = ordain.plan({**config, "trainer": {"num_boost_round": 21}}, frame)
    assert plan.estimate.cost is None


def test_seconds_of_a_killed_stretch_count(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [("run_started", 10.0), ("read", 9.0), ("epoch", 14.0)]
    lines += [("run_started", 100.0), ("epoch", 101.5)]
    text = "".join(json.dumps({"kind": kind, "time": at}) + "\n" for kind, at in lines)
    path.write_text(text + '{"kind": "epo', encoding="utf-8")
    assert seconds_of(path) == pytest.approx(5.0 + 1.5)
    assert seconds_of(tmp_path / "none") == 0


def test_bottleneck_names_the_longest_stage_and_what_it_spends() -> None:
    seconds = {"read": 1.0, "train": 3.0}
    assert time_shares(seconds) == {"read": 0.25, "train": 0.75}
    assert bottleneck(seconds) == "The bottleneck is `train`: 3.0 of 4.0 s (75%)."
    within = {"forward": 0.3, "backward": 0.6}
    assert bottleneck(seconds, within).endswith("(75%), of which 60% is backward.")
    assert bottleneck({}) == ""
    assert "a Parquet file is read faster" in bottleneck({"read": 20.0, "train": 3.0})


def test_a_run_tells_its_bottleneck(config: Plain, frame: pl.DataFrame) -> None:
    result = ordain.train(config, frame)
    assert result.bottleneck.startswith("The bottleneck is `")
    assert sum(result.time_shares.values()) == pytest.approx(1, abs=1e-3)
    assert "The bottleneck is" in result.report.read_text(encoding="utf-8")


def _zone(root: Path, name: str, count: int) -> None:
    (root / name).mkdir(exist_ok=True)
    (root / name / "energy_uj").write_text(f"{count}\n", encoding="ascii")
    (root / name / "max_energy_range_uj").write_text("10000000\n", encoding="ascii")


def test_energy_is_counted_over_packages_and_past_the_counter_s_end(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", 9_000_000)
    _zone(tmp_path, "intel-rapl:0:0", 1)
    energy = Energy(tmp_path)
    _zone(tmp_path, "intel-rapl:0", 1_000_000)
    assert energy.joules() == pytest.approx(2.0)


def test_no_energy_is_claimed_where_none_is_measured(tmp_path: Path) -> None:
    assert Energy(tmp_path).joules() is None
    assert account(1.0, cost=None, joules=None) == {"seconds": 1.0}
