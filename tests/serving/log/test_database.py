"""A log in a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import psycopg
import pytest

from ordain.config.deployment import PredictionLogging
from ordain.core.errors import StoreError
from ordain.serving.contracts import BatchEntry
from ordain.serving.log.join import export
from ordain.serving.log.place import Sink
from ordain.serving.log.quality import quality
from ordain.serving.log.read import (
    find_prediction,
    logged_models,
    read_outcomes,
    read_predictions,
)
from ordain.serving.log.retention import AUDIT, Retention
from ordain.serving.log.writer import LogWriter

pytestmark = pytest.mark.service


@pytest.fixture
def database(postgresql: str, tmp_path: Path) -> Sink:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS ordain_predictions, ordain_outcomes")
    from ordain.serving.log import database as room

    room._MADE.clear()
    return Sink(tmp_path / "spool", postgresql)


def test_rows_and_outcomes_end_in_tables_and_are_read_as_from_files(
    database, tmp_path, entries, outcomes
):
    frames = []
    for sink in (database, Sink(tmp_path / "files")):
        writer = LogWriter(sink, redact=["phone"])
        for number in range(50):
            writer.put(entries(number, flags=("a:b",)))
        batch = {
            k: getattr(entries(60), k) for k in BatchEntry.__slots__ if k not in {"places", "flags"}
        }
        inputs, outputs = (
            pl.DataFrame({"tenure": [1, 2]}),
            pl.DataFrame({"churn_prediction": ["a", "b"]}),
        )
        writer.put(BatchEntry(**{**batch, "inputs": inputs, "outputs": outputs}), 2)
        writer.put(outcomes(3, "No"))
        writer.put(outcomes(3, "Yes", at=outcomes(3).at + 1))
        writer.close()
        found = read_predictions(sink, "churn", since=entries(0).at)
        frames.append(found.select(sorted(found.columns)).sort("prediction_id"))
        assert len(read_outcomes(sink)) == 2
        assert export(sink, "churn").table["churn"].to_list() == ["Yes"]
        assert quality(sink, "churn")[0].with_outcome == 1
    assert frames[0].equals(frames[1])
    assert logged_models(database) == ["churn"]
    assert not [path for path in database.folder.rglob("*") if path.suffix in {".log", ".parquet"}]


def test_rows_are_there_within_seconds_while_the_server_runs(database, writing, entries):
    writer = writing(database)
    writer.put(entries(1))
    deadline = time.monotonic() + 10
    while not len(read_predictions(database, "churn")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(read_predictions(database, "churn")) == 1


def test_rows_that_are_too_old_are_deleted_from_the_tables(database, entries, outcomes):
    writer = LogWriter(database)
    now = time.time()
    for number, days in enumerate((0, 40)):
        writer.put(entries(number, at=now - days * 86_400))
        writer.put(outcomes(number, at=now - days * 86_400 + 1))
    writer.close()
    retention = Retention(database)
    retention.adopt(PredictionLogging(sink=database.url, keep_days=30))
    assert retention.sweep() == 2
    assert retention.sweep() == 0
    assert read_predictions(database, "churn")["prediction_id"].to_list() == ["p0"]
    assert read_outcomes(database)["prediction_id"].to_list() == ["p0"]
    assert "keep_days" in (database.folder / AUDIT).read_text()


def test_one_prediction_is_found_by_its_id(database, entries):
    writer = LogWriter(database)
    for number in range(3):
        writer.put(entries(number))
    writer.put(entries(1, arm="shadow", version="2"))
    writer.close()
    found = find_prediction(database, "p1")
    assert found["arm"].to_list() == ["champion", "shadow"]
    assert found["input.tenure"].to_list() == [1, 1]
    assert not len(find_prediction(database, "p9"))


def test_redacted_fields_are_in_no_table(database, entries):
    writer = LogWriter(database, redact=["phone"])
    writer.put(entries(1, inputs={"tenure": 1, "phone": "555-1234"}))
    writer.put(entries(2, status="failed", outputs={}, inputs={"phone": "555-1234"}))
    writer.put(entries(2, arm="shadow", inputs={"phone": "555-1234"}))
    writer.close()
    with psycopg.connect(database.url) as connection:
        rows = connection.execute("SELECT ordain_predictions::text FROM ordain_predictions")
        told = [row[0] for row in rows]
    assert len(told) == 3
    assert not any("555-1234" in row or "phone" in row for row in told)


def test_a_character_that_postgresql_cannot_hold_stops_no_other_row(database, entries):
    writer = LogWriter(database)
    writer.put(entries(1, inputs={"note": "a\x00b"}))
    writer.put(entries(2))
    writer.close()
    assert read_predictions(database, "churn")["input.note"].to_list()[0] == "a�b"


def test_a_database_that_is_away_is_waited_for_on_disk(database, entries):
    parts = urlsplit(database.url)
    away = Sink(database.folder, database.url.replace(f":{parts.port}/", ":1/"))
    writer = LogWriter(away)
    writer.put(entries(1))
    assert writer.flush()
    writer.close()
    assert "cannot be used for the log" in writer.problem
    assert "pa%3Ass" not in writer.problem
    with pytest.raises(StoreError, match="cannot be used for the log"):
        read_predictions(away, "churn")
    later = LogWriter(database)
    later.close()
    assert read_predictions(database, "churn")["prediction_id"].to_list() == ["p1"]


_WORKER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
from conftest import entry
from ordain.serving.log.place import Sink
from ordain.serving.log.retention import AUDIT, Retention
from ordain.serving.log.writer import LogWriter
writer = LogWriter(Sink(Path(sys.argv[1]), sys.argv[2]))
number = 0
while True:
    for _ in range(100):
        writer.put(entry(number))
        number += 1
    if number % 500 == 0 and writer.flush():
        print(number, flush=True)
    time.sleep(0.005)
"""


@pytest.mark.slow
def test_a_killed_worker_neither_loses_nor_doubles_a_flushed_row(database):
    code = _WORKER.format(folder=str(Path(__file__).parent))
    for _ in range(2):
        command = [sys.executable, "-c", code, str(database.folder), database.url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ
        ) as process:
            process.stdout.readline()
            time.sleep(1.3)
            process.send_signal(signal.SIGKILL)
            said = process.stdout.read().split()
        flushed = int(said[-1]) if said else 500
        LogWriter(database).close()
        with psycopg.connect(database.url) as connection:
            ids = [
                row[0] for row in connection.execute("SELECT prediction_id FROM ordain_predictions")
            ]
        assert len(ids) == len(set(ids))
        assert {f"p{number}" for number in range(flushed)} <= set(ids)
