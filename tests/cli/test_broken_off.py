"""Full disks, killed processes and company: nothing torn, and the next training works."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ordain.cli.main import main

KILLER = """
import os, signal, sys
import importlib, pkgutil
import lightgbm, torch._dynamo
import ordain
from ordain.cli import main as command
from ordain.models.family import FAMILIES
for name in FAMILIES.names():
    FAMILIES.get(name)
for room in ("config", "data", "features", "evaluation", "pipeline"):
    folder = importlib.import_module("ordain." + room).__path__
    for module in pkgutil.walk_packages(folder, "ordain." + room + "."):
        importlib.import_module(module.name)

def train(wanted, home):
    seen = 0

    def count(event, arguments):
        nonlocal seen
        is_write = event == "open" and any(c in str(arguments[1]) for c in "wax+")
        if (is_write or event in ("os.rename", "os.mkdir")) and str(arguments[0]).startswith(home):
            seen += 1
            if seen == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

    os.environ["ORDAIN_HOME"] = home
    sys.addaudithook(count)
    try:
        command.main(["train", "c.yaml", "-q"])
    finally:
        print("writes:", seen, flush=True)

for line in sys.stdin:
    wanted, home = line.rstrip("\\n").split(" ", 1)
    child = os.fork()
    if not child:
        train(int(wanted), home)
    print("code:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Trains in a new process for each line, which is killed at the write the line says.

The modules are loaded once, and nothing has run that would have started threads.
"""
FAMILIES: dict[str, dict[str, Any]] = {
    "gbm": {"model_type": "gbm", "trainer": {"num_boost_round": 5}},
    "linear": {"model_type": "linear"},
    "neural": {"model_type": "neural", "trainer": {"epochs": 2}},
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: pl.DataFrame) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    frame.write_csv("a.csv")
    return tmp_path


def declare(config: dict[str, Any], family: str) -> None:
    document = {**config, **FAMILIES[family], "data": {"source": "a.csv"}}
    if family == "linear":
        del document["trainer"]
    Path("c.yaml").write_text(yaml.safe_dump(document))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return int(ended.value.code or 0), said.out + said.err


def is_sound(capsys: pytest.CaptureFixture[str]) -> bool:
    code, text = run(capsys, "cache", "verify")
    return code == 0 and "all as written" in text


class Disk:
    """A file system of a few kilobytes in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small disk needs the right to do so")

    def change(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)

    def unmount(self) -> None:
        for how in ([], ["-l"]):
            command = ["umount", *how, str(self.folder)]
            if not subprocess.run(command, capture_output=True, check=False).returncode:
                return


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setenv("ORDAIN_HOME", str(folder / "home"))
    made = Disk(folder)
    yield made
    made.unmount()


def fill_and_free(
    disk: Disk, size_kilobytes: int, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    disk.mount(f"size={size_kilobytes}k")
    code, text = run(capsys, "train", "c.yaml", "-q")
    assert not list(disk.folder.rglob(".tmp-*")), "a half-written file is left"
    assert is_sound(capsys)
    for bundle in disk.folder.glob("home/runs/*/*/bundle"):
        assert run(capsys, "predict", str(bundle), "-d", "a.csv", "--output", "o.csv")[0] == 0
    disk.change("size=50m")
    again, answer = run(capsys, "train", "c.yaml", "--json")
    assert again == 0, answer
    assert "Nothing has changed" not in answer
    assert is_sound(capsys)
    return code, text


@pytest.mark.parametrize(
    "size_kilobytes",
    [40, 290, *(pytest.param(size, marks=pytest.mark.slow) for size in (90, 140, 190, 240))],
)
def test_full_disk_tears_nothing_and_says_what_to_do(
    size_kilobytes: int, disk: Disk, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    declare(config, "gbm")
    code, text = fill_and_free(disk, size_kilobytes, capsys)
    assert code == 1
    assert re.search(r"disk/home.*: No space left on device", text)
    assert "Fix: free some space there, or move the work folder with ORDAIN_HOME" in text


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_full_disk_at_any_moment_tears_nothing(
    family: str, disk: Disk, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    declare(config, family)
    codes = []
    for size_kilobytes in range(20, 1400, 71 if family == "gbm" else 142):
        code, text = fill_and_free(disk, size_kilobytes, capsys)
        assert code == 0 or "No space left on device" in text
        codes.append(code)
        disk.unmount()
        if code == 0:
            break
    assert codes[0] == 1


def test_read_only_work_folder_says_what_to_do(
    disk: Disk, config: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    declare(config, "gbm")
    disk.mount("size=5m")
    disk.change("ro")
    code, text = run(capsys, "train", "c.yaml", "-q")
    assert code == 1
    assert "Read-only file system" in text
    assert "set ORDAIN_HOME to another folder" in text


def test_predictions_onto_a_full_disk_leave_no_file(
    disk: Disk,
    config: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path / "home"))
    declare(config, "gbm")
    assert run(capsys, "train", "c.yaml", "-q")[0] == 0
    disk.mount("size=4k")
    for suffix in ("csv", "parquet", "jsonl"):
        output = disk.folder / f"o.{suffix}"
        wanted = ("predict", "latest", "-d", "a.csv", "--keep", "all", "--output", str(output))
        code, text = run(capsys, *wanted)
        assert code == 1
        assert "No space left on device" in text
        assert not list(disk.folder.iterdir())


class Killer:
    """Starts trainings that are killed at a write."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KILLER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def train(self, at_write: int, home: Path) -> tuple[int, list[str]]:
        """Return the exit code of a training and what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{at_write} {home}\n")
        said = []
        for line in self._process.stdout:
            if line.startswith("code: "):
                return int(line.removeprefix("code: ")), said
            said.append(line)
        raise AssertionError(said)

    def end(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@pytest.fixture
def killer(here: Path) -> Iterator[Killer]:
    started = Killer()
    yield started
    started.end()


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gbm", "neural"])
def test_killed_at_any_write_tears_nothing(
    family: str,
    config: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    killer: Killer,
) -> None:
    """Nine moments from the first write in the cache to the last of the report."""
    declare(config, family)
    code, said = killer.train(0, tmp_path / "whole")
    assert code == 0
    writes = int(said[-1].removeprefix("writes: "))
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path / "whole"))
    expected = json.loads(run(capsys, "train", "c.yaml", "--json")[1])["metrics"]
    reached = set()
    for at_write in sorted({1, *range(8, writes, writes // 8), writes}):
        home = tmp_path / f"home-{at_write}"
        monkeypatch.setenv("ORDAIN_HOME", str(home))
        if killer.train(at_write, home)[0] != -9:
            continue  # columns are encoded side by side: the count may be one less
        reached |= {folder.name for folder in home.glob("cache/*")}
        assert is_sound(capsys)
        listed = json.loads(run(capsys, "runs", "list", "--json")[1])["runs"]
        assert {one["state"] for one in listed} <= {"interrupted"}
        code, text = run(capsys, "train", "c.yaml", "--json")
        assert code == 0
        assert json.loads(text)["metrics"] == expected
        assert is_sound(capsys)
    assert reached >= {"read", "profile", "split", "encode", "fit"}


@pytest.mark.slow
@pytest.mark.parametrize("other", [[], ["-o", "seed=7"]], ids=["same config", "other config"])
def test_two_processes_on_one_cache(
    other: list[str],
    config: dict[str, Any],
    work_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declare(config, "gbm")
    base = [sys.executable, "-m", "ordain.cli.main", "train", "c.yaml", "--json"]
    running = [
        subprocess.Popen([*base, *more], stdout=subprocess.PIPE, text=True) for more in ([], other)
    ]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert len({answer["run"] for answer in answers}) >= (2 if other else 1)
    assert (answers[0]["metrics"] == answers[1]["metrics"]) is not bool(other)
    assert is_sound(capsys)
    assert not list(work_folder.rglob(".tmp-*"))
    assert run(capsys, "predict", "latest", "-d", "a.csv", "--output", "o.csv")[0] == 0
