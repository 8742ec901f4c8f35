"""The pack for who takes a model over: complete, true, and runnable."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from exported_rows import Trained, customers, document, largest

import ordain
from ordain.core.files import read_json

pytestmark = pytest.mark.slow

JUDGED = {
    "baselines": False,
    "checks": False,
    "gates": [{"metric": "roc_auc", "at_least": 0.5}, {"metric": "roc_auc", "at_least": 0.999}],
}


@pytest.fixture
def folder(trained: Trained) -> Path:
    project = {"goal": "call those who may leave", "owner": "retention team"}
    return trained(document("linear", "churn", "binary", project=project, evaluation=JUDGED))


def test_a_maintainer_finds_all_in_one_folder(
    tmp_path: Path, folder: Path, rows: pl.DataFrame
) -> None:
    made = ordain.export(folder, tmp_path / "pack", format="handover")
    assert not made.notes
    names = {path.name for path in made.path.iterdir()}
    told = (made.path / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([^`]+)` \|", told, re.MULTILINE))
    assert listed == names - {"README.md"}
    assert "call those who may leave" in told
    assert "Who is asked: retention team" in told
    assert "- met: " in told
    assert "- **not met**: " in told
    assert largest(ordain.load(folder).predict(rows), ordain.load(made.path).predict(rows)) == 0


def test_contract_says_what_training_saw(tmp_path: Path, folder: Path) -> None:
    made = ordain.export(folder, tmp_path / "pack", format="handover")
    columns = {one["column"]: one for one in read_json(made.path / "schema.json")["columns"]}
    assert columns["tenure"]["dtype"] == "Int64"
    assert (columns["tenure"]["min"], columns["tenure"]["max"]) == (0, 71)
    assert "month" in columns["contract"]["labels"]
    assert columns["contract"]["n_missing"] > 0


def test_lineage_leads_back_to_rows_and_run(tmp_path: Path, folder: Path) -> None:
    made = ordain.export(folder, tmp_path / "pack", format="handover")
    lineage = read_json(made.path / "lineage.json")
    lock = read_json(folder / "lock.json")
    assert lineage["data"]["fingerprint"] == lock["data"]["fingerprint"]
    assert lineage["run"] == f"linear_churn/{folder.parent.name}"
    assert len(lineage["bundle"]) == 64


def test_golden_rows_are_there_for_any_other_tool(tmp_path: Path, folder: Path) -> None:
    made = ordain.export(folder, tmp_path / "pack", format="handover")
    golden = pl.read_csv(made.path / "golden.csv")
    found = ordain.load(folder).predict(golden)["churn_probability_Yes"]
    assert (found - golden["expected:churn_probability_Yes"]).abs().max() < 1e-9


def test_archive_holds_one_folder_and_names_who_is_asked(tmp_path: Path, folder: Path) -> None:
    options = {"contact": "ann@example.org"}
    made = ordain.export(folder, tmp_path / "pack.zip", format="handover", options=options)
    assert [path.name for path in tmp_path.iterdir()] == ["pack.zip"]
    with zipfile.ZipFile(made.path) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"pack"}
        told = archive.read("pack/README.md").decode()
    assert "Who is asked: ann@example.org" in told


def test_what_nobody_has_said_is_told(tmp_path: Path, trained: Trained) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(trained(document("linear", "churn", "binary")), alone)
    made = ordain.export(alone, tmp_path / "pack", format="handover")
    assert [note.partition(":")[0] for note in made.notes] == [
        "nobody is named to ask",
        "what the model is for is not said",
        "the report and the weak slices are not there",
    ]
    assert "nobody is named to ask" in (made.path / "README.md").read_text(encoding="utf-8")


def test_pack_of_a_version_holds_the_report_of_its_run(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    run = home / "runs" / "linear_churn" / folder.parent.name
    shutil.copytree(folder.parent, run)
    monkeypatch.setenv("ORDAIN_HOME", str(home))
    ordain.register(f"linear_churn/{run.name}", "churn")
    made = ordain.export("churn/1", tmp_path / "pack", format="handover")
    assert not made.notes
    assert (made.path / "report.html").read_bytes() == (run / "report.html").read_bytes()
    assert read_json(made.path / "lineage.json")["run"] == f"linear_churn/{run.name}"
    shutil.rmtree(run)
    made = ordain.export("churn/1", tmp_path / "later", format="handover")
    told = f"run linear_churn/{run.name}, which the bundle comes from, is not in the work folder"
    assert told in made.notes[0]
    assert told in (made.path / "README.md").read_text(encoding="utf-8")
    assert read_json(made.path / "lineage.json")["run"] == f"linear_churn/{run.name}"


def test_run_that_holds_another_bundle_by_now_gives_no_report(
    tmp_path: Path, folder: Path, trained: Trained
) -> None:
    other = trained(document("linear", "churn", "binary"))
    run = tmp_path / "home" / "runs" / "churn" / "one"
    shutil.copytree(other.parent, run)
    alone = tmp_path / "alone"
    shutil.copytree(folder, alone)
    made = ordain.export(alone, tmp_path / "pack", format="handover", home=str(tmp_path / "home"))
    assert not (made.path / "report.html").exists()


def test_commands_of_the_runbook_run(tmp_path: Path, folder: Path) -> None:
    made = ordain.export(folder, tmp_path / "pack", format="handover")
    customers().write_csv(made.path / "rows.csv")
    program = [sys.executable, "-m", "ordain.cli.main"]
    environment = {"ORDAIN_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    for words in (
        "predict bundle --dataset rows.csv --output predictions.csv",
        "train config.yaml --dataset rows.csv --json",
        "explain bundle --dataset rows.csv --row 3",
        "evaluate bundle --dataset rows.csv --json",
    ):
        done = subprocess.run(
            [*program, *words.split()], cwd=made.path, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        is_gate = words.endswith("--json") and done.returncode == 3
        assert done.returncode == 0 or is_gate, (words, done.stdout[-2000:], done.stderr[-2000:])
    assert json.loads(done.stdout)
