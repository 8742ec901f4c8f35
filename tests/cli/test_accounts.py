"""What commands tell of time, money, folds and exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from commands_here import run


@pytest.fixture
def written(config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path) -> Path:
    frame.write_csv(tmp_path / "churn.csv")
    path = tmp_path / "churn.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                **config,
                "data": {"source": "churn.csv"},
                "preprocessing": {"split": {"type": "random", "k_fold": 2}},
                "budget": {"price_per_hour": 36},
            }
        )
    )
    return path


@pytest.mark.slow
def test_folds_costs_and_the_bottleneck_are_printed(written: Path, tmp_path: Path) -> None:
    before = run("plan", str(written)).stdout
    assert "time is not known (no earlier run of `gbm` here)" in before
    said = run("train", str(written), "-q").stdout
    assert "churn over 2 trained folds" in said
    assert "95% interval of the mean" in said
    assert "Over 2 folds: roc_auc" in said
    assert "\ncost    0.0" in said
    assert "The bottleneck is `" in said
    planned = run("plan", str(written), "-o", "trainer.num_boost_round=21").stdout
    assert ", a cost of 0." in planned
    assert "of memory and " in planned
    assert "cost    0.0" in run("runs", "show", "latest").stdout
    exported = json.loads(
        run("runs", "export", "latest", str(tmp_path / "results"), "--json").stdout
    )
    assert {Path(name).name for name in exported["files"]} == {
        "README.md", "config.yaml", "lock.json", "metrics.json", "run.json"
    }  # fmt: skip


def test_made_rows_follow_the_data_that_the_config_names(written: Path, tmp_path: Path) -> None:
    output = tmp_path / "made.csv"
    run("synthesize", str(written), "-n", "200", "--output", str(output))
    made = pl.read_csv(output)
    assert set(made["contract"].drop_nulls()) == {"month", "year", "two years"}
    assert made["tenure"].max() <= 71


def test_rows_are_made_without_the_data_where_it_is_not_there(
    written: Path, tmp_path: Path
) -> None:
    (tmp_path / "churn.csv").unlink()
    done = run("synthesize", str(written), "-n", "5", "--output", str(tmp_path / "made.csv"))
    assert done.stderr.startswith("without the rows: ")
