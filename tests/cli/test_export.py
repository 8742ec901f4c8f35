"""`ordain export` and `ordain predict` as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.cli.main import main

pytestmark = pytest.mark.slow


def _called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def run(config: dict[str, Any], frame: pl.DataFrame) -> str:
    return ordain.train({**config, "model_type": "linear", "trainer": {}}, frame).run.reference


def test_export_says_what_was_checked(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.onnx"
    code, out, _ = _called(capsys, "export", run, "--format", "onnx", "--output", str(path))
    assert code == 0
    assert f"wrote {path}" in out
    assert "0 predictions changed" in out
    assert "note: labels are fed as text" in out


def test_export_that_answers_alike_says_so_in_words(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "pack")
    code, out, _ = _called(capsys, "export", run, "--format", "handover", "--output", path)
    assert code == 0
    assert next(line for line in out.splitlines() if "checked by" in line).endswith(
        " rows: no difference"
    )


def test_export_prints_json(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "m.sql")
    options = ["-o", "table=t", "-o", "keep=tenure"]
    code, out, _ = _called(
        capsys, "export", run, "--format", "sql", "--output", path, *options, "--json"
    )
    assert code == 0
    told = json.loads(out)
    assert (told["format"], told["output"], told["labels_changed"]) == ("sql", path, 0)
    assert told["rows_checked"] >= 32


def test_export_refuses_an_option_without_a_value(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "m.onnx")
    code, _, err = _called(
        capsys, "export", run, "--format", "onnx", "--output", path, "-o", "quantize"
    )
    assert code == 2
    assert "'quantize' is not KEY=VALUE" in err


def test_predict_writes_a_table_and_says_so(
    run: str, tmp_path: Path, frame: pl.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    frame.write_csv(tmp_path / "rows.csv")
    url = f"sqlite:///{tmp_path}/a.db::predictions"
    code, out, _ = _called(
        capsys, "predict", run, "-d", str(tmp_path / "rows.csv"), "--output", url
    )
    assert code == 0
    assert f"wrote {frame.height} rows to {url}" in out
