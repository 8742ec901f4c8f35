"""Exit codes and texts of the commands that judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from commands_here import run


@pytest.fixture
def written(config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path) -> Path:
    frame.write_csv(tmp_path / "churn.csv")
    path = tmp_path / "churn.yaml"
    gates = {"baselines": False, "gates": [{"metric": "roc_auc", "at_least": 0.99}]}
    path.write_text(
        yaml.safe_dump({**config, "data": {"source": "churn.csv"}, "evaluation": gates})
    )
    return path


def test_unmet_gate_ends_train_and_evaluate_with_three(written: Path, tmp_path: Path) -> None:
    junit, markdown = tmp_path / "gates.xml", tmp_path / "summary.md"
    done = run("train", str(written), "-q", "--junit", str(junit), "--markdown", str(markdown),
               code=3)  # fmt: skip
    assert "<failure" in junit.read_text(encoding="utf-8")
    assert "0.99" in markdown.read_text(encoding="utf-8")
    assert "NOT MET" in done.stdout
    assert "gate not met" in done.stderr
    assert "outside the bound" in done.stderr
    told = json.loads(run("train", str(written), "--json", code=3).stdout)
    assert told["limits"] == []
    assert told["slices"] == {}
    assert told["intervals"]["test"]["churn"]["roc_auc"]["low"] < 1
    again = run("train", str(written), "-q", code=3)
    assert "Nothing has changed" in again.stdout
    data, report = str(tmp_path / "churn.csv"), tmp_path / "r.html"
    done = run("evaluate", "latest", "-d", data, "--report", str(report), code=3)
    assert "NOT MET" in done.stdout
    assert report.exists()
    judged = json.loads(run("evaluate", "latest", "-d", data, "--json", code=3).stdout)
    assert not judged["passed"]


def test_errors_plots_and_score_of_a_run(written: Path, tmp_path: Path) -> None:
    run("train", str(written), "-q", code=3)
    book = json.loads(run("errors", "latest", "--json").stdout)
    row = book["worst"][0]["row"]
    done = run("errors", "latest", "--tag", f"{row}=odd")
    assert "Mending 'odd' would at most bring the mean log loss" in done.stdout
    assert "--tag ROW=TAG" in run("errors", "latest", "--tag", "odd", code=2).stderr
    folder = tmp_path / "plots"
    made = run("visualize", "confusion_matrix", "latest", "--output-dir", str(folder),
               "-o", "normalize=false")  # fmt: skip
    assert (folder / "confusion_matrix.html").exists()
    assert "confusion_matrix.html" in made.stdout
    assert "Did you mean 'roc_curves'" in run("visualize", "roc_curve", "latest", code=2).stderr
    assert "learning_curves" in run("visualize", "list").stdout
    done = run("score", "latest", "--by-hand", "privacy=no names")
    assert "ML Test Score" in done.stdout
    assert len(json.loads(run("score", "latest", "--json").stdout)["tests"]) == 28
