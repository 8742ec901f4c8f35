from __future__ import annotations

from pathlib import Path

import pytest

from ordain.core.errors import UsageError
from ordain.store.lock import lock_differences
from ordain.store.runs import FINISHED, INTERRUPTED, Runs


def test_run_is_found_by_all_its_names(work_folder: Path) -> None:
    runs = Runs(work_folder)
    run = runs.create("churn", key="abcdef123456")
    for reference in (run.reference, run.id, "churn", "latest", run.id[:10], str(run.folder)):
        assert runs.find(reference).folder == run.folder


def test_unknown_run_has_the_nearest(work_folder: Path) -> None:
    runs = Runs(work_folder)
    runs.create("churn", key="abcdef123456")
    with pytest.raises(UsageError, match=r"there is no run 'chrun'. Did you mean 'churn'\?"):
        runs.find("chrun")


def test_no_runs_says_how_to_make_one(work_folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there are no runs in .*\n  Fix: ordain train CONFIG"):
        Runs(work_folder).find("latest")


def test_ambiguous_start_lists_what_fits(work_folder: Path) -> None:
    runs = Runs(work_folder)
    first, second = (runs.create("churn", key="abcdef") for _ in range(2))
    assert first.folder != second.folder
    with pytest.raises(UsageError, match="'2' fits 2 runs"):
        runs.find("2")


def test_running_state_of_a_dead_process_reads_interrupted(work_folder: Path) -> None:
    run = Runs(work_folder).create("churn", key="abcdef")
    assert run.status["state"] == "running"
    run.update(process={"pid": 999_999_999, "created": 0.0})
    assert run.status["state"] == INTERRUPTED


def test_name_with_odd_characters_becomes_a_safe_folder(work_folder: Path) -> None:
    run = Runs(work_folder).create("../a b/c", key="abcdef")
    assert run.folder.parent.parent == work_folder / "runs"


def test_only_finished_runs_are_answers(work_folder: Path) -> None:
    runs = Runs(work_folder)
    run = runs.create("churn", key="abcdef")
    assert runs.finished("abcdef") is None
    run.update(state=FINISHED)
    run.bundle.mkdir()
    assert runs.finished("abcdef") is not None


def test_lock_differences_are_dotted_lines() -> None:
    before = {"packages": {"torch": "2.12", "numpy": "2.0"}, "seed": 1}
    after = {"packages": {"torch": "2.13", "numpy": "2.0"}, "seed": 1}
    assert lock_differences(before, after) == ["packages.torch: 2.12 -> 2.13"]
