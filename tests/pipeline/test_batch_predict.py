"""Batch prediction: any source to any sink, in bounded memory, gone on with after a kill."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import ordain
from ordain.core.errors import StoreError, UsageError
from ordain.data.arrowstream import ArrowStream
from ordain.pipeline import predict as module
from ordain.pipeline.predict import predict
from ordain.pipeline.sinks import parts_folder
from ordain.store.bundle import verify

pytestmark = pytest.mark.slow

READ: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": pl.read_csv,
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".parquet": pl.read_parquet,
    ".arrow": pl.read_ipc,
}


@pytest.fixture
def bundle(config: dict[str, Any], frame: pl.DataFrame) -> Path:
    return ordain.train({**config, "model_type": "linear", "trainer": {}}, frame).run.bundle


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 90)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "source",
    [".csv", ".parquet", ".jsonl", ".arrow"],
)
@pytest.mark.parametrize("sink", list(READ))
def test_any_source_goes_to_any_file_row_for_row(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame, source: str, sink: str
) -> None:
    given, output = tmp_path / f"rows{source}", tmp_path / f"out{sink}"
    rows = frame.with_row_index("id")
    {
        ".csv": rows.write_csv, ".parquet": rows.write_parquet, ".jsonl": rows.write_ndjson,
        ".arrow": rows.write_ipc,
    }[source](given)  # fmt: skip
    done = predict(bundle, str(given), output, keep=["id"])
    found = READ[sink](output)
    expected = ordain.load(bundle).predict(frame)
    assert done.rows == found.height == frame.height
    assert found["id"].to_list() == list(range(frame.height))
    for name in ("churn_probability_Yes", "churn_prediction"):
        assert found[name].to_list() == expected[name].to_list()
    assert sorted(path.name for path in tmp_path.iterdir() if "home" not in path.name) == sorted(
        [given.name, output.name]
    )


@pytest.mark.usefixtures("small_blocks")
def test_rows_go_into_a_table_with_their_places(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    url = f"sqlite:///{tmp_path}/a.db::predictions"
    done = predict(bundle, frame, url, keep=["contract"])
    assert done.output == url
    with sqlite3.connect(tmp_path / "a.db") as database:
        names = [
            row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        rows = database.execute(
            "SELECT row_id, contract, churn_prediction FROM predictions ORDER BY row_id"
        ).fetchall()
    assert names == ["predictions"]
    expected = ordain.load(bundle).predict(frame)["churn_prediction"]
    assert rows == list(zip(range(frame.height), frame["contract"], expected, strict=True))


@pytest.mark.usefixtures("small_blocks")
def test_rows_go_into_a_table_of_duckdb_and_can_come_from_the_same_file(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as database:
        database.register("given", ArrowStream(frame))
        database.execute("CREATE SCHEMA out; CREATE TABLE customers AS SELECT * FROM given")
    url = f"duckdb:///{tmp_path}/shop.duckdb"
    done = predict(bundle, f"{url}::customers", f"{url}::out.answers", keep=["contract"])
    assert (done.rows, done.output) == (frame.height, f"{url}::out.answers")
    with duckdb.connect(str(tmp_path / "shop.duckdb"), read_only=True) as database:
        names = database.execute("SELECT table_name FROM information_schema.tables").fetchall()
        rows = database.execute(
            "SELECT row_id, contract, churn_prediction FROM out.answers ORDER BY row_id"
        ).fetchall()
    assert sorted(names) == [("answers",), ("customers",)]
    expected = ordain.load(bundle).predict(frame)["churn_prediction"]
    assert rows == list(zip(range(frame.height), frame["contract"], expected, strict=True))
    with pytest.raises(UsageError, match="has a table 'answers' already\n  Fix: name another"):
        predict(bundle, frame, f"{url}::out.answers")


_KILLED = """
import os, signal, sys
import polars as pl
import ordain
from ordain.pipeline import predict as module
module.BLOCK_ROWS = 90
model, n_calls = ordain.load(sys.argv[1]), 0
answers = type(model).predict
def predict(self, rows, **options):
    global n_calls
    n_calls += 1
    if n_calls == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
    return answers(self, rows, **options)
type(model).predict = predict
done = module.predict(model, sys.argv[2], sys.argv[3], keep=["id"])
print(done.resumed)
"""


def test_a_killed_job_gives_each_row_once_in_duckdb(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    frame.with_row_index("id").write_parquet(tmp_path / "rows.parquet")
    url = f"duckdb:///{tmp_path}/a.duckdb::t"
    said = []
    for at in ("3", "2", "99"):
        command = [sys.executable, "-c", _KILLED, str(bundle), str(tmp_path / "rows.parquet"), url]
        done = subprocess.run([*command, at], capture_output=True, text=True, check=False)
        said.append(done.stdout.strip() if done.returncode == 0 else done.returncode)
    assert said == [-signal.SIGKILL, -signal.SIGKILL, "270"]
    with duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True) as database:
        found = database.execute("SELECT id FROM t ORDER BY row_id").fetchall()
    assert [row[0] for row in found] == list(range(frame.height))


def test_a_file_of_duckdb_that_cannot_be_opened_is_told(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    with pytest.raises(StoreError, match=r"cannot be written:\n  .*\n  Fix: check that the folder"):
        predict(bundle, frame, f"duckdb:///{tmp_path}/none/a.duckdb::t")
    with pytest.raises(UsageError, match=r"names no file: write duckdb:///file.duckdb::t"):
        predict(bundle, frame, "duckdb:///::t")
    with pytest.raises(UsageError, match=r"is a database: name a table in it\n  Fix: .*::TABLE"):
        predict(bundle, frame, f"duckdb:///{tmp_path}/a.duckdb")


def test_a_table_that_is_there_is_not_written_to(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    url = f"sqlite:///{tmp_path}/a.db::predictions"
    predict(bundle, frame, url)
    with pytest.raises(UsageError, match="has a table 'predictions' already\n  Fix: name another"):
        predict(bundle, frame, url)


def test_a_database_without_a_table_is_told_how_to_name_one(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    with pytest.raises(UsageError, match=r"is a database: name a table in it\n  Fix: .*::TABLE"):
        predict(bundle, frame, f"sqlite:///{tmp_path}/a.db")


def test_an_unknown_kind_of_output_is_told_what_is_possible(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    with pytest.raises(
        UsageError, match=r"cannot be written\n  Possible: a file that ends in .csv"
    ):
        predict(bundle, frame, tmp_path / "out.xlsx")
    with pytest.raises(UsageError, match="cannot be written to 'nosuchdb'\n  Possible: sqlite"):
        predict(bundle, frame, "nosuchdb://h/d::t")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["file", "table", "duckdb"])
def test_a_broken_job_goes_on_with_the_rows_that_are_missing(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    frame = frame.with_columns(contract=pl.when(pl.int_range(400) < 120).then(pl.lit("odd"))
                               .otherwise("contract"))  # fmt: skip
    output = {
        "file": tmp_path / "o.parquet",
        "table": f"sqlite:///{tmp_path}/a.db::t",
        "duckdb": f"duckdb:///{tmp_path}/a.duckdb::t",
    }[kind]
    model = ordain.load(bundle)
    expected, n_calls = model.predict(frame), 0
    answers = type(model).predict

    def fails_at_third(self: Any, rows: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise KeyboardInterrupt
        return answers(self, rows, **options)

    monkeypatch.setattr(type(model), "predict", fails_at_third)
    with pytest.raises(KeyboardInterrupt):
        predict(model, frame, output)
    done = predict(model, frame, output)
    assert (done.resumed, done.rows, n_calls) == (180, 400, 6)
    assert any(told.startswith("120 of 400 values of `contract`") for told in done.warnings)
    if kind == "file":
        assert pl.read_parquet(tmp_path / "o.parquet").equals(expected)
        assert not parts_folder(tmp_path / "o.parquet").exists()


@pytest.mark.usefixtures("small_blocks")
def test_other_rows_do_not_go_on_with_the_parts_of_a_job(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "o.csv"
    monkeypatch.setattr("ordain.pipeline.sinks.FileSink.finish", _fail)
    with pytest.raises(StoreError, match="on purpose"):
        predict(bundle, frame, output)
    monkeypatch.undo()
    monkeypatch.setattr(module, "BLOCK_ROWS", 90)
    assert predict(bundle, frame.reverse(), output).resumed == 0
    assert output.exists()


def _fail(_: Any) -> None:
    raise StoreError("on purpose")


def test_fresh_begins_anew(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "o.csv"
    with monkeypatch.context() as patched:
        patched.setattr("ordain.pipeline.sinks.FileSink.finish", _fail)
        with pytest.raises(StoreError, match="on purpose"):
            predict(bundle, frame, output)
    assert predict(bundle, frame, output, fresh=True).resumed == 0


def test_two_processes_do_not_write_one_file(
    tmp_path: Path, bundle: Path, frame: pl.DataFrame
) -> None:
    from ordain.core.files import try_lock

    output = tmp_path / "o.csv"
    parts_folder(output).mkdir()
    with try_lock(parts_folder(output) / "lock") as is_free:
        assert is_free
        with pytest.raises(UsageError, match="another process is writing"):
            predict(bundle, frame, output)


def test_a_full_disk_is_told_and_leaves_no_output(
    tmp_path: Path, bundle: Path, large: pl.DataFrame
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(StoreError, match="No space left on device\n  Fix: free some space"):
            predict(bundle, large, small / "o.csv", keep=["tenure"])
        assert not (small / "o.csv").exists()
        verify(bundle)
    finally:
        subprocess.run(["umount", str(small)], check=True)


_JOB = """
import sys
from ordain.pipeline import predict as module
module.BLOCK_ROWS = 5_000
from ordain.pipeline.predict import predict
print(predict(sys.argv[1], sys.argv[2], sys.argv[3], keep=["id"]).to_json())
"""


@pytest.mark.parametrize("sink", ["out.csv", "out.parquet", "table"])
def test_a_job_that_is_killed_again_and_again_gives_each_row_once(
    tmp_path: Path, bundle: Path, large: pl.DataFrame, sink: str
) -> None:
    rows = pl.concat([large] * 60).with_row_index("id")
    rows.write_parquet(tmp_path / "rows.parquet")
    output = f"sqlite:///{tmp_path}/a.db::t" if sink == "table" else str(tmp_path / sink)
    command = [sys.executable, "-c", _JOB, str(bundle), str(tmp_path / "rows.parquet"), output]
    n_killed = 0
    for _ in range(6):
        job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        n_before = _progress(tmp_path, sink)
        while job.poll() is None and _progress(tmp_path, sink) < n_before + 2:
            time.sleep(0.005)
        if job.poll() is None:
            os.kill(job.pid, signal.SIGKILL)
            n_killed += 1
        job.communicate()
    assert n_killed > 0, "a job was killed while it wrote"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "has a table 't' already" not in done.stderr:
        assert done.returncode == 0, done.stderr
    found = _ids(tmp_path, sink)
    assert found == list(range(rows.height))


def _progress(folder: Path, sink: str) -> int:
    if sink != "table":
        return len(list(parts_folder(folder / sink).glob("part-*")))
    try:
        with sqlite3.connect(f"file:{folder}/a.db?mode=ro", uri=True, timeout=0.1) as database:
            return int(database.execute("SELECT n_rows FROM t__job").fetchone()[0]) // 5_000
    except (sqlite3.Error, TypeError):
        return 0


def _ids(folder: Path, sink: str) -> list[int]:
    if sink == "table":
        with sqlite3.connect(folder / "a.db") as database:
            return [row[0] for row in database.execute("SELECT id FROM t ORDER BY row_id")]
    return READ[Path(sink).suffix](folder / sink)["id"].to_list()


def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, bundle: Path, large: pl.DataFrame
) -> None:
    peaks = []
    for times in (50, 250):
        pl.concat([large] * times).with_row_index("id").write_parquet(tmp_path / "rows.parquet")
        code = _JOB.replace("module.BLOCK_ROWS = 5_000\n", "") + (
            "\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        )
        arguments = [str(bundle), str(tmp_path / "rows.parquet"), str(tmp_path / f"{times}.csv")]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 80, f"MB with 200,000 and 1,000,000 rows: {peaks}"
