"""The exported SELECT and the table of predictions in a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import psycopg
import pytest
from exported_rows import Trained, document, largest

import ordain
from ordain.core.errors import StoreError
from ordain.pipeline.predict import predict

pytestmark = pytest.mark.service
DECIDED = {"baselines": False, "checks": False, "calibration": "isotonic", "intervals": 0.9,
           "abstain": {"confidence_below": 0.6}}  # fmt: skip
_TYPES = {pl.Int64: "bigint", pl.Float64: "double precision", pl.String: "text",
          pl.Boolean: "boolean"}  # fmt: skip


def _filled(url: str, rows: pl.DataFrame) -> None:
    columns = ", ".join(f'"{name}" {_TYPES[type(dtype)]}' for name, dtype in rows.schema.items())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS rows")
        connection.execute(f"CREATE TABLE rows ({columns})")
        with connection.cursor().copy("COPY rows FROM STDIN (FORMAT csv)") as copy:
            copy.write(rows.write_csv(include_header=False).encode())


def _selected(url: str, path: Path) -> pl.DataFrame:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(path.read_text(encoding="utf-8"))
        names = [column.name for column in cursor.description or ()]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)


@pytest.mark.parametrize(
    ("family", "output", "kind", "evaluation"),
    [
        ("linear", "churn", "binary", DECIDED),
        ("linear", "size", "category", None),
        ("naive_bayes", "churn", "binary", None),
        ("gbm", "grade", "category", None),
        ("gbm", "price", "number", {"baselines": False, "checks": False, "intervals": 0.8}),
    ],
)
def test_select_equals_predict_in_postgresql(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, postgresql: str,
    family: str, output: str, kind: str, evaluation: dict | None,
) -> None:  # fmt: skip
    more = {} if evaluation is None else {"evaluation": evaluation}
    folder = trained(document(family, output, kind, **more))
    made = ordain.export(folder, tmp_path / "m.sql", format="sql", options={"keep": "id"})
    given = rows.with_row_index("id").with_columns(pl.col("id").cast(pl.Int64))
    _filled(postgresql, given)
    found = _selected(postgresql, made.path).sort("id")
    expected = ordain.load(folder).predict(rows)
    expected = expected.drop(made.facts["left_out"])
    assert largest(expected, found) < 1e-6


def test_predictions_go_into_a_table_of_a_schema(
    trained: Trained, rows: pl.DataFrame, postgresql: str
) -> None:
    evaluation = {"baselines": False, "checks": False, "intervals": 0.9}
    folder = trained(document("linear", "churn", "binary", evaluation=evaluation))
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS out CASCADE; CREATE SCHEMA out")
    done = predict(folder, rows, f"{postgresql}::out.answers", keep=["contract", "senior"])
    assert "w0rd" not in str(done.output)
    with psycopg.connect(postgresql) as connection:
        found = connection.execute(
            "SELECT row_id, contract, senior, churn_prediction, churn_set FROM out.answers"
            " ORDER BY row_id"
        ).fetchall()
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'out'"
        ).fetchall()
    assert tables == [("answers",)]
    assert [row[0] for row in found] == list(range(rows.height))
    assert [row[1] for row in found] == rows["contract"].to_list()
    assert [row[2] for row in found] == rows["senior"].to_list()
    expected = ordain.load(folder).predict(rows)
    assert [row[3] for row in found] == expected["churn_prediction"].to_list()
    assert found[0][4] == '["' + '","'.join(expected["churn_set"][0]) + '"]'


def test_a_failure_of_the_server_does_not_tell_the_password(
    trained: Trained, rows: pl.DataFrame, postgresql: str
) -> None:
    folder = trained(document("linear", "churn", "binary"))
    with pytest.raises(StoreError, match=r"cannot be written:\n  .*nosuch") as found:
        predict(folder, rows, f"{postgresql}::nosuch.answers")
    assert "w0rd" not in str(found.value)


_JOB = """
import sys
from ordain.pipeline import predict as module
module.BLOCK_ROWS = 5_000
from ordain.pipeline.predict import predict
predict(sys.argv[1], sys.argv[2], sys.argv[3], keep=["id"])
"""


@pytest.mark.slow
def test_a_killed_job_gives_each_row_once_in_postgresql(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, postgresql: str
) -> None:
    folder = trained(document("linear", "churn", "binary"))
    many = pl.concat([rows] * 500).with_row_index("id")
    many.write_parquet(tmp_path / "rows.parquet")
    output = f"{postgresql}::killed"
    command = [sys.executable, "-c", _JOB, str(folder), str(tmp_path / "rows.parquet"), output]
    n_killed = 0
    for _ in range(4):
        before = _n_in(postgresql)
        job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while job.poll() is None and _n_in(postgresql) < before + 10_000:
            time.sleep(0.005)
        if job.poll() is None:
            os.kill(job.pid, signal.SIGKILL)
            n_killed += 1
        job.communicate()
    assert n_killed > 0
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "has a table 'killed' already" in done.stderr, done.stderr
    with psycopg.connect(postgresql) as connection:
        found = connection.execute("SELECT id FROM killed ORDER BY row_id").fetchall()
    assert [row[0] for row in found] == list(range(many.height))


def _n_in(url: str) -> int:
    try:
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT n_rows FROM killed__job").fetchone()
    except psycopg.Error:
        return 0
    return 0 if found is None else int(found[0])
