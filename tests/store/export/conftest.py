from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain

sys.path.append(str(Path(__file__).parent))

from exported_rows import Trained, customers


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """Return what trains a document on the customers once, and gives the folder of its bundle."""
    home = tmp_path_factory.mktemp("models")
    known: dict[str, Path] = {}

    def train(config: dict[str, Any], frame: pl.DataFrame | None = None) -> Path:
        key = repr(config)
        if key not in known:
            rows = customers() if frame is None else frame
            known[key] = ordain.train(config, rows, home=home).run.bundle
        return known[key]

    return train


@pytest.fixture(scope="session")
def rows() -> pl.DataFrame:
    """Rows that were not trained on, with a label that never was."""
    fresh = customers(400, seed=9).drop("churn", "size", "grade", "price")
    place = pl.int_range(pl.len())
    contract = pl.when(place % 13 == 0).then(pl.lit("weekly")).otherwise("contract")
    tenure = pl.when(place % 17 == 0).then(None).otherwise("tenure")
    return fresh.with_columns(contract=contract, tenure=tenure)
