"""What a person is told of a cell is what happens to it."""

import datetime as dt

import polars as pl
import pytest

from ordain.features.feature import FEATURES, Form

ROWS = {
    "number": pl.Series("x", [1.0, 2.0, 3.0, None, 100.0]),
    "binary": pl.Series("x", ["yes", "no", "yes", None, "no"]),
    "category": pl.Series("x", ["a", "b", "a", None, "c"]),
    "text": pl.Series("x", ["one two", "two", None, "three one", "one"]),
    "date": pl.Series("x", ["2024-01-01", "2024-02-01", None, "2024-03-01", "2024-03-05"]),
}


def fitted(name, form=Form.LINEAR, **options):
    feature, _ = FEATURES.build({"type": name, **options}).settle(form)
    return feature, feature.fit(ROWS[name], seed=0)


def names(steps):
    return [step.name for step in steps]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("value", [None, 0, "an odd one"])
def test_the_last_step_is_what_the_model_gets(name, value):
    feature, encoding = fitted(name)
    raw = str(value) if name in {"text", "category", "date"} and value is not None else value
    last = feature.steps(raw, encoding, {"x": raw})[-1]
    assert last.name == "encoded"
    assert repr(last.value) == repr(feature.row(encoding)(raw))
    assert last.why


def test_a_missing_number_tells_its_fill():
    feature, encoding = fitted("number")
    steps = feature.steps(None, encoding, {})
    assert names(steps) == ["parsed", "filled", "encoded"]
    assert steps[0].why == "missing"
    assert steps[1].value == encoding.fill
    assert steps[1].why == "fill_with_median: found on training rows"


def test_a_number_that_cannot_be_read_says_so():
    feature, encoding = fitted("number")
    assert feature.steps("abc", encoding, {})[0].why == "cannot be read as a number"


def test_an_outlier_tells_what_it_becomes():
    feature, encoding = fitted("number", outlier_strategy="clip", outlier_threshold=1.0)
    steps = feature.steps(1e6, encoding, {})
    assert names(steps) == ["parsed", "cleaned", "encoded"]
    assert steps[1].value == encoding.cleaning.high
    assert steps[1].why.startswith("outside of ")


def test_trees_see_missing_numbers_as_missing():
    feature, encoding = fitted("number", Form.TREES)
    steps = feature.steps(None, encoding, {})
    assert steps[1].why == "stays missing: the model reads it as such"


def test_a_label_training_did_not_keep_is_told():
    feature, encoding = fitted("category")
    steps = feature.steps("zebra", encoding, {})
    assert steps[1].why == "not kept from training: id"


def test_a_number_filled_from_another_column_tells_the_guess():
    feature, _ = FEATURES.build(
        {"type": "number", "missing_value_strategy": "fill_with_group_mean", "missing_group": "g"}
    ).settle(Form.LINEAR)
    others = pl.DataFrame({"g": ["a", "a", "b", "b", "b"]})
    encoding = feature.fit(ROWS["number"], seed=0, others=others)
    steps = feature.steps(None, encoding, {"x": None, "g": "a"})
    assert steps[1].value == pytest.approx(1.5)
    assert steps[1].why == "fill_with_group_mean: from other columns of the row"


def test_a_date_is_told_as_an_instant():
    feature, encoding = fitted("date")
    assert feature.steps("2024-02-01", encoding, {})[0].value == dt.datetime.fromisoformat(
        "2024-02-01"
    )
