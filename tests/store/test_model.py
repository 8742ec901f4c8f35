from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import ordain
from ordain.core.errors import DataError, UsageError
from ordain.core.events import Events
from ordain.store.model import Model


@pytest.fixture
def model(config: dict[str, Any], frame: pl.DataFrame) -> Model:
    return ordain.train(config, frame).model()


@pytest.mark.parametrize("family", ["gbm", "linear", "neural"])
def test_row_alone_equals_its_row_in_the_frame(
    family: str, config: dict[str, Any], frame: pl.DataFrame
) -> None:
    keys = {**config, "model_type": family, "trainer": {"epochs": 2} if family == "neural" else {}}
    model = ordain.train(keys, frame).model()
    batch = model.predict(frame.drop("churn")).to_dicts()
    for row, expected in zip(frame.drop("churn").head(50).to_dicts(), batch[:50], strict=True):
        alone = model.predict_row(row)
        assert alone["churn_prediction"] == expected["churn_prediction"]
        assert alone["churn_probability_Yes"] == pytest.approx(
            expected["churn_probability_Yes"], abs=1e-6
        )


def test_pandas_and_arrow_come_back_as_they_came(model: Model, frame: pl.DataFrame) -> None:
    pandas = frame.to_pandas().set_index(pl.Series(range(100, 500)).to_pandas())
    answers = model.predict(pandas)
    assert type(answers).__module__.startswith("pandas")
    assert list(answers.index) == list(range(100, 500))
    assert type(model.predict(frame.to_arrow())).__name__ == "Table"


def test_lists_and_mappings_are_frames_too(model: Model, frame: pl.DataFrame) -> None:
    rows = frame.head(2).to_dicts()
    assert model.predict(rows).equals(model.predict(frame.head(2)))


def test_something_else_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="`int` is not a data frame"):
        model.predict(3)


def test_unseen_category_and_extra_column_are_answered(model: Model, frame: pl.DataFrame) -> None:
    odd = frame.with_columns(pl.lit("never seen").alias("contract"), pl.lit(1).alias("extra"))
    assert model.predict(odd)["churn_probability_Yes"].is_between(0, 1).all()


def test_missing_columns_are_named_with_the_nearest(model: Model, frame: pl.DataFrame) -> None:
    with pytest.raises(DataError, match=r"column `tenure` is missing; nearest: `Tenure`"):
        model.predict(frame.rename({"tenure": "Tenure"}))


def test_row_without_any_input_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match="the row has none of the model's inputs"):
        model.predict_row({"something": 1})


def test_row_lacking_a_key_is_a_missing_cell(model: Model) -> None:
    assert model.predict_row({"tenure": 3}) == model.predict_row(
        {"tenure": 3, "contract": None, "charges": None}
    )


def test_no_rows_give_no_rows(model: Model, frame: pl.DataFrame) -> None:
    answers = model.predict(frame.head(0))
    assert answers.height == 0
    assert "churn_prediction" in answers.columns


def test_evaluate_needs_the_target(model: Model, frame: pl.DataFrame) -> None:
    assert model.evaluate(frame)["churn"]["roc_auc"] > 0.7
    with pytest.raises(DataError, match="column `churn` is missing"):
        model.evaluate(frame.drop("churn"))


def test_derived_columns_are_computed_again(config: dict[str, Any], frame: pl.DataFrame) -> None:
    keys = {
        **config,
        "data": {"columns": {"total": "tenure * charges"}},
        "input_features": {"tenure": "number", "total": "number"},
    }
    model = ordain.train(keys, frame).model()
    assert set(model.input_columns) == {"tenure", "charges"}
    batch = model.predict(frame.drop("churn"))
    row = frame.drop("churn").row(0, named=True)
    assert model.predict_row(row)["churn_probability_Yes"] == pytest.approx(
        batch["churn_probability_Yes"][0], abs=1e-6
    )


def test_rows_outside_where_are_predicted_and_told(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    model = ordain.train({**config, "data": {"where": "tenure > 10"}}, frame).model()
    heard: list[str] = []
    answers = model.predict(frame, events=Events(lambda event: heard.append(event.data["message"])))
    assert answers.height == frame.height
    assert "do not satisfy `where: tenure > 10`" in heard[0]


def test_row_of_derived_columns_takes_gaps_and_text(
    config: dict[str, Any], frame: pl.DataFrame
) -> None:
    keys = {
        **config,
        "data": {"columns": {"total": "tenure * charges"}},
        "input_features": {"tenure": "number", "total": "number"},
    }
    model = ordain.train(keys, frame).model()
    gap = model.predict_row({"tenure": 3})
    assert gap == model.predict_row({"tenure": 3, "charges": None})
    assert model.predict_row({"tenure": "3", "charges": "20.5"}) == model.predict_row(
        {"tenure": 3, "charges": 20.5}
    )


def test_what_is_unusual_is_told_of_any_frame(model: Model, frame: pl.DataFrame) -> None:
    assert model.unusual(frame.to_pandas()) == model.unusual(frame)
