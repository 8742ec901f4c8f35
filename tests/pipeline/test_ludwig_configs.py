"""Configs in Ludwig's grammar lead, unchanged, from rows to a trained and judged model."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ordain

FOLDER = Path(__file__).parents[1] / "config" / "ludwig"


def deliveries() -> pl.DataFrame:
    """Return 600 deliveries with their sets: Saturdays test, Fridays validate."""
    random = np.random.default_rng(3)
    n = 600
    distance = random.uniform(0.5, 12, n).round(2)
    rush = random.random(n) < 0.3
    stairs = random.random(n) < 0.4
    return pl.DataFrame(
        {
            "distance": [None if i % 40 == 0 else one for i, one in enumerate(distance)],
            "courier": random.choice(["bike", "car", "foot"], n),
            "note": np.where(stairs, "Fifth floor, no lift!", "Leave it at the door."),
            "rush": np.where(rush, "yes", "no"),
            "part": np.select([np.arange(n) % 7 == 5, np.arange(n) % 7 == 6], [1, 2], 0),
            "minutes": 6 + 4 * distance + 9 * stairs - 5 * rush + random.normal(0, 1, n),
        }
    )


def stays() -> pl.DataFrame:
    """Return 400 admissions; age and way of arrival decide the ward."""
    random = np.random.default_rng(4)
    n = 400
    age = random.integers(0, 95, n)
    arrival = random.choice(["ambulance", "referral", "walk-in"], n)
    ward = np.select([age < 16, arrival == "ambulance"], ["children", "surgery"], "general")
    first = date(2024, 1, 1)
    admitted = [str(first + timedelta(days=int(day))) for day in random.integers(0, 366, n)]
    return pl.DataFrame({"age": age, "arrival": arrival, "admitted": admitted, "ward": ward})


@pytest.mark.slow
def test_a_split_that_stands_in_the_data_is_kept() -> None:
    rows = deliveries()
    result = ordain.train(FOLDER / "delivery.yaml", rows)
    counts = dict(rows["part"].value_counts().rows())
    assert result.summary.split["sizes"] == {
        "train": counts[0],
        "validation": counts[1],
        "test": counts[2],
    }
    assert result.metrics["test"]["minutes"]["r2"] > 0.8
    predicted = ordain.load(result.bundle).predict(rows.drop("minutes", "part").head(3))
    assert predicted.columns == ["minutes_prediction"]


@pytest.mark.slow
def test_folds_are_asked_for_on_the_command_line() -> None:
    config = ordain.Config.load(FOLDER / "wards.yaml", overrides=["preprocessing.split.k_fold=4"])
    result = ordain.train(config, stays())
    assert result.metrics["test"]["ward"]["accuracy"] > 0.85
    folds = result.cross_validation["ward"]["accuracy"]
    assert len(folds["folds"]) == 4
    assert folds["mean"] > 0.9
