"""Rows that exported models are trained on, and how far two tables of predictions are apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

Trained = Callable[..., Path]


def customers(n_rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """Return rows of every type a column may be stored as, with gaps and quotes."""
    random = np.random.default_rng(seed)
    tenure = random.integers(0, 72, n_rows)
    charges = np.round(random.normal(60, 20, n_rows), 2)
    contract = random.choice(["month", "year", 'it\'s two "years"'], n_rows, p=[0.5, 0.3, 0.2])
    region = random.choice([10, 20, 30], n_rows)
    odds = 1.5 - 0.06 * tenure + (contract == "month") * 1.5 + (charges - 60) / 40 + (region == 20)
    left = random.random(n_rows) < 1 / (1 + np.exp(-odds))
    gap = pl.Series(random.random(n_rows) < 0.07)
    return pl.DataFrame(
        {
            "tenure": tenure,
            "charges": pl.Series(charges).set(gap, None),
            "contract": pl.Series(contract).set(gap.shuffle(seed=1), None),
            "région": region,
            "senior": pl.Series(random.random(n_rows) < 0.3).set(gap.shuffle(seed=2), None),
            "paper": random.choice(["Yes", "no"], n_rows),
            "churn": np.where(left, "Yes", "No"),
            "size": np.where(odds > 1, "large", np.where(odds > -1, "middle", "small")),
            "grade": np.clip(np.round(odds), -1, 1).astype(np.int64),
            "price": np.round(odds * 20 + 50 + random.normal(0, 1, n_rows), 3),
        }
    )


INPUTS: dict[str, Any] = {
    "tenure": "number",
    "charges": "number",
    "contract": "category",
    "région": "category",
    "senior": "binary",
    "paper": "binary",
}
TRAINERS: dict[str, dict[str, Any]] = {"gbm": {"num_boost_round": 25}, "neural": {"epochs": 2}}


def document(family: str, output: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "name": f"{family}_{output}",
        "input_features": INPUTS,
        "output_features": {output: kind},
        "model_type": family,
        "trainer": TRAINERS.get(family, {}),
        "evaluation": {"baselines": False, "checks": False},
        **more,
    }


def largest(own: pl.DataFrame, found: pl.DataFrame) -> float:
    """Return the largest difference of numbers; labels must be equal."""
    assert own.height == found.height
    worst = 0.0
    for name in own.columns:
        if own[name].dtype.is_float():
            off = np.abs(own[name].to_numpy() - found[name].to_numpy()) / (
                1 + np.abs(own[name].to_numpy())
            )
            assert not np.isnan(off).any(), name
            worst = max(worst, float(off.max(initial=0.0)))
        else:
            assert own[name].to_list() == found[name].cast(own[name].dtype).to_list(), name
    return worst
