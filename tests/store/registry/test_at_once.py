"""Several processes at one registry, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ordain
from ordain.store import bundle
from ordain.store.registry import open_registry

pytestmark = pytest.mark.slow

REGISTER = """
import sys, ordain
ordain.register("weak", "warm")  # loads MLflow
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[1])):
    print(ordain.register("good", "churn").version, flush=True)
"""


def started(n_times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", REGISTER, str(n_times)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_registers_at_once_give_a_version_each(registry_home: Path) -> None:
    (registry_home / "mlflow.db").unlink()  # two make the tables at once
    pair = [started(5), started(5)]
    for process in pair:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in pair:
        begin(process)
    said = [process.communicate(timeout=120)[0].split() for process in pair]
    numbers = sorted(int(one) for lines in said for one in lines)
    assert numbers == list(range(1, 11))
    found = open_registry().versions("churn")
    assert [one.version for one in found] == list(range(10, 0, -1))
    bundle.verify(found[0].bundle)


def test_killed_register_leaves_nothing_half(registry_home: Path) -> None:
    last = 0
    for delay in (0.0, 0.003, 0.011, 0.023, 0.041):
        process = started(1_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        begin(process)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        registry = open_registry()
        found = registry.versions("churn") if registry.has("churn") else []
        assert [one.version for one in found] == list(range(len(found), 0, -1))
        assert all(one.gates and one.lineage.run for one in found)
        for one in found:
            bundle.verify(one.bundle)
        assert len(found) >= last
        last = len(found)
    made = ordain.register("good", "churn")
    assert made.version == last + 1
    assert list(made.bundle.parent.parent.glob(".tmp-*")) == []
    assert ordain.load("churn/1").predict_row({"tenure": 3})


def test_alias_that_was_moved_meanwhile_is_left(registry_home: Path) -> None:
    from ordain.core.errors import StoreError

    for name in ("weak", "good", "good"):
        ordain.register(name, "churn")
    registry = open_registry()
    registry.assign("churn", 1, "champion", expected=0)
    registry.assign("churn", 2, "champion", expected=1)
    with pytest.raises(StoreError, match="moved meanwhile, from version 1 to 2: nothing was"):
        registry.assign("churn", 3, "champion", expected=1)
    assert registry.find("churn@champion").version == 2
