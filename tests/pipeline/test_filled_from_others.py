"""Cells filled from other columns, through training, bundle and prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.core.errors import ConfigError, DataError

Config = dict[str, Any]
BY_GROUP = {"missing_value_strategy": "fill_with_group_median", "missing_group": "town"}
BY_MODEL = {"missing_value_strategy": "fill_with_model"}
CONFIG: Config = {
    "name": "rent",
    "input_features": [
        {"name": "size", "type": "number", "preprocessing": BY_GROUP},
        {"name": "rooms", "type": "number", "preprocessing": BY_MODEL},
        {"name": "kind", "type": "category", "preprocessing": BY_MODEL},
    ],
    "output_features": [{"name": "rent", "type": "number"}],
    "model_type": "linear",
    "evaluation": {"baselines": False},
}


@pytest.fixture
def rows() -> pl.DataFrame:
    random = np.random.default_rng(5)
    size = random.normal(50, 10, 160)
    gap = random.random(160) < 0.2
    kind = pl.Series(np.where(size < 50, "flat", "house"))
    return pl.DataFrame(
        {
            "town": random.choice(["a", "b"], 160),
            "size": pl.Series(size).set(pl.Series(gap), None),
            "rooms": pl.Series(np.round(size / 20)).set(pl.Series(gap[::-1].copy()), None),
            "kind": kind.set(pl.Series(np.roll(gap, 7)), None),
            "rent": size * 10 + random.normal(0, 5, 160),
        }
    )


def test_a_row_alone_is_answered_as_in_the_frame(rows: pl.DataFrame) -> None:
    model = ordain.load(ordain.train(CONFIG, rows).bundle)
    together = model.predict(rows)["rent_prediction"]
    alone = [model.predict_row(row)["rent_prediction"] for row in rows.iter_rows(named=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-9)


def test_a_column_that_is_only_read_is_required(rows: pl.DataFrame) -> None:
    model = ordain.load(ordain.train(CONFIG, rows).bundle)
    assert set(model.input_columns) == {"town", "size", "rooms", "kind"}
    with pytest.raises(DataError, match="column `town` is missing"):
        model.predict(rows.drop("town"))


def test_the_columns_of_the_model_are_written_back_with_their_types(rows: pl.DataFrame) -> None:
    model = ordain.load(ordain.train(CONFIG, rows).bundle)
    by_name = {feature.name: feature.preprocessing for feature in model.document.inputs}
    assert by_name["rooms"].missing_inputs == {"size": "number", "kind": "category"}


def test_an_unseen_group_is_told_at_prediction(rows: pl.DataFrame) -> None:
    model = ordain.load(ordain.train(CONFIG, rows).bundle)
    told = " ".join(model.unusual(rows.with_columns(town=pl.lit("z"))))
    count = rows["size"].null_count()
    assert f"{count} of 160 values of `size` are missing in a group that is missing or did" in told


def test_rows_of_other_sets_do_not_change_what_is_filled_in(rows: pl.DataFrame) -> None:
    first, later = rows.head(120), rows.tail(40)
    other = later.with_columns(size=pl.col("size") * 1000, town=pl.lit("b"))
    models = [
        ordain.load(ordain.train(CONFIG, training_set=first, test_set=tested).bundle)
        for tested in (later, other)
    ]
    fillings = [
        {name: model.encodings[name].model_dump(mode="json") for name in ("size", "rooms")}
        for model in models
    ]
    assert fillings[0] == fillings[1]


@pytest.mark.parametrize(
    ("group", "says"),
    [
        ("twon", "the column 'twon' is not in the data"),
        ("rent", "`size` would be filled from the output 'rent'"),
        ("size", "`size` would be filled from itself"),
    ],
)
def test_a_column_that_may_not_be_read_is_found_before_any_work(
    rows: pl.DataFrame, group: str, says: str
) -> None:
    options = {**BY_GROUP, "missing_group": group}
    size = {"name": "size", "type": "number", "preprocessing": options}
    with pytest.raises(ConfigError, match=says):
        ordain.train({**CONFIG, "input_features": [size]}, rows)


def test_a_target_is_not_filled_with_a_guess(rows: pl.DataFrame) -> None:
    output = {"name": "rent", "type": "number", "preprocessing": BY_MODEL}
    with pytest.raises(ConfigError, match="a guess from the inputs"):
        ordain.train({**CONFIG, "output_features": [output]}, rows)
