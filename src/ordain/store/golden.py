"""Golden rows: a few rows kept in the bundle with the predictions they gave.

They are predicted again when the bundle is loaded, so that another version of a library, another
machine or a mistake in this package that changes answers is found before the first request.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ordain.core.errors import BundleError
from ordain.core.events import Events
from ordain.store.bundle import GOLDEN
from ordain.store.model import Model

N_ROWS = 32
TOLERANCE = 1e-4
_PREFIX = "expected:"


def write_golden(model: Model, rows: pl.DataFrame, folder: Path) -> None:
    """Keep up to 32 rows with their predictions; only the input columns are kept."""
    kept = rows.select(model.input_columns).head(N_ROWS)
    expected = model.predict(kept, events=Events())
    expected = expected.rename({name: _PREFIX + name for name in expected.columns})
    pl.concat([kept, expected], how="horizontal").write_parquet(folder / GOLDEN, statistics=False)


def check_golden(model: Model, folder: Path) -> None:
    """Predict the golden rows again.

    Raises:
        BundleError: an answer differs by more than 1e-4, or another class is predicted.
    """
    golden = pl.read_parquet(folder / GOLDEN)
    if golden.height == 0:
        return
    answers = model.predict(golden, events=Events())
    for name in answers.columns:
        expected, found = golden[_PREFIX + name], answers[name]
        if found.dtype.is_float():
            scale = 1.0 + expected.abs()
            is_off = ((found - expected).abs() / scale > TOLERANCE) | (
                found.is_nan() & ~expected.is_nan()
            )
            is_off = is_off.fill_null(value=False) | (found.is_null() != expected.is_null())
        else:
            is_off = found.ne_missing(expected)  # an answer that is given no more is another one
        if is_off.any():
            row = int(is_off.arg_true()[0])
            raise BundleError(
                f"{folder}: golden row {row} gives `{name}` {found[row]!r}, it gave "
                f"{expected[row]!r} when the bundle was made; the bundle is refused\n"
                "  Fix: install the package versions of its lock.json, or train it again"
            )
