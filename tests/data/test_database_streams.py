"""Databases larger than memory: read in batches, with what reading at once gives."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ordain.core.errors import DataError
from ordain.data import open_source, read_table
from ordain.data.batches import frames_of_rows, gather
from ordain.data.source import Source
from ordain.data.spill import Spill

ROWS = 9000
SQLITE = """
    CREATE TABLE rows AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT 9000)
    SELECT i AS id, i / 8.0 AS amount, 't' || (i % 7) AS name,
        CASE WHEN i < 8000 THEN NULL ELSE i END AS late,
        CASE WHEN i < 8000 THEN i ELSE i + 0.5 END AS number,
        CASE WHEN i < 8000 THEN i ELSE 'x' END AS text,
        CASE WHEN i < 8000 THEN i ELSE x'00ff' END AS bytes,
        CASE WHEN i % 2 THEN i ELSE 'y' END AS mixed
    FROM n
"""
DUCKDB = """
    CREATE TABLE rows AS SELECT i AS id, 't' || (i % 7) AS name, i::HUGEINT AS wide,
        (i / 4)::DECIMAL(9, 2) AS price, uuid() AS key, 'a'::ENUM('a', 'b') AS kind,
        {'x': i, 'y': {'z': 's'}} AS nested, [i] AS list, DATE '2024-01-01' + i::INT AS day,
        TIMESTAMPTZ '2024-01-01 00:00:00+00' AS at, i % 3 = 0 AS ok
    FROM range(9000) AS r(i)
"""
URLS = ["sqlite:///rows.db", "adbc+sqlite:///plain.db", "duckdb:///rows.duckdb"]


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ordain.data.sources.sql.ROWS_A_BATCH", 1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("databases")
    with closing(sqlite3.connect(folder / "rows.db")) as connection:
        connection.executescript(SQLITE)
    with closing(sqlite3.connect(folder / "plain.db")) as connection:
        connection.executescript(SQLITE + ";" + "".join(
            f"ALTER TABLE rows DROP COLUMN {name};" for name in ("number", "text", "bytes", "mixed")
        ))  # fmt: skip
    with duckdb.connect(str(folder / "rows.duckdb")) as connection:
        connection.execute(DUCKDB)
        connection.execute("CREATE TABLE spans AS SELECT INTERVAL 1 DAY AS span")
    return folder


def spilling(url: str, folder: Path, scratch: Path) -> Source:
    source = open_source(url, root=folder, table="rows")
    source.spill_into(scratch, from_bytes=1, block_bytes=1 << 16)
    return source


def gathered(batches: list[list[tuple[object]]], scratch: Path) -> pl.DataFrame:
    frames = frames_of_rows(["o"], batches)
    parts = gather(frames, from_bytes=1, new_spill=lambda: Spill(scratch, block_bytes=1))
    return pl.concat(parts).collect()


@pytest.mark.parametrize("url", URLS)
def test_rows_put_aside_are_those_of_reading_at_once(folder: Path, tmp_path: Path, url: str):
    if url.startswith("adbc"):
        pytest.importorskip("adbc_driver_sqlite")
    at_once = open_source(url, root=folder, table="rows")
    source = spilling(url, folder, tmp_path)
    assert source.fingerprint() == at_once.fingerprint()
    (whole, report), (parts, streamed) = at_once.scan(), source.scan()
    assert source.is_spilled
    assert not at_once.is_spilled
    assert parts.select(pl.len()).collect().item() == ROWS
    assert_frame_equal(parts.collect(), whole.collect())
    assert streamed == report


def test_column_takes_the_type_that_holds_the_values_of_every_batch(folder: Path, tmp_path: Path):
    frame = spilling("sqlite:///rows.db", folder, tmp_path).scan()[0].collect()
    types = {name: frame.schema[name] for name in ("late", "number", "text", "bytes", "mixed")}
    assert list(types.values()) == [pl.Int64, pl.Float64, pl.String, pl.String, pl.String]
    assert frame["late"].null_count() == 8000
    assert (frame["text"][0], frame["text"][-1]) == ("0", "x")
    assert (frame["bytes"][0], frame["bytes"][-1]) == ("0", "00ff")
    assert frame["mixed"][:2].to_list() == ["y", "1"]


def test_nested_columns_and_decimals_are_plain_in_every_batch(folder: Path, tmp_path: Path):
    frame = spilling("duckdb:///rows.duckdb", folder, tmp_path).scan()[0].collect()
    assert frame["nested.x"].to_list() == frame["id"].to_list()
    assert frame["nested.y.z"].unique().to_list() == ["s"]
    assert frame["price"].dtype == pl.Float64


def test_objects_whose_keys_differ_from_batch_to_batch_are_put_together(tmp_path: Path):
    rows = [
        [({"a": 1},), ({"a": 2},)],
        [({"a": 0.5, "b": {"c": "x"}},), (None,)],
        [(None,), (None,)],
        [({"l": [1]},), ({"l": [2, 3]},)],
    ]
    frame = gathered(rows, tmp_path)
    assert frame.schema == {
        "o.a": pl.Float64, "o.b.c": pl.String, "o.l": pl.List(pl.Int64),
    }  # fmt: skip
    assert frame["o.a"].to_list() == [1.0, 2.0, 0.5, None, None, None, None, None]
    assert frame["o.b.c"].to_list() == [None, None, "x", None, None, None, None, None]
    assert frame["o.l"].to_list()[-2:] == [[1], [2, 3]]


def test_objects_beside_plain_values_become_json(tmp_path: Path):
    rows = [[({"a": 1},)], [([1, 2],)], [("x",)], [(None,)]]
    assert gathered(rows, tmp_path)["o"].to_list() == ['{"a":1}', "[1, 2]", "x", None]


def test_small_results_stay_in_memory(folder: Path):
    source = open_source("sqlite:///rows.db", root=folder, table="rows")
    source.scan()
    assert not source.is_spilled


def test_table_is_kept_and_batches_are_cleared(folder: Path, tmp_path: Path):
    source = spilling("sqlite:///rows.db", folder, tmp_path)
    table = read_table(source, cache_folder=tmp_path / "cache")
    again = read_table(
        spilling("sqlite:///rows.db", folder, tmp_path), cache_folder=tmp_path / "cache"
    )
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []
    assert table.fingerprint == again.fingerprint
    assert again.column("id").to_list() == list(range(ROWS))


def test_source_that_was_cleared_reads_again(folder: Path, tmp_path: Path):
    source = spilling("sqlite:///rows.db", folder, tmp_path)
    first = source.fingerprint()
    source.clear()
    assert source.fingerprint() == first
    assert source.scan()[0].collect().height == ROWS


def test_what_was_put_aside_goes_with_the_last_frame_that_reads_from_it(
    folder: Path, tmp_path: Path
):
    frame = spilling("sqlite:///rows.db", folder, tmp_path).scan()[0].select("id")
    assert len(list(tmp_path.iterdir())) == 1
    assert frame.collect().height == ROWS
    del frame
    assert list(tmp_path.iterdir()) == []


def test_intervals_are_refused_with_a_way_out(folder: Path):
    source = open_source("duckdb:///rows.duckdb", root=folder, table="spans")
    with pytest.raises(DataError, match=r"`span`: intervals cannot be read\n  Fix: a `query` with"):
        source.fingerprint()


@pytest.mark.parametrize("url", URLS)
def test_columns_of_one_name_are_refused(folder: Path, url: str):
    if url.startswith("adbc"):
        pytest.importorskip("adbc_driver_sqlite")
    source = open_source(url, root=folder, query="SELECT id, id FROM rows")
    with pytest.raises(DataError, match="several columns named `id`: name each apart with AS"):
        source.fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite:///large.db", "duckdb:///large.duckdb"])
def test_memory_stays_bounded(tmp_path: Path, url: str):
    columns = "i AS id, i / 8.0 AS amount, i % 100 AS k, 'a text of some forty letters ' || i AS t"
    n_rows = 8_000_000
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "large.db")) as connection:
            connection.executescript(
                "CREATE TABLE rows AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL "
                f"SELECT i + 1 FROM n LIMIT {n_rows}) SELECT {columns} FROM n"
            )
    else:
        with duckdb.connect(str(tmp_path / "large.duckdb")) as connection:
            connection.execute(
                f"CREATE TABLE rows AS SELECT {columns} FROM range({n_rows}) AS r(i)"
            )
    code = f"""
        import resource
        from pathlib import Path
        from ordain.data import open_source, read_table
        from ordain.data.sources import sql

        sql._DUCKDB_MEMORY = "200MB"
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        source = open_source({url!r}, root=Path({str(tmp_path)!r}), table="rows")
        source.spill_into(Path("x"), from_bytes=1 << 26, block_bytes=1 << 25)
        table = read_table(source, cache_folder=Path({str(tmp_path / "cache")!r}))
        assert table.n_rows == {n_rows}
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "POLARS_MAX_THREADS": "2"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    size = next((tmp_path / "cache").glob("*.arrow")).stat().st_size >> 20
    assert size > 500
    assert int(done.stdout) < size / 2
