from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.pipeline.inputs import Given

SECRET = "s3cr3t-pa55"


def test_value_from_the_environment_enters_no_run_folder(
    config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / SECRET
    folder.mkdir()
    with sqlite3.connect(folder / "rows.db") as connection:
        frame.to_pandas().to_sql("churn", connection, index=False)
    connection.close()
    monkeypatch.setenv("ROWS", f"sqlite:///{folder}/rows.db")
    source = {"type": "sql", "url": "${ROWS}", "table": "churn"}
    result = ordain.train({**config, "data": {"source": source}})
    for name in ("config.yaml", "written.yaml", "inputs.json", "lock.json"):
        assert SECRET not in (result.run.folder / name).read_text()
    assert "${ROWS}" in (result.run.folder / "config.yaml").read_text()
    assert ordain.reproduce(result.run.reference).is_same


def test_password_of_a_given_url_is_not_written_down() -> None:
    given = Given(f"postgresql://me:{SECRET}@localhost/db")
    assert given.to_json() == {"data": "postgresql://me:***@localhost/db"}


def test_hidden_password_is_asked_for_again(config: dict[str, Any]) -> None:
    with pytest.raises(ordain.UsageError, match="was not kept with the run"):
        ordain.train(config, "postgresql://me:***@localhost/db")
