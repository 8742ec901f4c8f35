"""Runs in version control: what is exported, what is ignored, what the lock says of the code."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.store.home import prepare_home
from ordain.store.lock import git_state
from ordain.store.run_texts import export_run
from ordain.store.runs import Runs

Plain = dict[str, Any]


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture(autouse=True)
def git_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_DIR")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    _git(folder, "init", "-q")
    (folder / "code.py").write_text("print(1)\n", encoding="utf-8")
    _git(folder, "add", ".")
    _git(folder, "commit", "-qm", "first")
    return folder


def test_git_takes_configs_locks_and_metrics_of_runs_and_no_weights(
    repository: Path, config: Plain, frame: pl.DataFrame
) -> None:
    result = ordain.train(config, frame, home=repository / ".ordain")
    _git(repository, "add", ".ordain")
    added = _git(repository, "diff", "--cached", "--name-only").splitlines()
    here = f".ordain/runs/{result.run.reference}"
    names = ["config.yaml", "written.yaml", "lock.json", "metrics.json", "status.json"]
    expected = [f"{here}/{name}" for name in (*names, "bundle/README.md")]
    assert sorted(added) == sorted([".ordain/.gitignore", *expected])


def test_a_gitignore_of_the_user_s_own_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n", encoding="utf-8")
    prepare_home(tmp_path)
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == "mine\n"


def test_equal_runs_export_equal_files(tmp_path: Path, config: Plain, frame: pl.DataFrame) -> None:
    exported = []
    for name in ("one", "two"):
        run = ordain.train(config, frame, home=tmp_path / name).run
        written = export_run(run, tmp_path / "results" / name)
        exported.append({path.name: path.read_bytes() for path in written})
    run_files = [files.pop("run.json") for files in exported]
    assert exported[0] == exported[1]
    assert sorted(exported[0]) == ["README.md", "config.yaml", "lock.json", "metrics.json"]
    assert json.loads(run_files[0])["state"] == "finished"
    assert str(tmp_path) not in "".join(file.decode() for file in exported[0].values())


def test_an_export_takes_the_place_of_an_earlier_one(
    tmp_path: Path, config: Plain, frame: pl.DataFrame
) -> None:
    for n_rounds in (3, 4):
        run = ordain.train({**config, "trainer": {"num_boost_round": n_rounds}}, frame).run
        export_run(run, tmp_path / "results")
    text = (tmp_path / "results" / "config.yaml").read_text(encoding="utf-8")
    assert "num_boost_round: 4" in text


def test_a_run_without_a_bundle_is_not_exported(tmp_path: Path) -> None:
    run = Runs(tmp_path).create("churn", key="abcdef")
    with pytest.raises(ordain.UsageError, match="has no bundle: it is running"):
        export_run(run, tmp_path / "results")


def test_the_lock_tells_how_the_code_differs_from_its_commit(repository: Path) -> None:
    clean = git_state(repository)
    assert clean is not None
    assert (clean["has_changes"], clean["changes_digest"]) == (False, None)
    (repository / "code.py").write_text("print(2)\n", encoding="utf-8")
    changed = git_state(repository)
    (repository / "code.py").write_text("print(3)\n", encoding="utf-8")
    other = git_state(repository)
    assert changed is not None
    assert other is not None
    assert changed["has_changes"]
    assert changed["changes_digest"] != other["changes_digest"]
    assert changed["commit"] == clean["commit"]


def test_a_run_that_is_committed_is_no_change_of_the_code(
    repository: Path, config: Plain, frame: pl.DataFrame
) -> None:
    run = ordain.train(config, frame, home=repository / ".ordain").run
    _git(repository, "add", ".")
    _git(repository, "commit", "-qm", "run")
    run.update(note="good")
    state = git_state(repository)
    assert state is not None
    assert not state["has_changes"]


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None


def test_status_keys_stand_in_one_order(tmp_path: Path) -> None:
    run = Runs(tmp_path).create("churn", key="abcdef")
    run.update(verdict="good", account={})
    keys = list(json.loads((run.folder / "status.json").read_text(encoding="utf-8")))
    assert keys == sorted(keys)


def test_half_written_files_of_a_killed_run_are_deleted(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    run = runs.create("churn", key="abcdef")
    (run.folder / ".tmp-file").write_text("half", encoding="utf-8")
    (run.folder / "checkpoints" / ".tmp-folder").mkdir(parents=True)
    other = runs.create("churn", key="abcdef")
    (other.folder / ".tmp-young").write_text("at work", encoding="utf-8")
    runs.clear_leftovers(run)
    assert not list(run.folder.rglob(".tmp-*"))
    assert (other.folder / ".tmp-young").exists()
