"""`ordain explain`, `trace` and `preview` as a person types them."""

import json

import pytest
import yaml
from typer.testing import CliRunner

import ordain
from ordain.cli.main import app

pytestmark = pytest.mark.slow


@pytest.fixture
def trained(work_folder, config, frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    frame.write_csv("rows.csv")
    config |= {"data": {"source": "rows.csv"}}
    (tmp_path / "churn.yaml").write_text(yaml.safe_dump(config))
    return ordain.train(tmp_path / "churn.yaml")


def told(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, (done.output, done.exception)
    return done


def test_a_model_is_told_by_a_table_and_sentences(trained):
    text = told("explain", "latest").stdout
    assert "how much the log loss" in text
    assert "95% interval" in text
    assert "█" in text
    assert "churn (Yes) by `tenure`: falls from" in text


def test_a_row_is_told_with_ways_and_neighbours(trained):
    done = told("explain", "latest", "-d", "rows.csv", "--row", "3", "--immutable", "contract")
    assert "row 3: churn is" in done.stdout
    assert "what each input adds to the log odds of Yes" in done.stdout
    assert "way 1 to " in done.stdout
    assert "known rows most like it" in done.stdout
    assert "note: neighbours are training rows of run" in done.stderr


def test_json_is_one_object(trained):
    whole = json.loads(told("explain", "latest", "--json").stdout)
    assert whole["outputs"]["churn"]["importance"]["inputs"][0]["input"] == "tenure"
    book = json.loads(told("errors", "latest", "--json").stdout)
    worst = [str(one["row"]) for one in book["worst"][:2]]
    row = json.loads(
        told("explain", "latest", "--row", worst[0], "--row", worst[1], "--json").stdout
    )
    assert [str(one["row"]) for one in row["rows"]] == worst
    trace = json.loads(told("trace", "latest", "-d", "rows.csv", "--row", "2", "--json").stdout)
    assert trace["inputs"]["tenure"]["steps"][0]["step"] == "read"
    preview = json.loads(told("preview", "churn.yaml", "--rows", "2", "--json").stdout)
    assert len(preview["rows"]) == 2


def test_words_of_a_text_are_told(work_folder, tmp_path, monkeypatch):
    import polars as pl

    monkeypatch.chdir(tmp_path)
    texts = ["it was good", "it was bad", "so good", "so bad"] * 30
    rows = pl.DataFrame({"note": texts, "kind": ["yes", "no"] * 60})
    rows.write_csv("notes.csv")
    ordain.train(
        {"name": "notes", "data": {"source": "notes.csv"}, "input_features": {"note": "text"},
         "output_features": {"kind": "binary"}, "model_type": "linear",
         "evaluation": {"baselines": False}},
    )  # fmt: skip
    text = told("explain", "latest", "-d", "notes.csv", "--row", "0").stdout
    assert "note: it was good" in text
    assert "most: good +" in text


def test_leaving_out_tells_each_input(trained):
    text = told("explain", "latest", "--leave-one-out", "--inputs", "1").stdout
    assert "churn without each input, test rows" in text
    assert "2 less important inputs were not tried" in text


def test_a_trace_and_a_preview_are_tables(trained):
    text = told("trace", "latest", "-d", "rows.csv", "--row", "4").stdout
    assert "row 4: inputs" in text
    assert "the threshold 0.5" in text
    text = told("preview", "churn.yaml", "--rows", "1").stdout
    assert "statistics are those of 280 training rows" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explain", "latest", "--wanted", "Yes"], "Fix: name it with --row N"),
        (["explain", "latest", "--leave-one-out", "--row", "1"], "Fix: leave out --dataset"),
        (["explain", "latest", "--row", "400000"], "row 400000 is none of the"),
        (["trace", "latest", "-d", "rows.csv", "--row", "-2"], "there is no row -2"),
        (["preview", "churn.yaml", "--rows", "0"], "0 rows cannot be shown"),
    ],
)
def test_what_cannot_be_is_told(trained, arguments, message):
    from ordain.core.errors import UsageError

    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, UsageError)
    assert message in done.exception.message
