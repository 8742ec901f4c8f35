"""Dates on the clock of a time zone, with the holidays of a place."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ordain.features import holiday_calendar
from ordain.features.date import DateFeature
from ordain.features.feature import Form
from ordain.features.instants import instant_reader, read_instants
from ordain.features.zones import local_unit

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a clock without a zone
ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


def parts_of(values, training=None, **options):
    feature = DateFeature(**options).settle(Form.TREES)[0]
    column = pl.Series("x", values)
    encoding = feature.fit(column if training is None else pl.Series("x", training), seed=0)
    return feature.encode(column, encoding).values.tolist(), feature, encoding


def test_a_value_without_offset_is_of_the_clock_of_the_zone():
    cells, _, _ = parts_of(["2021-07-01 23:30:00"], timezone="Europe/Paris", parts=("day", "hour"))
    assert cells == [[1.0, 23.0]]


def test_an_offset_in_the_value_is_turned_to_the_zone():
    values = ["2021-07-01T23:30:00Z", "2021-01-01T23:30:00+00:00", "2021-07-01T23:30:00+02:00"]
    cells, _, _ = parts_of(values, timezone="Europe/Paris", parts=("day", "hour"))
    assert cells == [[2.0, 1.0], [2.0, 0.0], [1.0, 23.0]]


def test_a_column_with_a_zone_is_turned_to_the_declared_one():
    column = pl.Series(["2021-07-01T23:30"]).str.to_datetime().dt.replace_time_zone("UTC")
    cells, _, _ = parts_of(column, timezone="Asia/Tokyo", parts=("day", "hour"))
    assert cells == [[2.0, 8.0]]


def test_counts_since_1970_are_turned_to_the_zone():
    options = {"datetime_format": "epoch_s", "timezone": "America/New_York", "parts": ("hour",)}
    cells, _, _ = parts_of([1_600_000_000], **options)
    assert cells == [[8.0]]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.datetimes(EPOCH.replace(year=1950), EPOCH.replace(year=2100)), st.sampled_from(ZONES))
def test_the_clock_equals_that_of_the_standard_library(moment, zone):
    aware = moment.replace(tzinfo=dt.UTC)
    units = (moment - EPOCH) // dt.timedelta(microseconds=1)
    there = aware.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    expected = (there - EPOCH) // dt.timedelta(microseconds=1)
    assert local_unit(units, moment.year, zone) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "value", [dt.datetime(1, 1, 1, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, 23, tzinfo=dt.UTC)]
)
def test_the_ends_of_the_calendar_are_read_alike(zone, value):
    column = pl.Series([value], dtype=pl.Datetime("us", "UTC"))
    one = instant_reader(["%Y-%m-%d"], zone=zone)(value)
    assert read_instants(column, ["%Y-%m-%d"], zone=zone).to_list() == [one]


def test_an_unknown_zone_is_refused_with_the_nearest():
    with pytest.raises(ValidationError, match="nearest: 'Europe/Berlin'"):
        DateFeature(timezone="Europe/Berln")


def test_holidays_are_days_of_their_own_and_have_distances():
    values = ["2024-12-25", "2024-12-24", "2024-12-28", "2024-01-06"]
    parts = ("is_holiday", "days_to_holiday", "days_since_holiday")
    cells, _, _ = parts_of(values, holidays="DE", parts=parts)
    assert cells[0] == [1.0, 0.0, 0.0]
    assert cells[1] == [0.0, 1.0, 82.0]
    assert cells[2] == [0.0, 4.0, 2.0]
    assert cells[3][0] == 0.0


def test_a_part_of_a_country_has_its_own_holidays():
    cells, _, _ = parts_of(["2024-01-06"], holidays="DE/BY", parts=("is_holiday",))
    assert cells == [[1.0]]


def test_holidays_are_inferred_as_parts_where_a_place_is_given():
    _, _, encoding = parts_of(["2024-01-06", "2023-05-06"], holidays="US/CA")
    assert {"is_holiday", "days_to_holiday", "days_since_holiday"} <= set(encoding.parts)
    facts = encoding.facts["holidays"]
    assert (facts["place"], facts["years"]) == ("US/CA", [2021, 2030])
    assert facts["version"] == encoding.holidays.version


def test_kept_years_need_no_library(monkeypatch):
    _, feature, encoding = parts_of(["2024-01-06"], holidays="DE", parts=("is_holiday",))
    monkeypatch.setattr(holiday_calendar, "_ask", None)
    column = pl.Series("x", ["2029-12-25", "2023-12-25"])
    assert feature.encode(column, encoding).values.tolist() == [[1.0], [1.0]]


def test_years_beyond_those_kept_are_asked_for_when_met():
    options = {"holidays": "DE", "parts": ("is_holiday", "days_to_holiday")}
    cells, _, encoding = parts_of(["2060-12-25", "2060-12-31"], ["2020-01-06"], **options)
    assert encoding.holidays.last_year == 2026
    assert cells == [[1.0, 0.0], [0.0, 1.0]]


def test_years_without_known_holidays_are_counted():
    column = pl.Series("x", ["2024-12-25", "1700-12-25", None])
    _, feature, encoding = parts_of(["2024-01-06"], holidays="DE")
    found = feature.inspect(column, encoding)["unknown_holidays"]
    assert found == {"count": 1, "examples": [{"row": 1, "value": "1700-12-25"}]}


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("XX", "of the country 'XX'"),
        ("DE/XX", "parts of DE: BB, BE"),
        ("DE/by", "nearest: 'DE/BY'"),
    ],
)
def test_an_unknown_place_is_refused(place, says):
    with pytest.raises(ValidationError, match=says):
        DateFeature(holidays=place)


def test_parts_of_holidays_need_a_place():
    with pytest.raises(ValidationError, match="the part `is_holiday` needs `holidays`"):
        DateFeature(parts=("is_holiday",))
