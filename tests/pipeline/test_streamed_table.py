"""A table too large for memory, through the stages."""

from __future__ import annotations

import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.core.events import Events
from ordain.data import open_source
from ordain.features.category import CategoryFeature
from ordain.pipeline.cache import Cache
from ordain.pipeline.stages import Stages, _encode_distinct

NOTHING = {"where": None, "columns": None, "sample": None}


def test_rows_read_in_blocks_are_kept_and_the_blocks_cleared(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{i},t{i % 3}\n" for i in range(5000)))
    stages = Stages(Cache(tmp_path / "cache"), Events())
    expected = stages.read(open_source(str(path)), NOTHING, seed=0)
    stages.profile(expected, ["a"])
    other = Stages(Cache(tmp_path / "other"), Events())
    source = open_source(str(path))
    source.spill_into(tmp_path, from_bytes=1, block_bytes=4096)
    table = other.read(source, NOTHING, seed=0)
    assert table.fingerprint == expected.fingerprint
    assert table.frame.collect().equals(expected.frame.collect())
    assert list((tmp_path / "other" / "scratch").iterdir()) == []


def test_distinct_values_encode_as_all_rows_do():
    rows = pl.Series("c", ["x", None, "y", "x", " z ", "x"] * 50)
    feature = CategoryFeature(missing_value_strategy="keep")
    encoding = feature.fit(rows.head(200), seed=0)
    coded = _encode_distinct(rows.cast(pl.Categorical), feature, encoding)
    assert (coded.values == feature.encode(rows, encoding).values).all()


def test_value_that_cannot_be_used_is_counted_over_all_rows():
    feature = CategoryFeature(missing_value_strategy="error")
    encoding = feature.fit(pl.Series("c", ["x", "y"] * 10), seed=0)
    rows = pl.Series("c", ["x", None, None, "y"]).cast(pl.Categorical)
    with pytest.raises(DataError, match="2 of 4 values are missing"):
        _encode_distinct(rows, feature, encoding)
