"""Frames and configs that tests of several rooms use."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

# The same examples at each run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def churn(n_rows: int = 400, seed: int = 0) -> pl.DataFrame:
    """Return made rows in which short tenure and monthly contracts lead to churn."""
    random = np.random.default_rng(seed)
    tenure = random.integers(0, 72, n_rows)
    contract = random.choice(["month", "year", "two years"], n_rows, p=[0.5, 0.3, 0.2])
    charges = np.round(random.normal(60, 20, n_rows), 2)
    odds = 1.5 - 0.06 * tenure + (contract == "month") * 1.5 + (charges - 60) / 40
    left = random.random(n_rows) < 1 / (1 + np.exp(-odds))
    return pl.DataFrame(
        {
            "tenure": tenure,
            "contract": contract,
            "charges": pl.Series(charges).set(pl.Series(random.random(n_rows) < 0.05), None),
            "churn": pl.Series(np.where(left, "Yes", "No")),
        }
    )


@pytest.fixture
def frame() -> pl.DataFrame:
    return churn()


@pytest.fixture
def large() -> pl.DataFrame:
    return churn(4000)


@pytest.fixture
def config() -> dict[str, Any]:
    return {
        "name": "churn",
        "input_features": {"tenure": "number", "contract": "category", "charges": "number"},
        "output_features": {"churn": "binary"},
        "model_type": "gbm",
        "trainer": {"num_boost_round": 20},
        "evaluation": {"baselines": False},
    }


@pytest.fixture
def work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder of the test's own, which commands and functions use by default."""
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
