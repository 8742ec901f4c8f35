"""Made tables, the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl


def mixed(n_rows: int, *, numbers: int = 10, categories: int = 9, seed: int = 0) -> pl.DataFrame:
    """Return a table of numbers and categories with some gaps, and a binary target that follows."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    signal = np.zeros(n_rows)
    for index in range(numbers):
        values = random.normal(index, 1 + index, n_rows)
        signal += (values - index) / (1 + index) * (0.9**index)
        columns[f"n{index}"] = pl.Series(np.round(values, 3)).set(
            pl.Series(random.random(n_rows) < 0.02), None
        )
    for index in range(categories):
        codes = random.integers(0, 3 + 5 * index, n_rows)
        signal += (codes % 3 - 1) * 0.3
        columns[f"c{index}"] = pl.Series([f"value {code}" for code in range(3 + 5 * index)]).gather(
            codes
        )
    columns["target"] = pl.Series(np.where(signal + random.normal(0, 1, n_rows) > 0, "yes", "no"))
    return pl.DataFrame(columns)


def config(frame: pl.DataFrame, model_type: str, **keys: object) -> dict[str, object]:
    """Return the config that learns `target` from all other columns."""
    inputs = {
        name: "number" if dtype.is_numeric() else "category"
        for name, dtype in frame.schema.items()
        if name != "target"
    }
    return {
        "name": "bench",
        "input_features": inputs,
        "output_features": {"target": "binary"},
        "model_type": model_type,
        **keys,
    }


def write_csv(frame: pl.DataFrame, folder: Path) -> Path:
    path = folder / "table.csv"
    frame.write_csv(path)
    return path
