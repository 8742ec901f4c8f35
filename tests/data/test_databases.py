"""Database files: DuckDB, and SQLite by its ADBC driver; both are only ever read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import pytest

from ordain.core.errors import DataError, MissingExtraError, UsageError
from ordain.data import open_source, read_table

ROWS = [(1, 2.5, "a"), (2, None, "b"), (3, 0.5, None)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, amount REAL, name TEXT)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)
        connection.commit()
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, amount DOUBLE, name VARCHAR)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)
        connection.execute("CREATE VIEW large AS SELECT * FROM orders WHERE amount > 1")
        connection.execute("CREATE SCHEMA old; CREATE TABLE old.orders AS SELECT 7 AS id")
    (tmp_path / "notes.duckdb").write_text("no database\n" * 100)
    return tmp_path


def read(url: str, folder: Path, **options: str) -> pl.DataFrame:
    return read_table(open_source(url, root=folder, **options)).frame.collect()


@pytest.mark.parametrize("url", ["adbc+sqlite:///shop.db", "duckdb:///shop.duckdb"])
def test_table_and_query_are_read(folder: Path, url: str) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    assert read(url, folder, table="orders").rows() == ROWS
    assert read(url, folder, query="SELECT id FROM orders WHERE id > 1;").rows() == [(2,), (3,)]
    first = open_source(url, root=folder, table="orders").fingerprint()
    assert first == open_source(url, root=folder, query="SELECT * FROM orders").fingerprint()


def test_duckdb_views_and_schemas_are_read(folder: Path) -> None:
    assert read("duckdb:///shop.duckdb", folder, table="large").rows() == ROWS[:1]
    assert read("duckdb:///shop.duckdb", folder, table="old.orders").rows() == [(7,)]
    absolute = f"duckdb:///{folder}/shop.duckdb"
    assert read(absolute, Path("/"), table="large").rows() == ROWS[:1]


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("adbc+sqlite:///shop.db", {"table": "order"}, "no table 'order'. Did you mean 'orders'"),
        ("adbc+sqlite:///shp.db", {"table": "t"}, "'shp.db' is not there. Did you mean 'shop.db'"),
        ("adbc+sqlite:///shop.db", {"query": "DROP TABLE orders"}, "write a readonly database"),
        ("adbc+sqlite:///shop.db", {"query": "SELECT id FROM orders LIMIT 0"}, "has no rows"),
        ("duckdb:///shop.duckdb", {"table": "ordrs"}, "no table 'ordrs'. Did you mean 'orders'"),
        ("duckdb:///shp.duckdb", {"table": "t"}, "is not there. Did you mean 'shop.duckdb'"),
        ("duckdb:///shop.duckdb", {"query": "DROP TABLE orders"}, "read-only mode"),
        ("duckdb:///shop.duckdb", {"query": "SELCT 1"}, 'syntax error at or near "SELCT"'),
        ("duckdb:///notes.duckdb", {"table": "t"}, "not a valid DuckDB database file"),
    ],
)  # fmt: skip
def test_faults_say_why(folder: Path, url: str, options: dict[str, str], message: str) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(DataError, match=message):
        read(url, folder, **options)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_missing_adbc_driver_is_named(folder: Path) -> None:
    with pytest.raises(MissingExtraError, match="`adbc-driver-nosuch`, which is not installed"):
        read("adbc+nosuch://h/db", folder, table="t")


def test_table_stands_behind_two_colons(folder: Path) -> None:
    assert read("sqlite:///shop.db::orders", folder).height == 3
    assert read("duckdb:///shop.duckdb::old.orders", folder).height == 1


def test_database_without_a_table_tells_which_there_are(folder: Path) -> None:
    for url in ("sqlite:///shop.db", "duckdb:///shop.duckdb"):
        with pytest.raises(UsageError, match=rf"(?s)Tables: .*orders.*Fix: {url}::"):
            open_source(url, root=folder)


def test_duckdb_file_without_its_scheme_is_known(folder: Path) -> None:
    with pytest.raises(DataError, match=r"Fix: source: duckdb:///shop\.duckdb"):
        open_source("shop.duckdb", root=folder)


def test_misspelled_scheme_tells_the_nearest(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"'mysqll' is not.*Did you mean 'mysql'"):
        open_source("mysqll://host/shop", root=folder)
    pytest.importorskip("sqlalchemy")
    with pytest.raises(DataError, match=r"(?s)'mysqll' is not.*'mysql'.*Possible: sqlite.*Fix:"):
        read("mysqll://host/shop", folder, table="orders")


@pytest.mark.parametrize(
    ("url", "options", "fix"),
    [
        ("sqlite:///shop.db", {"query": "selec 1"}, "Fix: mend the `query`"),
        ("sqlite:///shop.db", {"table": "customers"}, "Tables: orders.\n  Fix: table: orders"),
        ("sqlite:///notes.duckdb", {"table": "orders"}, "Fix: name a file that is a database"),
        ("duckdb:///notes.duckdb", {"table": "orders"}, "Fix: name a file that is a database"),
    ],
)
def test_failure_of_a_database_has_a_fix(folder: Path, url: str, options, fix: str) -> None:
    with pytest.raises(DataError, match=fix):
        read(url, folder, **options)


def test_refused_server_has_a_fix(folder: Path) -> None:
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("psycopg")
    with pytest.raises(DataError, match="Fix: check host and port"):
        read("postgresql://me:word@127.0.0.1:1/shop", folder, table="orders")
