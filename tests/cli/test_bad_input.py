"""What a user meets who hands over something wrong: the message, the exit code, nothing lost."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

import ordain
from ordain.cli.main import main
from ordain.core.errors import BundleError, ConfigError, DataError, UsageError

FAMILIES = {
    "gbm": {"model_type": "gbm", "trainer": {"num_boost_round": 3}},
    "linear": {"model_type": "linear"},
    "neural": {"model_type": "neural", "trainer": {"epochs": 2}},
}
EACH_FAMILY = [
    "gbm",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("linear", "neural")),
]
INPUTS = {"tenure": "number", "contract": "category", "charges": "number"}
SETS = ["train"] * 250 + ["validation"] * 50 + ["test"] * 100
BY_COLUMN = {"split": {"type": "fixed", "column": "set"}}

Command = Callable[..., str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process and return all it says; its exit code must be `code`."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        said = capsys.readouterr()
        text = said.out + said.err
        assert (ended.value.code or 0) == code, text
        assert "Traceback" not in text
        return text

    return run


def declare(family: str = "gbm", /, *, target: str = "churn: binary", **keys: object) -> None:
    name, _, kind = target.partition(": ")
    document = {
        "name": "churn",
        "input_features": {column: t for column, t in INPUTS.items() if column != name},
        "output_features": {name: kind},
        "evaluation": {"baselines": False},
        **FAMILIES[family],
        **keys,
    }
    Path("c.yaml").write_text(yaml.safe_dump(document, sort_keys=False, width=200))


def said(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.DOTALL) is not None


BASE = """\
input_features: {tenure: number, contract: category}
output_features: {churn: binary}
"""
DOCUMENTS = {
    "key at the top": ("trainr: {}", r"c.yaml:3:1  unknown key `trainr`.*Fix: trainer"),
    "key in a block": (
        "model_type: neural\ntrainer: {epoch: 3}",
        r"c.yaml:4:11  unknown key `epoch` in `trainer`.*Fix: epochs: 3",
    ),
    "key of data": ("data: {sorce: a.csv}", r"unknown key `sorce` in `data`.*Fix: source: a.csv"),
    "key of a split": (
        "preprocessing: {split: {type: random, probabilites: [0.7, 0.1, 0.2]}}",
        r"c.yaml:3:39  unknown key `probabilites` in `preprocessing.split`",
    ),
    "key of an optimizer": (
        "model_type: neural\ntrainer: {optimizer: {type: adamw, weight_decai: 0.1}}",
        r"unknown key `weight_decai` in `trainer.optimizer`.*Fix: weight_decay: 0.1",
    ),
    "key of defaults": (
        "defaults: {number: {preprocessing: {normalizatin: zscore}}}",
        r"`normalizatin` in `defaults.number.preprocessing`.*Fix: normalization: zscore",
    ),
    "misplaced key": ("epochs: 5", r"`epochs` may not stand at the top.*belongs to `trainer.epoc"),
    "misplaced block": (
        "model_type: neural\ntrainer: {split: {type: random}}",
        r"`split` may not stand in `trainer`.*It belongs to `preprocessing.split`",
    ),
    "duplicate key": ("seed: 1\nseed: 2", r"c.yaml:4:1  `seed` stands twice.*first .* line 3"),
    "tab": ("trainer:\n\tepochs: 3", r"c.yaml:4:1  a tab stands where YAML needs spaces"),
    "wrong type": (
        "model_type: neural\ntrainer: {epochs: many}",
        r"c.yaml:4:19  `epochs` may not be 'many'.*a whole number, 'auto' or null",
    ),
    "value for a block": ("trainer: 5", r"`trainer` must be a mapping of keys, not the number 5"),
    "not YAML": ("data: {source: a.csv", r"a `{` that is opened here is not closed"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_fault_of_the_document_is_located_with_its_fix(case: str, command: Command) -> None:
    text, expected = DOCUMENTS[case]
    Path("c.yaml").write_text(BASE + text + "\n")
    assert said(expected, command("check", "c.yaml", code=2))
    assert said(expected, command("train", "c.yaml", code=2))


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("{type: number, preprocesing: {}}", "unknown key `preprocesing` in `input_features"),
        ("{type: number, preprocessing: {normalisation: minmax}}", "Fix: normalization: minmax"),
        ("{type: numbr}", "unknown type 'numbr'.*Fix: type: number"),
        ("{type: number, encoder: {type: dens}}", "unknown encoder 'dens'.*Fix: type: dense"),
    ],
)
def test_fault_of_a_feature_is_located(feature: str, expected: str, command: Command) -> None:
    text = BASE.replace("tenure: number", f"tenure: {feature}")
    Path("c.yaml").write_text(text + "model_type: neural\n")
    assert said(expected, command("check", "c.yaml", code=2))


def test_rules_between_keys_are_checked_beside_an_unknown_key(command: Command) -> None:
    Path("c.yaml").write_text(
        BASE + "model_type: neural\ntrainer: {epoch: 5, batch_size: -3}\ndata: {source: none.csv}\n"
    )
    text = command("check", "c.yaml", code=2)
    assert "unknown key `epoch`" in text
    assert "c.yaml:4:33  `batch_size` must be at least 1, or 'auto'; it is -3" in text
    assert "the file 'none.csv' is not there" in text
    assert "3 errors" in text


def test_columns_are_checked_beside_faults_of_the_document(
    frame: pl.DataFrame, command: Command
) -> None:
    frame.write_csv("a.csv")
    text = BASE.replace("tenure:", "tenur:") + "trainr: {}\ndata: {source: a.csv}\n"
    Path("c.yaml").write_text(text)
    found = command("check", "c.yaml", code=2)
    assert said(r"E401 c.yaml:1:18  the column 'tenur' is not .*Fix: tenure.*E201 c.yaml:3", found)


def test_unknown_column_names_the_nearest(frame: pl.DataFrame, command: Command) -> None:
    frame.rename({"tenure": "tenures"}).write_csv("a.csv")
    declare()
    expected = r"E401 .*the column 'tenure' is not in the data.*Columns: tenures, .*Fix: tenures"
    assert said(expected, command("train", "c.yaml", "-d", "a.csv", code=2))


def test_missing_target_is_told_before_any_work(frame: pl.DataFrame, command: Command) -> None:
    frame.drop("churn").write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E403 .*the target 'churn' is not in the data", text)
    assert not list(Path("home").glob("runs/*/*"))


UNREADABLE = {
    "empty": ("", r"'a.csv' is empty: it holds no line of data.*Fix: give a file with a line of"),
    "header only": ("tenure,contract\n", r"header and no rows: it names 2 columns .*Fix: give a"),
    "ragged": (
        "a,b\n" + "1,2\n" * 6999 + "1,2,3\n1,2\n",
        r"line 7001 \(3 fields\): 1,2,3.*`source: {type: csv, path: a.csv, ragged: report}`",
    ),
    "broken UTF-8": (
        "name,n\nCafé,1\n".encode() + b"caf\xe9,2\n",
        r"UTF-8 but for 1 line.*line 3: caf.*encoding: utf-8-lossy}`",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_data_ends_with_one(case: str, command: Command) -> None:
    content, expected = UNREADABLE[case]
    Path("a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    declare(data={"source": "a.csv"})
    assert said(expected, command("train", "c.yaml", code=1))
    text = command("check", "c.yaml", code=1)
    assert said(r"E400 c.yaml:\d+:\d+  .*" + expected, text)
    assert "DataError" in command("train", "c.yaml", "--json", code=1)


@pytest.mark.parametrize(("n_rows", "shown"), [(1, "one row"), (2, "2 rows")])
def test_too_few_rows_are_told_before_work(
    n_rows: int, shown: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.head(n_rows).write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert f"E408 data  the data has {shown}" in text
    assert "at least 3" in text


def test_constant_target_is_an_error(frame: pl.DataFrame, command: Command) -> None:
    frame.with_columns(churn=pl.lit("Yes")).write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E405 .*'churn' is 'Yes' in all of 400 rows.*Fix: choose another column", text)


def test_target_without_a_value_is_an_error(frame: pl.DataFrame, command: Command) -> None:
    frame.with_columns(churn=pl.lit(None, pl.String)).write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E404 .*'churn' has no value in any of 400 rows", text)


def test_three_labels_are_not_binary(frame: pl.DataFrame, command: Command) -> None:
    frame.with_columns(churn=pl.col("contract")).write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E411 .*has two values, this one has 3.*Fix: declare it `type: category`", text)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_class_of_one_row_is_warned_of_and_trains(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    odd = pl.Series("contract", ["odd", *frame["contract"].to_list()[1:]])
    frame.with_columns(odd).write_csv("a.csv")
    declare(family, target="contract: category")
    text = command("train", "c.yaml", "-d", "a.csv", "-q")
    assert "'odd' has a single row. Such a class stands in one set only" in text
    assert command("predict", "latest", "-d", "a.csv").count("\n") == 401


def test_class_of_one_row_may_not_be_stratified(frame: pl.DataFrame, command: Command) -> None:
    odd = pl.Series("contract", ["odd", *frame["contract"].to_list()[1:]])
    frame.with_columns(odd).write_csv("a.csv")
    split = {"split": {"type": "stratify", "column": "contract"}}
    declare(target="contract: category", preprocessing=split)
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E406 .*'odd' has a single row.*Fix: data:\n *where: contract <> 'odd'", text)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_one_class_in_training_is_warned_of_and_judged_by_both(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    rows = frame.with_columns(set=pl.Series(SETS))
    only = pl.when(pl.col("set") == "train").then(pl.lit("Yes")).otherwise("churn")
    rows.with_columns(churn=only).write_csv("a.csv")
    declare(family, preprocessing=BY_COLUMN)
    result = json.loads(command("train", "c.yaml", "-d", "a.csv", "--json").splitlines()[-1])
    assert any(
        "all training rows have 'Yes' as `churn`, so there is nothing to learn about it" in warning
        for warning in result["warnings"]
    )
    share = (frame["churn"][300:] == "Yes").mean()
    assert result["metrics"]["test"]["churn"]["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_one_training_row_is_an_error_before_work(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.head(1).write_csv("train.csv")
    frame.tail(50).write_csv("test.csv")
    declare(family)
    sets = ("--training-set", "train.csv", "--test-set", "test.csv")
    text = command("train", "c.yaml", "-q", *sets, code=2)
    assert "E408" in text


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_class_only_in_the_test_set_is_counted(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    rows = frame.with_columns(set=pl.Series(SETS))
    odd = pl.when((pl.col("set") == "test") & (pl.col("tenure") > 40)).then(pl.lit("odd"))
    rows.with_columns(contract=odd.otherwise("contract")).write_csv("a.csv")
    count = int((frame["tenure"][300:] > 40).sum())
    declare(family, target="contract: category", preprocessing=BY_COLUMN)
    text = command("train", "c.yaml", "-d", "a.csv", "-q")
    assert f"Without {count} rows whose label did not occur in training: accuracy" in text
    assert f"`contract` on `test`: {count} rows left out: the label did not occur in" in text
    assert said(r"counted as wrong, accuracy is 0\.\d+", text)


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_one_class_in_the_judging_sets_leaves_metrics_without_value(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    rows = frame.with_columns(set=pl.Series(SETS))
    only = pl.when(pl.col("set") != "train").then(pl.lit("Yes")).otherwise("churn")
    rows.with_columns(churn=only).write_csv("a.csv")
    declare(family, preprocessing=BY_COLUMN)
    result = json.loads(command("train", "c.yaml", "-d", "a.csv", "--json").splitlines()[-1])
    assert result["metrics"]["test"]["churn"]["roc_auc"] is None
    assert result["metrics"]["test"]["churn"]["average_precision"] is None
    told = " ".join(result["warnings"])
    assert "`churn` on `test`: every row is 'Yes', so metrics that compare classes" in told
    assert "`churn` on `validation`: every row is 'Yes'" in told


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_column_without_values_is_warned_of(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.with_columns(charges=pl.lit(None, pl.Float64)).write_csv("a.csv")
    declare(family)
    text = command("train", "c.yaml", "-d", "a.csv", "-q")
    assert "warning: `charges` has no value in any of 400 rows and tells nothing" in text


def test_dates_of_which_none_parses_are_an_error(frame: pl.DataFrame, command: Command) -> None:
    frame.with_columns(tenure=pl.format("day {}", "tenure")).write_csv("a.csv")
    declare(input_features={"tenure": "date", "contract": "category"})
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said(
        "E402 .*400 of 400 values cannot be read as dates"
        ".*Fix: declare it `type: category` or `type: text`, or set `datetime_form",
        text,
    )


@pytest.mark.parametrize("family", EACH_FAMILY)
def test_mixed_types_are_counted_and_train(
    family: str, frame: pl.DataFrame, command: Command
) -> None:
    words = pl.Series("tenure", ["twelve" if i % 50 == 7 else str(i) for i in range(400)])
    frame.with_columns(words).write_csv("a.csv")
    declare(family)
    expected = "8 of 400 values of `tenure` are no numbers, such as 'twelve'"
    assert expected in command("check", "c.yaml", "-d", "a.csv")
    text = command("train", "c.yaml", "-d", "a.csv", "-q")
    assert text.count(expected) == 1
    assert "They count as missing" in text


def test_mostly_other_types_are_an_error(frame: pl.DataFrame, command: Command) -> None:
    words = pl.Series("tenure", ["twelve" if i % 5 else str(i) for i in range(400)])
    frame.with_columns(words).write_csv("a.csv")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv", code=2)
    assert said("E407 .*320 of 400 values of `tenure` are no numbers, such as 'twelve'\n", text)


def test_bytes_that_are_not_utf8_are_read_and_told(frame: pl.DataFrame, command: Command) -> None:
    text = frame.write_csv().replace("year", "année")
    Path("a.csv").write_bytes(text.encode("cp1252"))
    declare()
    expected = r"lines are not UTF-8 \(line \d+ .*année.*read as cp1252; `encoding: cp1252` says so"
    assert said("W602 .*" + expected, command("check", "c.yaml", "-d", "a.csv"))
    assert said("warning: .*" + expected, command("train", "c.yaml", "-d", "a.csv", "-q"))


def test_words_for_missing_do_not_stop_training(frame: pl.DataFrame, command: Command) -> None:
    frame.write_csv("a.csv", null_value="NA")
    declare()
    text = command("train", "c.yaml", "-d", "a.csv")
    count = frame["charges"].null_count()
    assert f"reading: {count} cells hold a word for missing (`charges`: 'NA' {count})" in text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"where": "tenur > 3"}, r"names the column `tenur`.*Did you mean `tenure`"),
        ({"where": "tenure >"}, r"`where: tenure >` is not a valid expression: syntax error"),
        ({"where": "tenure > 3000"}, r"`where: tenure > 3000` leaves none of the 400 rows"),
        ({"columns": {"x": "tenure / / 3"}}, r"`columns.x: .*is not a valid expression"),
    ],
)
def test_wrong_expression_is_located_in_the_config(
    data: dict[str, object], expected: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.write_csv("a.csv")
    declare(data={"source": "a.csv", **data})
    for verb in ("check", "train"):
        assert said(r"E416 c.yaml:\d+:\d+  .*" + expected, command(verb, "c.yaml", code=2))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"query": "selec * from t"}, r'sqlite:///d.db cannot be read:.*near "selec": syntax err'),
        ({"query": "select tenur from t"}, "no such column: tenur"),
        ({"table": "tt"}, r"has no table 'tt'. Did you mean 't'\?"),
        ({"query": "select * from t where tenure > 1000"}, "has no rows"),
        ({"query": "drop table t"}, "attempt to write a readonly database"),
    ],
)
def test_wrong_sql_keeps_the_words_of_the_database(
    source: dict[str, str], expected: str, command: Command
) -> None:
    pytest.importorskip("sqlalchemy")
    with sqlite3.connect("d.db") as connection:
        connection.execute("create table t(tenure)")
        connection.execute("insert into t values (1)")
    connection.close()
    declare(data={"source": {"type": "sql", "url": "sqlite:///d.db", **source}})
    assert said(expected, command("train", "c.yaml", code=1))


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_refused_http_names_host_and_port(closed_port: int, command: Command) -> None:
    declare()
    text = command("train", "c.yaml", "-d", f"http://127.0.0.1:{closed_port}/a.csv", code=1)
    expected = f"the host '127.0.0.1:{closed_port}' of http://.* cannot be reached: Connection ref"
    assert said(expected + ".*Fix: check the address", text)


def test_refused_database_names_host_and_hides_the_password(
    closed_port: int, command: Command
) -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://me:secretword@127.0.0.1:{closed_port}/db"
    declare(data={"source": {"type": "sql", "url": url, "table": "t"}})
    text = command("train", "c.yaml", "--json", code=1)
    assert said(r"me:\*\*\*@127.0.0.1.*cannot be read:.*refused", text)
    assert "secretword" not in text


@pytest.fixture
def bundle(frame: pl.DataFrame, command: Command) -> str:
    frame.write_csv("a.csv")
    declare()
    result = json.loads(command("train", "c.yaml", "-d", "a.csv", "--json").splitlines()[-1])
    return str(result["bundle"])


def test_unseen_category_is_predicted_and_told(
    bundle: str, frame: pl.DataFrame, command: Command
) -> None:
    odd = pl.Series("contract", ["odd"] * 5 + frame["contract"].to_list()[5:])
    frame.with_columns(odd).write_csv("b.csv")
    expected = "warning: 5 of 400 values of `contract` did not occur in training, such as 'odd'"
    assert expected in command("predict", bundle, "-d", "b.csv", "--output", "o.csv")
    assert pl.read_csv("o.csv").height == 400
    assert expected in command("evaluate", bundle, "-d", "b.csv")


def test_values_that_cannot_be_read_at_prediction_are_told(
    bundle: str, frame: pl.DataFrame, command: Command
) -> None:
    columns = {"tenure": pl.format("m{}", "tenure"), "charges": pl.lit(None, pl.Float64)}
    frame.with_columns(**columns).write_csv("b.csv")
    text = command("predict", bundle, "-d", "b.csv", "--output", "o.csv")
    assert said("400 of 400 values of `tenure` cannot be read and count as missing, such as", text)
    assert "`charges` is missing in all of 400 rows, and was not in training" in text


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_missing_column_at_prediction_names_the_nearest(
    verb: str, bundle: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.drop("charges").rename({"tenure": "tenur"}).write_csv("b.csv")
    text = command(verb, bundle, "-d", "b.csv", code=1)
    assert said("2 input columns are not in the data.*`tenure` is missing; nearest: `tenur`", text)
    assert "Fix: add the column, empty where the value is not known" in text
    with pytest.raises(DataError, match="`charges` is missing"):
        ordain.load(bundle).predict(frame.drop("charges"))


def test_extra_columns_and_the_target_change_no_prediction(
    bundle: str, frame: pl.DataFrame, command: Command
) -> None:
    frame.drop("churn").with_columns(extra=pl.lit(1)).write_csv("b.csv")
    command("predict", bundle, "-d", "a.csv", "--output", "with.csv")
    command("predict", bundle, "-d", "b.csv", "--output", "without.csv")
    assert Path("with.csv").read_bytes() == Path("without.csv").read_bytes()


def test_evaluation_needs_the_target(bundle: str, frame: pl.DataFrame, command: Command) -> None:
    frame.drop("churn").write_csv("b.csv")
    text = command("evaluate", bundle, "-d", "b.csv", code=1)
    assert said("1 target column is not in the data.*`churn`.*or use `ordain predict`", text)


def test_label_unknown_to_the_model_is_counted_in_evaluation(
    bundle: str, frame: pl.DataFrame, command: Command
) -> None:
    labels = ["Maybe"] * 10 + [None] * 5 + frame["churn"].to_list()[15:]
    frame.with_columns(churn=pl.Series(labels)).write_csv("b.csv")
    judged = json.loads(command("evaluate", bundle, "-d", "b.csv", "--json"))
    accuracy = judged["metrics"]["churn"]["accuracy"]
    told = " ".join(judged["warnings"])
    assert "5 rows left out: the truth is missing" in told
    assert "10 rows left out: the label did not occur in training" in told
    assert f"counted as wrong, accuracy is {accuracy * 385 / 395:.4f}" in told


def test_empty_rows_to_predict_leave_no_output(bundle: str, command: Command) -> None:
    Path("b.csv").write_text("tenure,contract,charges\n")
    text = command("predict", bundle, "-d", "b.csv", "--output", "o.csv", code=1)
    assert "'b.csv' has a header and no rows" in text
    assert not Path("o.csv").exists()


def test_column_to_keep_names_the_nearest(bundle: str, command: Command) -> None:
    text = command("predict", bundle, "-d", "a.csv", "--keep", "tenre", code=2)
    assert "cannot keep `tenre`: it is not in the data. Did you mean `tenure`?" in text


def test_one_flipped_byte_in_any_file_refuses_the_bundle(bundle: str, command: Command) -> None:
    files = [path for path in Path(bundle).rglob("*") if path.is_file()]
    assert len(files) >= 9
    for path in files:
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        text = command("predict", bundle, "-d", "a.csv", "--output", "o.csv", code=1)
        assert said("refused|not a bundle|bundle format", text)
        assert not Path("o.csv").exists()
        path.write_bytes(content)
    command("predict", bundle, "-d", "a.csv", "--output", "o.csv")
    (Path(bundle) / "metrics.json").write_text("{}")
    with pytest.raises(BundleError, match=r"`metrics.json` differs .* the bundle is refused"):
        ordain.load(bundle)


def test_python_says_the_same(bundle: str, frame: pl.DataFrame) -> None:
    model = ordain.load(bundle)
    with pytest.raises(UsageError, match="no `tenure`, but a key `tenur`"):
        model.predict_row({"tenur": 3})
    with pytest.raises(ConfigError, match="`output_features` is missing"):
        ordain.train({"input_features": "all"}, frame)
    with pytest.raises(ConfigError, match="the target 'left' is not in the data"):
        ordain.train({"input_features": "all", "output_features": {"left": "binary"}}, frame)
    with pytest.raises(UsageError, match="an object of type 'int' is no table"):
        ordain.train("c.yaml", 3)


def test_error_in_json_is_one_object_with_its_faults(command: Command) -> None:
    Path("c.yaml").write_text(BASE + "trainr: {}\n")
    text = command("train", "c.yaml", "--json", code=2)
    error = json.loads(text[text.index('{"error"') :].splitlines()[0])["error"]
    assert error["type"] == "ConfigError"
    assert error["diagnostics"][0]["place"]["line"] == 3
