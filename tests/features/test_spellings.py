"""A value means the same however a program writes it: dates, truth words, missing time stamps."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.features.binary import BinaryFeature
from ordain.features.category import CategoryFeature
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.number import NumberFeature
from ordain.features.sides import FALSE_WORDS, TRUE_WORDS
from ordain.features.text import TextFeature
from ordain.testing.features import assert_row_equal

pd = pytest.importorskip("pandas")

MOMENT = dt.datetime(2020, 3, 1, 5)  # noqa: DTZ001
SECOND = 1_583_038_800
ISO_MOMENTS = [
    "2020-03-01 05:00:00",
    "2020-03-01T05:00:00",
    " 2020-03-01T05:00 ",
    "2020-03-01 05:00",
    "2020-03-01T05:00:00Z",
    "2020-03-01 05:00:00+00:00",
    "2020-03-01T07:00:00+02:00",
    "2020-03-01T07:00+0200",
    "2020-03-01T05:00:00.000",
    "2020-03-01 05:00:00.000000Z",
    "2020-02-29T23:30:00.0-05:30",
    MOMENT,
    MOMENT.replace(tzinfo=dt.UTC),
]
DATE_COLUMNS = {
    "datetime": pl.Series("x", [MOMENT, dt.datetime(2019, 1, 1)]),  # noqa: DTZ001
    "date": pl.Series("x", [dt.date(2020, 3, 1), dt.date(2019, 1, 1)]),
    "epoch_s": pl.Series("x", [SECOND, 1_546_300_800]),
    "epoch_ms": pl.Series("x", [SECOND * 1_000, 1_546_300_800_000]),
    "slashes": pl.Series("x", ["3/25/2020 05:00:00", "1/1/2019 00:00:00"]),
    "days": pl.Series("x", ["2020-03-01", "2019-01-01"]),
    "nothing": pl.Series("x", [None, None], dtype=pl.Null),
}


def fitted(feature, column, form=Form.TREES):
    feature = feature.settle(form)[0]
    encoding = feature.fit(column, seed=0)
    return feature, encoding, feature.row(encoding)


@pytest.mark.parametrize("stored", DATE_COLUMNS)
def test_date_reads_iso_and_time_stamps_whatever_it_was_trained_on(stored):
    parts = ("year", "month", "day", "hour", "minute")
    feature, encoding, read = fitted(DateFeature(parts=parts), DATE_COLUMNS[stored])
    for value in ISO_MOMENTS:
        assert read(value) == (2020, 3, 1, 5, 0), value
        assert_row_equal(feature, encoding, read, value)
    for value in ("2020-03-01", dt.date(2020, 3, 1)):
        assert read(value) == (2020, 3, 1, 0, 0), value
        assert_row_equal(feature, encoding, read, value)
    mixed = pl.Series("x", [text for text in ISO_MOMENTS if isinstance(text, str)])
    encoded = feature.encode(mixed, encoding)
    assert (encoded.values == np.array([2020, 3, 1, 5, 0], dtype=np.float32)).all()


def test_own_format_wins_over_iso_and_swapped_days_are_not_guessed():
    swapped = DateFeature(datetime_format="%Y-%d-%m", parts=("month", "day"))
    feature, encoding, read = fitted(swapped, pl.Series("x", ["2020-01-03", "2020-28-03"]))
    assert read("2020-01-03") == (3, 1)
    assert np.isnan(read("2020-01-28")).all()
    assert_row_equal(feature, encoding, read, "2020-01-28")


def test_facts_name_the_formats_of_the_column_alone():
    _, encoding, _ = fitted(DateFeature(), DATE_COLUMNS["slashes"])
    assert encoding.facts["formats"] == ["%m/%d/%Y %H:%M:%S"]


@pytest.mark.parametrize("feature_class", [DateFeature, CategoryFeature, NumberFeature])
def test_missing_time_stamp_of_pandas_is_missing(feature_class):
    column = {
        DateFeature: DATE_COLUMNS["datetime"],
        CategoryFeature: DATE_COLUMNS["datetime"],
        NumberFeature: pl.Series("x", [1.0, 2.0]),
    }[feature_class]
    _, _, read = fitted(feature_class(), column)
    for value in (pd.NaT, np.datetime64("NaT"), pd.NA):
        np.testing.assert_equal(read(value), read(None))


UNREADABLE = [
    pl.Series("x", [dt.timedelta(days=1), None]),
    pl.Series("x", [object(), None], dtype=pl.Object),
]


@pytest.mark.parametrize("column", UNREADABLE, ids=lambda column: str(column.dtype))
@pytest.mark.parametrize(
    "feature_class", [DateFeature, CategoryFeature, NumberFeature, BinaryFeature, TextFeature]
)
def test_durations_and_objects_are_an_error_with_a_remedy(feature_class, column):
    feature = feature_class(missing_value_strategy="drop_row").settle(Form.TREES)[0]
    message = "column `x` holds .* feature cannot read.\n  Fix: "
    with pytest.raises(DataError, match=message):
        feature.fit(column, seed=0)
    with pytest.raises(DataError, match=message):
        feature.rows_to_drop(column)


@pytest.mark.parametrize("column", UNREADABLE, ids=lambda column: str(column.dtype))
def test_durations_and_objects_are_no_dates_to_predict_with(column):
    feature, encoding, read = fitted(DateFeature(), DATE_COLUMNS["datetime"])
    with pytest.raises(DataError, match="feature cannot read"):
        feature.encode(column, encoding)
    with pytest.raises(DataError, match="is a duration and no date"):
        read(dt.timedelta(days=1))


TRUTHS = [True, 1, 1.0, "1", "yes", "t", "TRUE", " Yes ", "y", "on", np.True_, np.int64(1)]
FALSITIES = [False, 0, 0.0, "0", "no", "f", "FALSE", "n", "off", np.False_]
TRUTH_COLUMNS = [
    pl.Series("x", [True, False, None]),
    pl.Series("x", [0, 1, None]),
    pl.Series("x", [0.0, 1.0, None]),
    pl.Series("x", ["0", "1"]),
    pl.Series("x", ["Yes", "no"]),
    pl.Series("x", [True, True]),
]


@pytest.mark.parametrize("form", [Form.TREES, Form.DENSE, None])
@pytest.mark.parametrize("column", TRUTH_COLUMNS, ids=lambda column: f"{column.to_list()}")
def test_truth_words_stand_for_each_other(column, form):
    feature, encoding, read = fitted(BinaryFeature(), column, form)
    for values, expected in ((TRUTHS, 1.0), (FALSITIES, 0.0)):
        for value in values:
            assert read(value) == expected, value
            assert_row_equal(feature, encoding, read, value)
    words = pl.Series("x", sorted(TRUE_WORDS | FALSE_WORDS))
    encoded = feature.encode(words, encoding)
    assert encoded.values[:, 0].tolist() == [float(word in TRUE_WORDS) for word in words]


def test_truth_words_do_not_overrule_the_labels():
    swapped = fitted(BinaryFeature(fallback_true_label="no"), pl.Series("x", ["yes", "no"]))[2]
    assert (swapped("no"), swapped("yes")) == (1.0, 0.0)
    assert np.isnan(swapped("true"))
    names = fitted(BinaryFeature(), pl.Series("x", ["a", "y"]))[2]
    assert (names("a"), names("y")) == (0.0, 1.0)
    assert np.isnan(names("yes"))
