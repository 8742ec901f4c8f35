"""`ordain report`: a run's report, drawn again."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app
from ordain.core.errors import StoreError, UsageError
from ordain.pipeline.result import Result
from ordain.store.run_summary import FILE

pytestmark = pytest.mark.slow


@pytest.fixture
def result() -> Result:
    rows = pl.DataFrame(
        {"size": [i % 7 for i in range(200)], "is_sold": [i % 7 > 3 for i in range(200)]}
    )
    config = {
        "name": "sold",
        "input_features": {"size": "number"},
        "output_features": {"is_sold": "binary"},
        "model_type": "linear",
        "evaluation": {"slices": ["size > 3"], "human": {"roc_auc": 0.9}},
    }
    return ordain.train(config, rows)


def test_report_is_drawn_again_to_the_same_bytes(result: Result) -> None:
    before = result.report.read_bytes()
    result.report.unlink()
    done = CliRunner().invoke(app, ["report", "sold"])
    assert done.exit_code == 0
    assert Path(done.stdout.strip()) == result.report
    assert result.report.read_bytes() == before


def test_path_in_json(result: Result) -> None:
    done = CliRunner().invoke(app, ["report", "latest", "--json"])
    found = json.loads(done.stdout)
    assert found == {"run": result.run.reference, "report": str(result.report)}


def test_run_that_kept_no_summary_says_what_to_do(result: Result) -> None:
    (result.run.folder / FILE).unlink()
    done = CliRunner().invoke(app, ["report", "sold"])
    assert isinstance(done.exception, StoreError)
    assert "has no summary.json" in done.exception.message
    assert "Fix: train it again" in done.exception.message


def test_result_shows_itself_and_gives_frames_and_figures(result: Result) -> None:
    assert "<table>" in result._repr_html_()
    assert result.frames["slices"].height > 0
    assert result.figure("roc").to_plotly_json()["data"]
    assert result.summary.human == {"roc_auc": 0.9}
    with pytest.raises(UsageError, match="there is no figure 'rocc'; nearest: 'roc'"):
        result.figure("rocc")
