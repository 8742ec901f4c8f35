from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from commands_here import run


def run_alone(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, as a person does."""
    command = [sys.executable, "-m", "ordain.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


Command = Callable[..., Any]
BOTH_WAYS = pytest.mark.parametrize(
    "command", [run, pytest.param(run_alone, marks=pytest.mark.slow)], ids=["here", "alone"]
)


@pytest.fixture
def written(config: dict[str, Any], frame: pl.DataFrame, tmp_path: Path) -> Path:
    frame.write_csv(tmp_path / "churn.csv")
    path = tmp_path / "churn.yaml"
    path.write_text(yaml.safe_dump({**config, "data": {"source": "churn.csv"}}))
    return path


@BOTH_WAYS
def test_new_user_goes_from_file_to_predictions(
    command: Command, frame: pl.DataFrame, tmp_path: Path
) -> None:
    data, made = tmp_path / "rows.csv", tmp_path / "made.yaml"
    frame.write_csv(data)
    command("init", str(data), "--target", "churn", "--output", str(made))
    assert "churn: binary" in made.read_text()
    assert "no errors" in command("check", str(made)).stdout
    trained = json.loads(
        command("train", str(made), "-o", "model_type=gbm", "--json").stdout.splitlines()[-1]
    )
    assert set(trained) >= {
        "run", "bundle", "config", "metrics", "baselines", "seconds", "rows_per_second", "warnings"
    }  # fmt: skip
    assert trained["metrics"]["test"]["churn"]["roc_auc"] > 0.6
    for suffix in ("csv", "jsonl", "parquet"):
        output = tmp_path / f"out.{suffix}"
        command("predict", trained["bundle"], "--dataset", str(data), "--output", str(output))
        assert output.stat().st_size > 0
    assert pl.read_parquet(tmp_path / "out.parquet").height == frame.height
    judged = json.loads(command("evaluate", trained["run"], "-d", str(data), "--json").stdout)
    assert judged["metrics"]["churn"]["roc_auc"] > 0.6
    assert "the same, byte for byte" in command("reproduce", "latest").stdout


@BOTH_WAYS
def test_check_reports_all_faults_with_exit_code_two(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("input_features: {a: numbr}\noutput_features: {b: binary}\ntrainr: {}\n")
    done = command("check", str(path), code=2)
    assert "bad.yaml:1:21  unknown type 'numbr'" in done.stdout
    assert "bad.yaml:3:1" in done.stdout
    assert "2 errors" in done.stdout
    report = json.loads(command("check", str(path), "--json", code=2).stdout)
    assert len(report["diagnostics"]) == 2
    assert not report["ok"]


@BOTH_WAYS
def test_error_in_json_is_one_object(command: Command, tmp_path: Path) -> None:
    done = command("train", str(tmp_path / "none.yaml"), "--json", code=2)
    assert "none.yaml" in json.loads(done.stdout)["error"]["message"]


def test_plan_then_train_then_nothing_to_do(written: Path) -> None:
    assert "to compute" in run("plan", str(written)).stdout
    run("train", str(written), "-q")
    assert "Nothing to do: run churn/" in run("plan", str(written)).stdout
    again = run("train", str(written))
    assert (again.stdout + again.stderr).lower().count("nothing has changed") == 1


def test_training_ends_with_what_can_be_done_next(written: Path, tmp_path: Path) -> None:
    home = tmp_path / "my work"
    said = run("train", str(written), "--home", str(home)).stdout
    reference = next(line.split()[1] for line in said.splitlines() if line.startswith("run "))
    assert said.splitlines()[-2:] == [
        f"next    ordain serve {reference} --home '{home}'",
        f"        ordain register {reference} --home '{home}'",
    ]
    again = run("train", str(written), "--home", str(home), "--quiet").stdout
    assert "ordain serve" not in again
    again = run("train", str(written), "--home", str(home), "--json").stdout
    assert "ordain serve" not in again


def test_training_that_misses_a_gate_is_to_be_diagnosed(written: Path) -> None:
    gate = "evaluation.gates=[{metric: roc_auc, at_least: 0.999}]"
    said = run("train", str(written), "-o", gate, code=3).stdout
    reference = next(line.split()[1] for line in said.splitlines() if line.startswith("run "))
    assert said.splitlines()[-1] == f"next    ordain diagnose {reference}"


def test_runs_are_listed_shown_and_tagged(written: Path) -> None:
    run("train", str(written), "-q")
    run("train", str(written), "-q", "-o", "trainer.num_boost_round=3")
    listed = json.loads(run("runs", "list", "--json").stdout)["runs"]
    first, second = (line["run"] for line in listed)
    shown = run("runs", "show", first).stdout
    for said in ("churn on the test set", "report.html", "bundle  ", "time    "):
        assert said in shown
    assert "trainer.num_boost_round" in run("runs", "diff", first, second).stdout
    run("runs", "tag", first, "best")
    assert len(json.loads(run("runs", "list", "best", "--json").stdout)["runs"]) == 1
    assert "no tags" in run("runs", "tag", first, "--remove", "best").stdout
    assert "has no tag 'best'" in run("runs", "tag", first, "--remove", "best", code=2).stderr
    assert "no tag is given" in run("runs", "tag", first, code=2).stderr
    run("runs", "note", first, "keep this")
    assert "keep this" in run("runs", "show", first).stdout


def test_cache_is_listed_verified_and_cleared(written: Path) -> None:
    run("train", str(written), "-q")
    assert "encode" in run("cache", "list").stdout
    assert "all as written" in run("cache", "verify").stdout
    unknown = run("cache", "clear", "encod", code=2).stderr
    assert "Did you mean 'encode'?" in unknown
    assert "Stages it holds: encode, fit" in unknown
    assert "freed" in run("cache", "clear").stdout
    assert json.loads(run("cache", "list", "--json").stdout) == {"artefacts": []}


def test_render_fills_every_default_with_reasons(written: Path) -> None:
    text = run("render", str(written)).stdout
    assert "num_leaves" in text
    assert "# " in text
    assert "reasons" in json.loads(run("render", str(written), "--json").stdout)


def test_rendered_config_means_the_same(written: Path, tmp_path: Path) -> None:
    filled = tmp_path / "churn-filled.yaml"
    filled.write_text(run("render", str(written)).stdout)
    assert "mean the same" in run("diff", str(filled), str(filled)).stdout
    run("train", str(written), "-q")
    assert "Nothing to do" in run("plan", str(filled)).stdout


def test_schema_is_json_schema() -> None:
    schema = json.loads(run("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/draft/2020-12")


def test_predict_refuses_another_format(written: Path, tmp_path: Path) -> None:
    run("train", str(written), "-q")
    data = str(tmp_path / "churn.csv")
    done = run("predict", "latest", "-d", data, "--output", str(tmp_path / "a.xls"), code=2)
    assert "Possible: a file that ends in .csv, .jsonl, .parquet" in done.stderr


@BOTH_WAYS
def test_predictions_go_to_the_standard_output_with_columns_kept(
    command: Command, written: Path, tmp_path: Path
) -> None:
    command("train", str(written), "-q")
    done = command("predict", "latest", "-d", str(tmp_path / "churn.csv"), "--keep", "tenure")
    assert done.stdout.splitlines()[0].startswith("tenure,churn_prediction,churn_probability")
    assert len(done.stdout.splitlines()) == 401


def test_predictions_in_json_are_one_object(
    written: Path, frame: pl.DataFrame, tmp_path: Path
) -> None:
    run("train", str(written), "-q")
    data = str(tmp_path / "churn.csv")
    said = json.loads(run("predict", "latest", "-d", data, "--json", "--keep", "tenure").stdout)
    assert set(said) == {"predictions", "rows", "warnings"}
    assert said["rows"] == len(said["predictions"]) == frame.height
    assert list(said["predictions"][0])[:3] == ["tenure", "churn_prediction", "churn_probability"]
    many = tmp_path / "many.csv"
    pl.concat([frame] * 26).write_csv(many)
    done = run("predict", "latest", "-d", str(many), "--json", code=2)
    assert "give --output" in json.loads(done.stdout)["error"]["message"]


def test_judging_without_any_target_is_an_error(
    written: Path, frame: pl.DataFrame, tmp_path: Path
) -> None:
    run("train", str(written), "-q")
    bare = tmp_path / "bare.csv"
    frame.with_columns(churn=pl.lit(None, dtype=pl.String)).write_csv(bare)
    assert "no row is left to judge" in run("evaluate", "latest", "-d", str(bare), code=1).stderr


def test_pandas_column_of_unlike_kinds_is_predicted_as_text(
    written: Path, frame: pl.DataFrame
) -> None:
    import ordain

    pandas = pytest.importorskip("pandas")
    model = ordain.train(str(written)).model()
    rows = pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})
    name = next(name for name in frame.columns if frame[name].dtype == pl.String)
    rows[name] = [1, "x", 2.5, None] * (len(rows) // 4)
    assert len(model.predict(rows)) == len(rows)


def test_datasets_are_listed() -> None:
    names = [
        line["name"] for line in json.loads(run("datasets", "iris", "--json").stdout)["datasets"]
    ]
    assert any("iris" in name for name in names)


def test_missing_file_is_named(written: Path) -> None:
    done = run("train", str(written), "-d", "nowhere.csv", code=1)
    assert "nowhere.csv" in done.stderr


def test_search_without_a_data_set_says_so_with_near_names() -> None:
    assert "No data set has 'zzzz' in its name" in run("datasets", "zzzz").stdout
    near = run("datasets", "irris").stdout
    assert "Near names: " in near
    assert "iris" in near


def test_a_call_that_is_not_understood_is_told_in_json_too() -> None:
    report = json.loads(run("check", "--json", code=2).stdout)
    assert report["error"]["type"] == "UsageError"
    assert "CONFIG" in report["error"]["message"]
    report = json.loads(run("check", "x.yaml", "--json", "--jsn", code=2).stdout)
    assert "--jsn" in report["error"]["message"]


def test_training_names_the_line_of_a_source_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "lost.yaml"
    path.write_text(
        "data: {source: none.csv}\ninput_features: {a: number}\noutput_features: {y: number}\n"
    )
    checked = json.loads(run("check", str(path), "--json", code=1).stdout)["diagnostics"]
    trained = json.loads(run("train", str(path), "--json", code=1).stdout)["error"]
    assert trained["diagnostics"] == checked
    assert "lost.yaml:1:16" in trained["message"]


def test_text_declared_as_another_type_is_mended_with_what_fits(tmp_path: Path) -> None:
    rows = "\n".join(f"{word},{'yes' if i % 2 else 'no'}" for i, word in enumerate("abcd" * 9))
    (tmp_path / "rows.csv").write_text(f"w,y\n{rows}\n")
    path = tmp_path / "typed.yaml"
    path.write_text(
        "data: {source: rows.csv}\ninput_features: {w: date}\noutput_features: {y: number}\n"
    )
    found = json.loads(run("check", str(path), "--json", code=2).stdout)["diagnostics"]
    assert [one["code"] for one in found] == ["E402", "E402"]
    assert "`type: category` or `type: text`" in found[0]["fix"]
    assert "`type: binary` or `type: category`, or set" in found[1]["fix"]


def test_all_commands_that_write_answer_in_json(written: Path, tmp_path: Path) -> None:
    made, rows = tmp_path / "made.yaml", tmp_path / "made.csv"
    data = written.with_suffix(".csv")
    begun = run("init", str(data), "-t", "churn", "--output", str(made), "--json")
    assert json.loads(begun.stdout)["config"] == str(made)
    drawn = run("synthesize", str(written), "-n", "3", "--json")
    assert len(json.loads(drawn.stdout)["rows"]) == 3
    drawn = run("synthesize", str(written), "-n", "3", "--output", str(rows), "--json")
    assert json.loads(drawn.stdout) == {"rows": 3, "output": str(rows)}


def test_other_home_and_named_sets_are_reached(written: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "elsewhere")
    sets = "preprocessing.split={type: random, sets: {train: 0.5, test: 0.2, gold: 0.3}}"
    done = run("train", str(written), "-o", sets, "--home", home, "--quiet")
    assert "churn on the other sets" in done.stdout
    assert "\n gold " in done.stdout
    data = str(written.with_suffix(".csv"))
    run("predict", "latest", "-d", data, "--output", str(tmp_path / "p.csv"), "--home", home)
    run("evaluate", "latest", "-d", data, "--home", home)
    tagged = run("runs", "tag", "latest", "good", "--home", home, "--json")
    assert json.loads(tagged.stdout)["tags"] == ["good"]
    noted = run("runs", "note", "latest", "as before", "--home", home, "--json")
    assert json.loads(noted.stdout)["note"] == "as before"
