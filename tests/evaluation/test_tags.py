"""Slices by tag: a file of keys and tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import DataError
from ordain.evaluation.slices.tags import cut_tags

ROWS = pl.DataFrame({"id": [1, 2, 3, 4], "place": ["a", "b", "a", "b"]})


def test_each_tag_is_a_slice_of_the_rows_with_its_keys() -> None:
    tags = pl.DataFrame({"id": ["2", "4", "4", "9"], "tag": ["odd", "odd", "new", "gone"]})
    cuts = cut_tags(ROWS, tags, file="t.csv")
    assert [cut.name for cut in cuts] == ["tag = odd", "tag = new", "tag = gone"]
    assert cuts[0].rows.tolist() == [False, True, False, True]
    assert cuts[2].rows.sum() == 0


def test_several_key_columns_must_all_fit() -> None:
    tags = pl.DataFrame({"id": [1, 2], "place": ["a", "a"], "tag": ["x", "x"]})
    (cut,) = cut_tags(ROWS, tags, file="t.csv", group="by hand")
    assert cut.name == "by hand = x"
    assert cut.rows.tolist() == [True, False, False, False]


def test_file_without_tags_or_keys_is_refused() -> None:
    with pytest.raises(DataError, match="Fix: give it a column `tag`, and columns of the data"):
        cut_tags(ROWS, pl.DataFrame({"id": [1], "label": ["x"]}), file="t.csv")
    with pytest.raises(DataError, match=r"t\.csv has the columns key, tag"):
        cut_tags(ROWS, pl.DataFrame({"key": [1], "tag": ["x"]}), file="t.csv")


def test_config_names_a_file_of_tags(
    config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path
) -> None:
    rows = frame.with_row_index("id")
    rows.select("id").head(200).with_columns(tag=pl.lit("first")).write_csv(tmp_path / "t.csv")
    keys = {
        **config,
        "input_features": {"tenure": "number", "contract": "category"},
        "evaluation": {"slices": [{"tags": str(tmp_path / "t.csv")}], "baselines": False},
    }
    result = ordain.train(keys, rows)
    (found,) = result.findings.slices["churn"]
    assert found.name == "tag = first"
    assert 0 < found.share < 1
