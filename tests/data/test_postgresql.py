"""A real PostgreSQL server as a source."""

from __future__ import annotations

from datetime import datetime

import polars as pl
import psycopg
import pytest

from ordain.core.errors import DataError
from ordain.data import open_source, read_table

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def url(postgresql: str) -> str:
    return _filled(postgresql)


def _filled(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (id int, name text, price numeric(9, 2), ok boolean, "
            "at timestamp, tags int[], note jsonb)"
        )
        connection.execute(
            "INSERT INTO orders SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'n' || i END, "
            "i / 4.0, i % 2 = 0, '2024-01-01'::timestamp + i * interval '1 hour', ARRAY[i], "
            "jsonb_build_object('a', i) FROM generate_series(1, 60000) AS i"
        )
        connection.execute("CREATE SCHEMA shop")
        connection.execute("CREATE TABLE shop.small AS SELECT 1 AS a")
    return url


def test_table_is_read_whole_with_its_types(url):
    table = read_table(open_source(url, table="orders"))
    assert table.n_rows == 60_000
    frame = table.frame.collect().sort("id")
    assert frame.row(2)[:5] == (3, None, 0.75, False, datetime(2024, 1, 1, 3))  # noqa: DTZ001
    assert frame["price"].dtype == pl.Float64
    assert frame["note.a"].to_list()[:3] == [1, 2, 3]


def test_query_and_schema(url):
    query = (
        "SELECT count(*) AS n, max(name) FILTER (WHERE name LIKE 'n1%') AS m, 'x:y'::text AS t "
        "FROM orders"
    )
    assert read_table(open_source(url, query=query)).frame.collect()["n"].item() == 60_000
    assert read_table(open_source(url, table="shop.small")).frame.collect().rows() == [(1,)]


def test_rows_are_kept_and_the_fingerprint_is_theirs(url, tmp_path):
    query = "SELECT id, name FROM orders ORDER BY id LIMIT 1000"
    first = read_table(open_source(url, query=query), cache_folder=tmp_path)
    second = read_table(open_source(url, query=f"{query} -- again"), cache_folder=tmp_path)
    assert first.fingerprint == second.fingerprint
    assert first.frame.collect().equals(second.frame.collect())


@pytest.mark.parametrize("scheme", ["", "adbc+"])
def test_rows_put_aside_are_those_of_reading_at_once(url, tmp_path, scheme):
    query = "SELECT * FROM orders ORDER BY id"
    at_once = open_source(scheme + url, query=query)
    source = open_source(scheme + url, query=query)
    source.spill_into(tmp_path, from_bytes=1, block_bytes=1 << 20)
    assert source.fingerprint() == at_once.fingerprint()
    assert source.is_spilled
    assert source.scan()[0].collect().equals(at_once.scan()[0].collect())


def test_password_is_never_shown(url):
    report = read_table(open_source(url, table="shop.small")).report
    assert "w0rd" not in str(report.to_json())
    wrong = url.replace("w0rd", "wr0ng")
    with pytest.raises(DataError, match="password authentication failed") as caught:
        read_table(open_source(wrong, table="orders"))
    assert "wr0ng" not in str(caught.value)


def test_wrong_table_and_wrong_query_are_explained(url):
    with pytest.raises(DataError, match=r"has no table 'ordres'. Did you mean 'orders'"):
        read_table(open_source(url, table="ordres"))
    with pytest.raises(DataError, match='column "nope" does not exist'):
        read_table(open_source(url, query="SELECT nope FROM orders"))


def test_rows_come_by_adbc_as_they_come_by_sqlalchemy(url):
    order = "SELECT * FROM orders ORDER BY id"
    by_adbc = read_table(open_source(f"adbc+{url}", query=order)).frame.collect()
    by_sqlalchemy = read_table(open_source(url, query=order)).frame.collect()
    documents = [name for name in by_sqlalchemy.columns if name.startswith("note")]
    assert by_adbc.drop("note").equals(by_sqlalchemy.drop(documents))
    assert by_adbc.height == 60_000
    assert by_adbc.schema["price"] == pl.Float64()


def test_adbc_reads_types_of_its_own_and_names_those_it_cannot(url):
    query = "SELECT 'a0f0b5b2-0000-0000-0000-00000000000c'::uuid AS u, 12.50::numeric AS n, '{}'::jsonb AS j"  # noqa: E501
    found = read_table(open_source(f"adbc+{url}", query=query)).frame.collect()
    assert found.rows() == [("a0f0b5b2-0000-0000-0000-00000000000c", 12.5, "{}")]
    with pytest.raises(DataError, match="`i`: intervals cannot be read\n  Fix: a `query` with EXT"):
        read_table(open_source(f"adbc+{url}", query="SELECT interval '1 day' AS i"))


def test_adbc_faults_say_why_and_keep_the_password(url):
    with pytest.raises(DataError, match=r"has no table 'order'. Did you mean 'orders'"):
        read_table(open_source(f"adbc+{url}", table="order"))
    with pytest.raises(DataError, match='syntax error at or near "SELCT"'):
        read_table(open_source(f"adbc+{url}", query="SELCT 1"))
    wrong = f"adbc+{url}".replace("w0rd", "word")
    with pytest.raises(
        DataError, match=r"(?s)ordain:\*\*\*@127.*password authentication failed"
    ) as found:
        read_table(open_source(wrong, table="orders"))
    assert "pa:ss" not in str(found.value)
    assert "pa%3Ass" not in str(found.value)
    assert read_table(open_source(f"adbc+{url}", table="shop.small")).n_rows == 1
