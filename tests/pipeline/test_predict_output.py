"""Where predictions may be written, and what a missing column is told to be near to."""

from __future__ import annotations

import polars as pl
import pytest

from ordain.core.errors import UsageError
from ordain.pipeline.predict import write_rows
from ordain.store.missing import missing_columns


def test_missing_folder_is_refused_and_not_made(tmp_path):
    path = tmp_path / "none" / "out.csv"
    with pytest.raises(UsageError, match=r"there is no folder '.*none'\n  Fix: mkdir -p"):
        write_rows(pl.DataFrame({"x": [1]}), path)
    assert not path.parent.exists()


def test_only_a_really_near_name_is_offered_for_a_missing_column():
    assert "nearest" not in str(missing_columns(["total"], ["tolls", "tip"]))
    assert "nearest: `totl`" in str(missing_columns(["total"], ["totl"]))
