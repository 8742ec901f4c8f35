import datetime as dt

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from ordain.core.errors import DataError
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.instant_formats import infer_formats
from ordain.features.instants import read_instants


@pytest.mark.parametrize(
    ("values", "formats", "is_ambiguous"),
    [
        (["2019-03-23 20:21:09", "2019-03-24"], {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S"}, False),
        (["3/4/2019", "3/25/2019"], {"%m/%d/%Y"}, False),
        (["3/4/2019", "25/3/2019"], {"%d/%m/%Y"}, False),
        (["3/4/2019", "5/6/2019"], {"%m/%d/%Y"}, True),
        (["13.05.2020 13:14"], {"%d.%m.%Y %H:%M"}, False),
        (["Mar 3, 2019", "12 April 2019"], {"%b %d, %Y", "%d %B %Y"}, False),
        ([20190323, 20190401], {"%Y%m%d"}, False),
        ([1553372469], {"epoch_s"}, False),
        ([1553372469000], {"epoch_ms"}, False),
        (["2019-03-23T20:21:09Z"], {"%Y-%m-%dT%H:%M:%S%z"}, False),
        (["x", "y"], set(), False),
    ],
)
def test_formats_are_inferred(values, formats, is_ambiguous):
    found = infer_formats(pl.Series(values))
    assert set(found.formats) == formats
    assert found.is_ambiguous == is_ambiguous


def test_zones_are_turned_into_utc():
    found = read_instants(pl.Series(["2019-03-23T20:21:09.5+02:00"]), ["%Y-%m-%dT%H:%M:%S.%f%z"])
    assert found.to_list() == [dt.datetime(2019, 3, 23, 18, 21, 9, 500000)]  # noqa: DTZ001


def test_days_that_do_not_exist_are_missing():
    texts = ["2019-02-29", "2020-02-29", "2019-13-01", "1900-02-29", "2000-02-29", "2019-00-10"]
    found = read_instants(pl.Series(texts), ["%Y-%m-%d"])
    assert found.is_null().to_list() == [True, False, True, True, False, True]


def test_fixed_width_reader_agrees_with_polars():
    days = np.arange(-300_000, 350_000, 37) * 86_400_000_000 + 12_345_000_000
    column = pl.Series(days).cast(pl.Datetime("us"))
    text = column.dt.to_string("%Y-%m-%d %H:%M:%S")
    found = read_instants(text, ["%Y-%m-%d %H:%M:%S"])
    assert (found == column).all()


def test_trees_see_calendar_and_elapsed_days():
    feature = DateFeature().settle(Form.TREES)[0]
    column = pl.Series("x", ["2020-02-28 06:30:00", "2020-03-01 06:30:00", None])
    encoding = feature.fit(column, seed=0)
    cells = feature.encode(column, encoding).values
    assert encoding.parts == (
        "year", "month", "day", "weekday", "day_of_year", "hour", "minute", "elapsed_days",
    )  # fmt: skip
    assert cells[1].tolist() == [2020, 3, 1, 7, 61, 6, 30, 2]
    assert np.isnan(cells[2]).all()


def test_networks_see_cycles():
    feature = DateFeature(parts=("month",)).settle(Form.DENSE)[0]
    column = pl.Series("x", ["2020-01-15", "2020-04-15", "2020-07-15"])
    cells = feature.encode(column, feature.fit(column, seed=0)).values
    np.testing.assert_allclose(cells, [[0, 1], [1, 0], [0, -1]], atol=1e-6)


def test_unparsed_dates_are_counted():
    feature = DateFeature().settle(Form.TREES)[0]
    facts = feature.fit(pl.Series("x", ["2020-01-01", "soon", None]), seed=0).facts
    assert facts["unparsed"] == {"count": 1, "examples": [{"row": 1, "value": "soon"}]}
    assert facts["n_missing"] == 2


def test_column_without_dates_is_an_error():
    feature = DateFeature().settle(Form.TREES)[0]
    with pytest.raises(DataError, match="2 of 2 values cannot be read as dates, such as 'soon'"):
        feature.fit(pl.Series("x", ["soon", "later"]), seed=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%Y-%Q", "has the unknown part '%Q'"),
        ("%m/%d", "has no year"),
        ("%Y %Y", "names a part twice"),
        ("%Y %I", "go together"),
        ("%Y %f", "must stand behind a point"),
    ],
)
def test_wrong_format_is_an_error(text, message):
    with pytest.raises(ValidationError, match=message):
        DateFeature(datetime_format=text)
