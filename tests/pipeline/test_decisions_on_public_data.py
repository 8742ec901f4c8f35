"""What the judge decides, measured on data sets that are public: coverage and calibration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.files import read_json

NAMED = os.environ.get("ORDAIN_BENCH_DATA")
FOLDER = Path(NAMED) if NAMED else Path()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NAMED is None, reason="needs the public data sets"),
]
QUIET = {"baselines": False, "importance": False, "checks": False}


def findings_of(frame: pl.DataFrame, keys: dict[str, Any], **evaluation: Any) -> dict[str, Any]:
    """Return what a training found on its test rows."""
    given = {
        "preprocessing": {"split": {"type": "random", "probabilities": [0.6, 0.2, 0.2]}},
        "evaluation": {**QUIET, **evaluation},
        **keys,
    }
    found: dict[str, Any] = read_json(ordain.train(given, frame).run.folder / "findings.json")
    return found


def adult() -> pl.DataFrame:
    return pl.read_csv(FOLDER / "adult-train.csv")


@pytest.mark.parametrize("family", ["gbm", "linear", "naive_bayes"])
def test_sets_cover_adult(family: str) -> None:
    keys = {"input_features": "all", "output_features": {"income": "binary"}, "model_type": family}
    covered = findings_of(adult(), keys, intervals=0.9)["covered"]["income"]
    assert covered["coverage"] == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("family", ["gbm", "linear", "knn"])
def test_intervals_cover_diamonds(family: str) -> None:
    frame = pl.read_csv(FOLDER / "diamonds.csv")
    keys = {"input_features": "all", "output_features": {"price": "number"}, "model_type": family}
    covered = findings_of(frame, keys, intervals=0.9)["covered"]["price"]
    assert covered["coverage"] == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("family", ["linear", "naive_bayes"])
def test_sets_cover_ag_news(family: str) -> None:
    frame = pl.read_csv(FOLDER / "ag_news.csv")
    keys = {
        "input_features": {"title": "text", "description": "text"},
        "output_features": {"class": "category"},
        "model_type": family,
    }
    covered = findings_of(frame, keys, intervals=0.9)["covered"]["class"]
    assert covered["coverage"] == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("family", ["naive_bayes", "knn"])
def test_calibration_mends_adult(family: str) -> None:
    keys = {"input_features": "all", "output_features": {"income": "binary"}, "model_type": family}
    found = findings_of(adult(), keys)
    before, after = (found["calibrated"]["income"][key] for key in ("before", "after"))
    assert after["ece"] < before["ece"]
    assert after["log_loss"] < before["log_loss"]
    assert after["brier"] <= before["brier"]
