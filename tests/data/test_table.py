import numpy as np
import polars as pl
import pytest

from ordain.data import table as module
from ordain.data.table import ReadReport, Table


def table_of(frame: pl.LazyFrame, n_rows: int) -> Table:
    return Table(frame, "print", n_rows, ReadReport("given", "frame"))


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame({"a": range(10), "b": [str(i) for i in range(10)], "c": [0.5] * 10})


@pytest.mark.parametrize("at_once", [1, 20, 1_000])
def test_rows_come_in_the_order_asked_for_however_many_columns_fit(
    frame, tmp_path, monkeypatch, at_once
):
    monkeypatch.setattr(module, "_VALUES_AT_ONCE", at_once)
    frame.write_ipc(tmp_path / "t.arrow", compression="uncompressed")
    wanted = np.array([7, 0, 7, 3])
    for lazy in (frame.lazy(), pl.scan_ipc(tmp_path / "t.arrow")):
        found = table_of(lazy, 10).rows(wanted)
        assert found.equals(frame[[7, 0, 7, 3]])


def test_no_rows_keep_the_columns(frame):
    found = table_of(frame.lazy(), 10).rows(np.array([], dtype=np.int64))
    assert found.schema == frame.schema
    assert found.is_empty()


def test_columns_of_a_long_table_are_read_one_at_a_time(frame):
    table = table_of(frame.lazy(), 50_000_000)
    assert list(table.side_by_side(["a", "b", "c"])) == [["a"], ["b"], ["c"]]
    assert list(table_of(frame.lazy(), 10).side_by_side(["a", "b"])) == [["a", "b"]]
