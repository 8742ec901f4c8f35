"""Missing cells filled from other columns of their row."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from sklearn.linear_model import Ridge, RidgeClassifier

from ordain.features.binary import BinaryFeature
from ordain.features.category import CategoryFeature
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.filling import fill_reader, fill_values, unseen_groups
from ordain.features.number import NumberFeature

TOWNS = pl.DataFrame({"town": ["u", "u", "v", "v", "v", None, "w", "u"]})
RENTS = pl.Series("rent", [1.0, 3.0, 5.0, 5.0, 11.0, 100.0, None, None])


def fitted(feature, column, others, form=Form.TREES):
    feature = feature.settle(form)[0]
    return feature, feature.fit(column, seed=0, others=others)


@pytest.mark.parametrize(
    ("statistic", "u", "v"), [("mean", 2.0, 7.0), ("median", 2.0, 5.0), ("mode", 1.0, 5.0)]
)
def test_a_missing_number_takes_the_statistic_of_its_group(statistic, u, v):
    feature, encoding = fitted(
        NumberFeature(missing_value_strategy=f"fill_with_group_{statistic}", missing_group="town"),
        RENTS,
        TOWNS,
    )
    empty, groups = pl.Series("rent", [None, None], dtype=pl.Float64), ["u", "v"]
    cells = feature.encode(empty, encoding, pl.DataFrame({"town": groups})).values
    assert cells[:, 0].tolist() == [u, v]


@pytest.mark.parametrize("town", ["w", None, "never seen"])
def test_a_group_without_a_value_takes_the_statistic_of_all_rows(town):
    feature, encoding = fitted(
        NumberFeature(missing_value_strategy="fill_with_group_median", missing_group="town"),
        RENTS,
        TOWNS,
    )
    others = pl.DataFrame({"town": [town]}, schema={"town": pl.String})
    empty = pl.Series("rent", [None], dtype=pl.Float64)
    assert feature.encode(empty, encoding, others).values[0, 0] == 5.0
    assert feature.inspect(empty, encoding, others)["unseen_group"]["count"] == 1


def test_groups_without_a_value_are_counted_when_fitting():
    feature = NumberFeature(missing_value_strategy="fill_with_group_mean", missing_group="town")
    _, encoding = fitted(feature, RENTS, TOWNS)
    assert encoding.facts["unseen_group"] == {
        "count": 1,
        "examples": [{"row": 6, "value": "w"}],
    }


def test_a_missing_label_takes_the_mode_of_its_group():
    labels = pl.Series("x", ["a", "a", "b", "b", "a", None, None, None])
    feature, encoding = fitted(
        CategoryFeature(missing_value_strategy="fill_with_group_mode", missing_group="town"),
        labels,
        TOWNS,
    )
    empty = pl.Series("x", [None] * 3, dtype=pl.String)
    others = pl.DataFrame({"town": ["u", "v", "?"]})
    ids = feature.encode(empty, encoding, others).values
    assert [encoding.labels[at] for at in ids] == ["a", "b", "a"]


def test_a_missing_yes_or_no_takes_the_share_of_its_group():
    answers = pl.Series("x", ["yes", "no", "yes", "yes", "no", None, None, "yes"])
    feature, encoding = fitted(
        BinaryFeature(missing_value_strategy="fill_with_group_mean", missing_group="town"),
        answers,
        TOWNS,
    )
    others = pl.DataFrame({"town": ["u", "v"]})
    cells = feature.encode(pl.Series("x", [None, None]), encoding, others).values
    np.testing.assert_allclose(cells[:, 0], [2 / 3, 2 / 3])


def test_a_missing_date_takes_the_median_of_its_group():
    dates = pl.Series("x", ["2020-01-01", "2020-01-03", "2021-01-01", None, None, None, None, None])
    feature, encoding = fitted(
        DateFeature(
            missing_value_strategy="fill_with_group_median",
            missing_group="town",
            parts=("year", "day"),
        ),
        dates,
        TOWNS,
    )
    others = pl.DataFrame({"town": ["u", "v"]})
    cells = feature.encode(pl.Series("x", [None, None]), encoding, others).values
    assert cells.tolist() == [[2020.0, 2.0], [2021.0, 1.0]]


def made_up(n=400):
    random = np.random.default_rng(3)
    others = pl.DataFrame(
        {
            "size": random.normal(50, 10, n),
            "town": random.choice(["a", "b", "c"], n),
            "target": random.normal(0, 1, n),
        }
    )
    size, is_a = others["size"].to_numpy(), (others["town"] == "a").to_numpy()
    return others, size, is_a, random


INPUTS = {"size": "number", "town": "category"}


def test_a_number_filled_by_the_model_equals_scikit_learns_ridge():
    others, size, is_a, random = made_up()
    rent = 10 * size + 300 * is_a + random.normal(0, 5, len(size))
    column = pl.Series("rent", rent).set(pl.Series(np.arange(len(rent)) % 5 == 0), None)
    _, encoding = fitted(
        NumberFeature(missing_value_strategy="fill_with_model", missing_inputs=INPUTS),
        column,
        others,
    )
    missing = column.is_null()
    filled = fill_values(encoding.filling, others, missing)
    design = np.column_stack(
        [(size - size.mean()) / size.std()]
        + [(others["town"] == town).to_numpy() for town in ("a", "b", "c")]
    )
    known = ~missing.to_numpy()
    expected = Ridge(alpha=1.0).fit(design[known], rent[known]).predict(design[~known])
    expected = np.clip(expected, rent[known].min(), rent[known].max())
    np.testing.assert_allclose(filled, expected, rtol=1e-6)
    assert np.abs(filled - rent[~known]).mean() < 20


def test_a_label_filled_by_the_model_equals_scikit_learns_ridge_classifier():
    others, size, is_a, _ = made_up()
    kinds = np.where(size > 55, "large", np.where(is_a, "small a", "small"))
    column = pl.Series("kind", kinds).set(pl.Series(np.arange(len(kinds)) % 4 == 0), None)
    feature, encoding = fitted(
        CategoryFeature(missing_value_strategy="fill_with_model", missing_inputs=INPUTS),
        column,
        others,
    )
    missing = column.is_null().to_numpy()
    ids = feature.encode(column, encoding, others).values
    design = np.column_stack(
        [(size - size.mean()) / size.std()]
        + [(others["town"] == town).to_numpy() for town in ("a", "b", "c")]
    )
    expected = RidgeClassifier(alpha=1.0).fit(design[~missing], kinds[~missing])
    found = [encoding.labels[at] for at in ids[missing]]
    assert found == expected.predict(design[missing]).tolist()


def test_a_filled_number_stays_within_the_range_of_training():
    others, size, _, _ = made_up()
    column = pl.Series("rent", size * 2).set(pl.Series(np.arange(len(size)) % 5 == 0), None)
    _, encoding = fitted(
        NumberFeature(missing_value_strategy="fill_with_model", missing_inputs=INPUTS),
        column,
        others,
    )
    read = fill_reader(encoding.filling)
    assert read({"size": 1e9, "town": "a"}) == column.max()
    assert read({"size": "-1e9"}) == column.min()


def test_without_other_columns_a_cell_is_filled_as_where_they_are_missing():
    feature, encoding = fitted(
        NumberFeature(missing_value_strategy="fill_with_group_mean", missing_group="town"),
        RENTS,
        TOWNS,
    )
    empty = pl.Series("rent", [None], dtype=pl.Float64)
    assert feature.encode(empty, encoding).values[0, 0] == pytest.approx(125 / 6)
    assert unseen_groups(encoding.filling, None, empty.is_null()) is None


def test_reads_names_the_other_columns():
    by_group = NumberFeature(missing_value_strategy="fill_with_group_mean", missing_group="town")
    by_model = CategoryFeature(missing_value_strategy="fill_with_model", missing_inputs=INPUTS)
    assert by_group.reads == ("town",)
    assert by_model.reads == ("size", "town")
    assert NumberFeature(missing_group="town").reads == ()


def test_filling_by_group_needs_the_group():
    with pytest.raises(ValidationError, match="`fill_with_group_mode` needs `missing_group`"):
        BinaryFeature(missing_value_strategy="fill_with_group_mode")
