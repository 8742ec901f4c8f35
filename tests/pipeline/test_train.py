from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import ConfigError, UsageError
from ordain.store import bundle
from ordain.store.runs import Runs

Config = dict[str, Any]


def test_result_has_metrics_bundle_and_report(config: Config, frame: pl.DataFrame) -> None:
    result = ordain.train(config, frame)
    assert result.metrics["test"]["churn"]["roc_auc"] > 0.7
    assert {"test", "validation", "train"} <= set(result.metrics)
    assert result.report.exists()
    assert (result.bundle / bundle.CHECKSUMS).exists()
    assert json.dumps(result.to_json())


def test_baselines_stand_beside_the_model(config: Config, frame: pl.DataFrame) -> None:
    result = ordain.train({**config, "evaluation": {"baselines": True}}, frame)
    assert {"prior", "per_group", "linear"} <= set(result.baselines)
    assert result.baselines["linear"]["test"]["churn"]["roc_auc"] > 0.7


def test_equal_runs_give_equal_bundles(config: Config, frame: pl.DataFrame, tmp_path: Path) -> None:
    first = ordain.train(config, frame, home=tmp_path / "a")
    second = ordain.train(config, frame, home=tmp_path / "b")
    assert bundle.content(first.bundle) == bundle.content(second.bundle)


def test_bundle_holds_no_path_and_no_time(
    config: Config, frame: pl.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    frame.write_csv(path)
    result = ordain.train({**config, "data": {"source": str(path)}})
    for file in result.bundle.rglob("*"):
        if file.suffix in {".json", ".yaml", ".md", ".txt"}:
            assert str(tmp_path) not in file.read_text()
            # Of any form, such as 2026-11-21 or 20261121; digits of a metric may read alike.
            assert not re.search(r"(?<![\d.])20\d\d-?[01]\d-?[0-3]\d(?!\d)", file.read_text())


def test_nothing_changed_names_the_run_that_is_the_answer(
    config: Config, frame: pl.DataFrame
) -> None:
    first = ordain.train(config, frame)
    again = ordain.train(config, frame)
    assert again.is_reused
    assert again.run.reference == first.run.reference
    forced = ordain.train(config, frame, force=True)
    assert not forced.is_reused


def test_order_of_features_changes_no_model(config: Config, frame: pl.DataFrame) -> None:
    first = ordain.train(config, frame)
    turned = dict(reversed(list(config["input_features"].items())))
    assert ordain.train({**config, "input_features": turned}, frame).run.folder == first.run.folder


def test_validation_is_cut_from_training_where_none_is_given(
    config: Config, frame: pl.DataFrame, tmp_path: Path
) -> None:
    frame[:300].write_csv(tmp_path / "train.csv")
    frame[300:].write_csv(tmp_path / "test.csv")
    result = ordain.train(
        config, training_set=tmp_path / "train.csv", test_set=tmp_path / "test.csv"
    )
    report = json.loads((result.run.folder / "metrics.json").read_text())
    assert set(report["metrics"]) == {"test", "validation", "train"}
    split = [e for e in _events(result.run.folder) if e["kind"] == "stage_finished"]
    assert any(event["stage"] == "split" for event in split)


def test_given_test_set_is_never_fitted_on(
    config: Config, frame: pl.DataFrame, tmp_path: Path
) -> None:
    train, test = frame[:300], frame[300:]
    strange = test.with_columns(
        pl.lit("never seen").alias("contract"), (pl.col("tenure") * 1_000_000).alias("tenure")
    )
    plain = ordain.train(config, training_set=train, test_set=test, home=tmp_path / "a")
    other = ordain.train(config, training_set=train, test_set=strange, home=tmp_path / "b")
    for name in ("features.json", "model/0.txt"):
        files = [result.bundle / name for result in (plain, other)]
        if files[0].exists():
            assert files[0].read_bytes() == files[1].read_bytes()


def test_folds_judge_every_row(config: Config, frame: pl.DataFrame) -> None:
    split = {"type": "stratify", "column": "churn", "k_fold": 4}
    result = ordain.train({**config, "preprocessing": {"split": split}}, frame)
    spread = result.cross_validation["churn"]["roc_auc"]
    assert len(spread["folds"]) == 4
    assert min(spread["folds"]) <= spread["mean"] <= max(spread["folds"])


def test_missing_targets_are_left_out_and_counted(config: Config, frame: pl.DataFrame) -> None:
    gaps = frame.with_columns(
        pl.when(pl.int_range(pl.len()) % 10 == 0)
        .then(None)
        .otherwise(pl.col("churn"))
        .alias("churn")
    )
    result = ordain.train(config, gaps)
    read = [e for e in _events(result.run.folder) if e["kind"] == "run_started"]
    assert read
    assert result.metrics["test"]["churn"]["roc_auc"] > 0.6


def test_number_output_is_judged_in_its_own_unit(config: Config, frame: pl.DataFrame) -> None:
    keys = {
        **config,
        "input_features": {"tenure": "number", "contract": "category"},
        "output_features": {"charges": "number"},
    }
    result = ordain.train(keys, frame.with_columns(pl.col("tenure") * 1000.0 + 5000))
    keys["output_features"] = {"tenure": "number"}
    keys["input_features"] = {"charges": "number", "contract": "category"}
    metrics = ordain.train(keys, frame).metrics["test"]["tenure"]
    assert 10 < metrics["rmse"] < 40
    assert result.metrics["test"]["charges"]["rmse"] > 1


def test_several_outputs_are_learned_at_once(config: Config, frame: pl.DataFrame) -> None:
    keys = {
        **config,
        "input_features": {"tenure": "number", "charges": "number"},
        "output_features": {"churn": "binary", "contract": "category"},
    }
    result = ordain.train(keys, frame)
    assert set(result.metrics["test"]) == {"churn", "contract"}
    answers = result.model().predict(frame.drop("churn", "contract"))
    assert {"churn_prediction", "contract_prediction", "contract_probability_month"} <= set(
        answers.columns
    )


def test_balancing_repeats_the_rarer_class(config: Config, frame: pl.DataFrame) -> None:
    plain = ordain.train(config, frame)
    balanced = ordain.train({**config, "preprocessing": {"oversample_minority": 1.0}}, frame)
    assert bundle.content(plain.bundle) != bundle.content(balanced.bundle)
    encode = [
        e for e in _events(balanced.run.folder) if e.get("stage") == "encode" and "outcome" in e
    ]
    assert {event["outcome"] for event in encode} == {"reused"}


def test_no_data_says_how_to_give_it(config: Config) -> None:
    with pytest.raises(
        UsageError, match=r"no data is declared\n  Fix: write `data: \{source: FILE\}`"
    ):
        ordain.train(config)


def test_test_set_alone_is_refused(config: Config, frame: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match="a test set is given without a training set"):
        ordain.train(config, test_set=frame)


def test_whole_table_and_sets_at_once_are_refused(config: Config, frame: pl.DataFrame) -> None:
    with pytest.raises(UsageError, match="give either all rows"):
        ordain.train(config, frame, training_set=frame)


def test_unknown_column_is_found_before_any_work(
    config: Config, frame: pl.DataFrame, work_folder: Path
) -> None:
    with pytest.raises(ConfigError, match="the column 'tenur' is not in the data"):
        ordain.train({**config, "input_features": {"tenur": "number"}}, frame)
    assert Runs(work_folder).all() == []


def test_failed_run_says_so_in_its_status(
    config: Config, frame: pl.DataFrame, work_folder: Path
) -> None:
    keys = {
        **config,
        "input_features": {
            "contract": "category",
            "tenure": {"type": "number", "preprocessing": {"missing_value_strategy": "error"}},
        },
    }
    gaps = frame.with_columns(pl.col("tenure").shift(1))
    with pytest.raises(ordain.DataError, match="tenure"):
        ordain.train(keys, gaps)
    (run,) = Runs(work_folder).all()
    assert run.status["state"] == "failed"


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_exact_copy_of_the_target_is_warned_of(config: Config, frame: pl.DataFrame) -> None:
    keys = {**config, "evaluation": {"baselines": True}}
    keys["input_features"] = {**config["input_features"], "left": "category"}
    result = ordain.train(keys, frame.with_columns(pl.col("churn").alias("left")))
    assert any("`leak` of `churn` failed: `left` alone" in warning for warning in result.warnings)


def test_folds_leave_a_given_test_file_alone(config: Config, frame: pl.DataFrame) -> None:
    keys = {**config, "preprocessing": {"split": {"type": "random", "k_fold": 3}}}
    result = ordain.train(keys, training_set=frame[:300], test_set=frame[300:])
    folds = [
        json.loads(path.read_text())["sizes"]
        for path in result.run.folder.parents[2].glob("cache/split/*/split.json")
    ]
    assert max(sum(sizes.values()) for sizes in folds if sizes["test"] != 100) == 300


def test_types_are_not_inferred_from_the_test_file(config: Config, frame: pl.DataFrame) -> None:
    flags = frame.with_columns((pl.int_range(pl.len()) % 2).alias("flag"))
    test = flags[300:].with_columns(pl.lit(2).cast(pl.Int64).alias("flag"))
    keys = {**config, "input_features": ["tenure", "flag"]}
    keys["input_features"] = [{"name": "tenure", "type": "number"}, {"name": "flag"}]
    result = ordain.train(keys, training_set=flags[:300], test_set=test)
    types = {f.name: f.type for f in result.model().document.inputs}
    assert types["flag"] == "binary"


def test_outliers_of_the_target_stay_in_the_test_set(config: Config, frame: pl.DataFrame) -> None:
    wild = frame.with_columns(
        pl.when(pl.int_range(pl.len()) % 20 == 0).then(9e5).otherwise(pl.col("tenure")).alias("y")
    )
    output = {"name": "y", "type": "number", "preprocessing": {"outlier_strategy": "drop_row"}}
    keys = {**config, "input_features": {"charges": "number"}, "output_features": [output]}
    assert ordain.train(keys, wild).metrics["test"]["y"]["rmse"] > 1e5


def test_filling_forward_crosses_no_set(
    config: Config, frame: pl.DataFrame, tmp_path: Path
) -> None:
    options = {"type": "number", "preprocessing": {"missing_value_strategy": "ffill"}}
    keys = {**config, "input_features": {"charges": options}}
    first = ordain.train(keys, training_set=frame[:300], test_set=frame[300:], home=tmp_path / "a")
    other = frame[300:].with_columns(pl.col("charges") + 500)
    second = ordain.train(keys, training_set=frame[:300], test_set=other, home=tmp_path / "b")
    files = [result.bundle / "model" / "0.txt" for result in (first, second)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_result_answers_for_its_model(config: Config, frame: pl.DataFrame, tmp_path: Path) -> None:
    result = ordain.train(config, frame)
    assert result.predict(frame).height == frame.height
    assert "churn_prediction" in result.predict_row({"tenure": 3})
    assert result.evaluate(frame)["churn"]["roc_auc"] > 0.6
    assert ordain.load(result.save(tmp_path / "kept")).predict(frame).height == frame.height
    assert ordain.load("latest").path == result.bundle
    assert len(repr(result)) < 300
