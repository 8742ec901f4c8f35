"""Which rows training leaves out, and what that depends on."""

import polars as pl
import pytest

from ordain.features.binary import BinaryFeature
from ordain.features.category import CategoryFeature
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.number import NumberFeature
from ordain.features.text import TextFeature

LABELS = pl.Series("x", ["a", "a", "b", None, "b", "c", " "])
MISSING = [False, False, False, True, False, False, True]


def output(**options):
    return CategoryFeature(**options).settle(None)[0]


@pytest.mark.parametrize("options", [{"min_count": 2}, {"most_common": 2}])
def test_output_drops_labels_that_are_not_kept(options):
    feature = output(**options)
    encoding = feature.fit(LABELS, seed=0)
    expected = [False, False, False, True, False, True, True]
    for given in (None, encoding):
        drop = feature.rows_to_drop(LABELS, given)
        assert drop.to_list() == expected
        assert feature.rows_to_drop(LABELS, given, only_missing=True).to_list() == MISSING
    kept = LABELS.filter(~drop)
    assert feature.encode(kept, encoding).values.tolist() == [0, 0, 1, 1]


def test_output_is_judged_by_the_training_rows():
    feature = output(min_count=2)
    encoding = feature.fit(pl.Series("x", ["a", "a", "b"]), seed=0)
    assert feature.rows_to_drop(pl.Series("x", ["a", "b", "b"]), encoding).to_list() == [
        False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("unseen", ["bucket", "error"])
@pytest.mark.parametrize("strategy", ["keep", "fill_with_mode", "fill_with_const", "ffill"])
def test_no_output_row_is_left_without_a_class(strategy, unseen):
    feature = output(min_count=2, missing_value_strategy=strategy, unseen=unseen)
    encoding = feature.fit(LABELS, seed=0)
    drop = feature.rows_to_drop(LABELS, encoding)
    assert drop[5]
    assert feature.encode(LABELS.filter(~drop), encoding).values.min() >= 0


def test_output_keeps_rare_labels_that_become_the_mode():
    feature = output(min_count=2, unseen="mode")
    assert feature.rows_to_drop(LABELS).to_list() == MISSING


def test_input_drops_missing_labels_only():
    feature = CategoryFeature(min_count=2, missing_value_strategy="drop_row").settle(Form.DENSE)[0]
    assert feature.rows_to_drop(LABELS).to_list() == MISSING
    assert feature.rows_to_drop(LABELS, feature.fit(LABELS, seed=0)).to_list() == MISSING


def test_outliers_are_judged_by_the_training_rows():
    feature = NumberFeature(outlier_strategy="drop_row", outlier_threshold=2).settle(None)[0]
    encoding = feature.fit(pl.Series("x", [1.0, 2.0, 3.0]), seed=0)
    column = pl.Series("x", [2.0, 90.0, 90.0, None])
    assert feature.rows_to_drop(column, encoding).to_list() == [False, True, True, True]
    assert feature.rows_to_drop(column).to_list() == [False, False, False, True]
    missing = feature.rows_to_drop(column, encoding, only_missing=True)
    assert missing.to_list() == [False, False, False, True]


def test_outliers_alone_are_no_missing_cells():
    feature = NumberFeature(outlier_strategy="drop_row").settle(Form.TREES)[0]
    assert feature.rows_to_drop(pl.Series("x", [1.0, None]), only_missing=True) is None


@pytest.mark.parametrize(
    ("feature", "form", "needs_fit"),
    [
        (NumberFeature(), None, False),
        (NumberFeature(outlier_strategy="clip"), Form.TREES, False),
        (NumberFeature(outlier_strategy="drop_row"), Form.TREES, True),
        (CategoryFeature(most_common=None), None, False),
        (CategoryFeature(most_common=None, min_count=2), None, True),
        (CategoryFeature(most_common=9), None, True),
        (CategoryFeature(most_common=9, min_count=2), Form.TREES, False),
        (BinaryFeature(), None, False),
        (DateFeature(missing_value_strategy="drop_row"), Form.TREES, False),
        (TextFeature(missing_value_strategy="drop_row"), Form.TREES, False),
    ],
)
def test_feature_says_whether_dropping_needs_a_fit(feature, form, needs_fit):
    assert feature.settle(form)[0].drop_needs_fit is needs_fit


@pytest.mark.parametrize("feature_class", [BinaryFeature, DateFeature, TextFeature])
def test_every_type_takes_only_missing(feature_class):
    column = pl.Series("x", ["2020-01-01", None, "2021-01-01"])
    feature = feature_class(missing_value_strategy="drop_row").settle(Form.TREES)[0]
    encoding = feature.fit(column, seed=0)
    for given in (None, encoding):
        drop = feature.rows_to_drop(column, given, only_missing=True)
        assert drop.to_list() == [False, True, False]
