from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import DataError, UsageError
from ordain.evaluation.compare import compare_scores

pytestmark = pytest.mark.slow


@pytest.fixture
def data(large: pl.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "churn.csv"
    large.head(1500).write_csv(path)
    return path


def trained(config: dict[str, Any], data: Any, **more: Any) -> str:
    return ordain.train({**config, "model_type": "linear", "trainer": {}, **more}, data).run.id


def test_runs_of_one_split_are_compared_on_their_test_rows(
    config: dict[str, Any], data: Path
) -> None:
    weak = {"input_features": {"contract": "category"}}
    first, second = trained({**config, **weak}, data), trained(config, data)
    found = ordain.compare(first, second)
    assert found.rows == "the test rows of all runs"
    output = found.outputs["churn"]
    told = output.verdict(found.runs[1])
    assert told is not None
    assert told.verdict == "better"
    models = [ordain.load(run) for run in (first, second)]
    recorded = models[1].metrics["metrics"]["test"]["churn"]["roc_auc"]
    assert output.runs[1].metrics["roc_auc"] == pytest.approx(recorded)
    flips = output.flips[0]
    assert flips.better + flips.worse + flips.same == output.n_rows == found.n_rows
    assert flips.better > flips.worse
    example = flips.examples_better[0]
    assert example.after == example.truth != example.before
    assert example.values["contract"] in {"month", "year", "two years"}
    assert {change["path"] for change in found.diffs[0].config} == {
        "input_features.tenure", "input_features.charges"
    }  # fmt: skip
    assert found.diffs[0].data == ()
    fact = found.facts[0]
    assert fact.latency_ms is not None
    assert fact.size_bytes is not None
    assert fact.latency_ms > 0
    assert found.frame.filter(pl.col("metric") == "roc_auc").height == 2
    assert type(found).model_validate(found.to_json()) == found


def test_the_difference_is_that_of_the_scores_on_the_same_rows(
    config: dict[str, Any], data: Path
) -> None:
    first = trained({**config, "input_features": {"contract": "category"}}, data)
    second = trained(config, data)
    rows = pl.read_csv(data).head(300)
    found = ordain.compare(first, second, data=rows).outputs["churn"].runs[1].differences[0]
    truth = (rows["churn"] == "Yes").to_numpy().astype(int)
    ours, theirs = (
        ordain.load(run).predict(rows)["churn_probability_Yes"].to_numpy()
        for run in (second, first)
    )
    expected = compare_scores("binary", truth, ours, theirs, against="x", metric="roc_auc")
    assert found.gain == pytest.approx(expected.gain)
    assert found.interval == expected.interval


def test_rows_another_run_has_learned_from_are_left_out(
    config: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    first = trained(config, data)
    other = tmp_path / "other.csv"
    pl.read_csv(data).reverse().head(1200).write_csv(other)
    second = trained(config, other)
    found = ordain.compare(first, second)
    assert found.n_rows < 300
    assert "another run has learned from the others" in found.notes[0]
    learned = ordain.compare(second, first)
    assert learned.n_rows < 240


def test_runs_of_another_seed_share_few_rows_of_one_table(
    config: dict[str, Any], data: Path
) -> None:
    first, second = trained(config, data), trained(config, data, seed=7)
    found = ordain.compare(first, second)
    assert 10 <= found.n_rows < 150


def test_nothing_in_common_is_refused(config: dict[str, Any], data: Path, tmp_path: Path) -> None:
    first = trained(config, data)
    rows = pl.read_csv(data)
    charges = {"input_features": {"tenure": "number"}, "output_features": {"charges": "number"}}
    second = trained({**config, **charges}, data)
    with pytest.raises(UsageError, match=r"no output in common: churn/.* predicts `churn`; "):
        ordain.compare(first, second)
    with pytest.raises(UsageError, match="comparing takes two runs or more"):
        ordain.compare(first)
    with pytest.raises(UsageError, match=r"name the run .* twice"):
        ordain.compare(first, first)
    with pytest.raises(UsageError, match="there is no run 'nobody'"):
        ordain.compare(first, "nobody")
    all_rows = tmp_path / "all.csv"
    rows.write_csv(all_rows)
    with pytest.raises(DataError, match="`tenure` is missing"):
        ordain.compare(first, trained({**config, "seed": 3}, data), data=rows.drop("tenure"))
    whole = {"preprocessing": {"split": {"type": "random", "probabilities": [0.9, 0.1, 0.0]}}}
    third = trained({**config, **whole}, data)
    with pytest.raises(UsageError, match="has no test rows to compare on"):
        ordain.compare(third, first)


def test_a_run_without_a_bundle_is_refused_with_what_to_do(
    config: dict[str, Any], data: Path
) -> None:
    first, second = trained(config, data), trained(config, data, seed=3)
    from ordain.store.home import home
    from ordain.store.runs import Runs

    run = Runs(home()).find(second)
    run.bundle.rename(run.folder / "gone")
    run.update(state="interrupted")
    with pytest.raises(UsageError, match=r"has no bundle: it is interrupted\n  Fix: .*--resume"):
        ordain.compare(first, second)


def test_classes_that_one_run_has_not_seen_still_count(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 3, 900)
    rows = pl.DataFrame({"x": x + random.normal(0, 0.1, 900), "y": np.array(["a", "b", "c"])[x]})
    config = {
        "name": "classes",
        "input_features": {"x": "number"},
        "output_features": {"y": "category"},
        "model_type": "linear",
        "evaluation": {"baselines": False},
    }
    path = tmp_path / "rows.csv"
    rows.write_csv(path)
    few = tmp_path / "few.csv"
    rows.filter(pl.col("y") != "c").write_csv(few)
    first, second = (ordain.train(config, one).run.id for one in (few, path))
    found = ordain.compare(first, second, data=rows).outputs["y"]
    assert found.n_rows == 900
    told = found.verdict(found.runs[1].run)
    assert told is not None
    assert told.verdict == "better"
    assert found.runs[0].metrics["accuracy"] == pytest.approx(2 / 3, abs=0.05)


def test_three_runs_are_corrected_for_their_number(config: dict[str, Any], data: Path) -> None:
    runs = [trained(config, data, trainer={"regularization": c}) for c in (0.001, 0.1, 1.0)]
    found = ordain.compare(*runs).outputs["churn"]
    p_values = [
        next(d.p_value for d in one.differences if d.metric == "roc_auc") for one in found.runs[1:]
    ]
    assert all(p is None or p <= 1 for p in p_values)
    pair = ordain.compare(runs[0], runs[1]).outputs["churn"].runs[1].differences[0]
    assert pair.p_value is not None
    assert p_values[0] is not None
    assert p_values[0] >= pair.p_value


def test_derived_columns_and_conditions_of_both_runs_hold(
    config: dict[str, Any], data: Path
) -> None:
    derived = {
        "data": {"where": "charges > 40", "columns": {"monthly": "charges / (tenure + 1)"}},
        "input_features": {"monthly": "number", "contract": "category"},
    }
    first, second = trained({**config, **derived}, data), trained(config, data)
    rows = pl.read_csv(data).head(400)
    found = ordain.compare(second, first, data=rows)
    assert found.n_rows == rows.filter(pl.col("charges") > 40).height
    assert "a run's `where` excludes them" in found.notes[-1]
    own = ordain.compare(first, second)
    assert 10 <= own.n_rows < 300
