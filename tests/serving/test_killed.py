"""A server or one of its workers is killed while it is asked: what was flushed is there, once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ordain.serving.log.place import Sink
from ordain.serving.log.read import read_predictions
from ordain.serving.log.segment import read_segment

pytestmark = pytest.mark.slow

FLUSH_SECONDS = 4.0
"""Rows are on the disk each second; this leaves room for a machine that is busy."""


@pytest.fixture
def log(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "log")


@pytest.fixture
def document(bundles: dict[str, Path], tmp_path: Path, log: Sink) -> Path:
    path = tmp_path / "live.yaml"
    models = [{"name": "churn", "champion": str(bundles["churn"])}]
    deployment = {"models": models, "log": {"sink": str(log.folder)}}
    path.write_text(json.dumps({"name": "live", "deployment": deployment}))
    return path


def flushed(home: Path) -> int:
    """Return how many rows all workers have said are on the disk."""
    live = (home / "deployments" / "live" / "live").glob("*.json")
    return sum(json.loads(path.read_text())["log"]["flushed"] for path in live)


def ids_of(log: Sink) -> list[str]:
    """Return the id of each row of each file of the log, as often as it stands there."""
    columns = [pl.read_parquet(path)["prediction_id"] for path in log.folder.rglob("*.parquet")]
    lines = [
        json.loads(line)["prediction_id"]
        for path in log.folder.rglob("*.log")
        for line in read_segment(path).payload.splitlines()
    ]
    return [*lines, *(one for ids in columns for one in ids)]


@pytest.mark.parametrize("seconds", [1.2, 6.0])
def test_a_server_that_is_killed_under_load_loses_no_flushed_row_and_tears_none(
    start: Callable[..., Any],
    document: Path,
    log: Sink,
    tmp_path: Path,
    asking: Any,
    seconds: float,
) -> None:
    with start(document) as server, asking(server.url) as load:
        time.sleep(seconds)
        n_flushed = flushed(tmp_path / "home")
        killed_at = time.monotonic()
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        load.is_over = True
    left = ids_of(log)
    old = {one for at, one in load.answers if at < killed_at - FLUSH_SECONDS}
    assert old <= set(left)
    assert len(left) >= n_flushed
    assert len(left) == len(set(left))
    # The next server finishes what was left; rows stay what they were.
    with start(document) as server, asking(server.url) as load:
        time.sleep(0.5)
        load.is_over = True
    assert set(left) <= set(ids_of(log))
    assert {one for _, one in load.answers} <= set(ids_of(log))
    assert len(read_predictions(log, "churn")) == len(ids_of(log)) == len(set(ids_of(log)))
    assert not list(log.folder.rglob("*.log"))


def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_logged_twice(
    start: Callable[..., Any], document: Path, log: Sink, asking: Any
) -> None:
    with start(document, "--workers", "2") as server:
        end = time.monotonic() + 40
        while server.said.count("ready on") < 2 and time.monotonic() < end:
            time.sleep(0.05)
        with asking(server.url, 6) as load:
            killed: list[float] = []
            for turn in range(2):
                time.sleep(FLUSH_SECONDS + 1)
                ready = [line.split()[2] for line in server.lines if "ready on" in line]
                os.kill(int(ready[turn]), signal.SIGKILL)
                killed.append(time.monotonic())
                while server.said.count("ready on") < 3 + turn and time.monotonic() < end:
                    time.sleep(0.05)
            time.sleep(1)
        assert server.stop() == 0
    assert server.said.count("is replaced") == 2
    assert set(load.statuses) == {200}
    # Each kill may cost the requests that the worker had in its hands, and no other.
    assert len(load.faults) <= 6 * len(killed)
    found = ids_of(log)
    assert len(found) == len(set(found))
    missing = {one for _, one in load.answers} - set(found)
    lost_at = [at for at, one in load.answers if one in missing]
    assert all(any(-FLUSH_SECONDS < at - k < 0.1 for k in killed) for at in lost_at)
    assert not list(log.folder.rglob("*.log"))
