from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import UsageError
from ordain.store.home import home
from ordain.store.runs import Runs

pytestmark = pytest.mark.slow


@pytest.fixture
def data(large: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "churn.csv"
    large.head(1200).write_csv(path)
    return path


def trained(config: dict[str, Any], data: Any, **more: Any) -> str:
    return ordain.train({**config, "model_type": "linear", "trainer": {}, **more}, data).run.id


def test_a_change_of_the_config_is_laid_at_its_door(config: dict[str, Any], data: Path) -> None:
    first = trained({**config, "input_features": {"contract": "category"}}, data)
    second = trained(config, data)
    found = ordain.why(first, second, n_seeds=2)["churn"]
    assert [share.cause for share in found.shares] == ["config"]
    assert found.change is not None
    assert found.shares[0].gain == pytest.approx(found.change)
    assert found.rest is None
    assert found.noise is not None
    assert found.noise.high == pytest.approx(0, abs=1e-6), "the rows stay, and linear has no chance"
    assert found.paired is not None
    assert found.paired.low < found.change < found.paired.high
    assert "mostly the config" in found.sentence or found.is_noise


def test_shares_of_config_data_and_seed_add_up_to_the_change(
    config: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.csv"
    pl.read_csv(data).with_columns(pl.col("tenure").shuffle(seed=1)).write_csv(other)
    first = trained(config, data)
    second = trained(config, other, seed=5, trainer={"regularization": 0.001})
    found = ordain.why(first, second, n_seeds=1)["churn"]
    assert {share.cause for share in found.shares} == {"config", "data", "seed"}
    assert sum(share.gain for share in found.shares) == pytest.approx(found.change)
    assert found.frame["gain"].sum() == pytest.approx(found.change)
    assert found.sentence in unescape(found._repr_html_())
    assert len(found.trained) == 8
    largest = min(found.shares, key=lambda share: share.gain)
    assert largest.cause == "data"
    assert "mostly the data" in found.sentence


def test_a_sample_of_the_rows_is_a_cause_of_the_data(config: dict[str, Any], data: Path) -> None:
    first = trained(config, str(data))
    second = trained({**config, "data": {"sample": 0.5}}, str(data))
    found = ordain.why(first, second, n_seeds=1)["churn"]
    assert [share.cause for share in found.shares] == ["data"]
    assert found.shares[0].gain == pytest.approx(found.change)
    assert any("data.sample" in told for told in found.shares[0].what)


def test_another_seed_alone_is_called_noise(config: dict[str, Any], data: Path) -> None:
    first, second = trained(config, data), trained(config, data, seed=9)
    found = ordain.why(first, second)["churn"]
    assert [share.cause for share in found.shares] == ["seed"]
    assert found.is_noise
    assert "within what another seed alone changes" in found.sentence


def test_what_cannot_be_trained_again_is_told(config: dict[str, Any], data: Path) -> None:
    first, second = trained(config, data), trained(config, data, seed=9)
    from ordain.core.files import read_json, write_json

    lock = Runs(home()).find(first).folder / "lock.json"
    known = read_json(lock)
    known["packages"]["numpy"] = "0.1"
    write_json(lock, known)
    found = ordain.why(first, second, n_seeds=1)["churn"]
    assert any("packages: packages.numpy: 0.1 -> " in line for line in found.cannot)


def test_no_budget_says_what_was_left_out(config: dict[str, Any], data: Path) -> None:
    first, second = trained(config, data), trained(config, data, trainer={"regularization": 0.001})
    found = ordain.why(first, second, budget=0.001)["churn"]
    assert found.shares == ()
    assert found.left_out
    assert "too short to say why" in found.sentence


def test_rows_that_were_overwritten_come_from_the_cache(config: dict[str, Any], data: Path) -> None:
    first = trained(config, data)
    pl.read_csv(data).with_columns(pl.col("tenure").shuffle(seed=1)).write_csv(data)
    second = trained(config, data)
    found = ordain.why(first, second, n_seeds=1)["churn"]
    assert [share.cause for share in found.shares] == ["data"]
    assert found.change is not None
    assert found.shares[0].gain == pytest.approx(found.change)


def test_one_run_twice_or_other_outputs_are_refused(config: dict[str, Any], data: Path) -> None:
    first = trained(config, data)
    with pytest.raises(UsageError, match="both name the run"):
        ordain.why(first, first)
    charges = {"input_features": {"tenure": "number"}, "output_features": {"charges": "number"}}
    second = trained({**config, **charges}, data)
    with pytest.raises(UsageError, match="no output in common"):
        ordain.why(first, second)
