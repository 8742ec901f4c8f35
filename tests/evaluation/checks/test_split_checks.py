import datetime as dt

import numpy as np
import polars as pl
import pytest
from trainings import answer, halves, people, training_of

INPUTS = ["age", "income", "city"]


def visits(n_patients=100, *, strength=2.0, seed=0):
    """Rows of patients, whose targets are alike by a strength."""
    random = np.random.default_rng(seed)
    patient = random.integers(0, n_patients, 2_000)
    own = random.normal(0, strength, n_patients)[patient]
    return people().with_columns(
        patient=pl.Series(patient),
        sick=pl.Series(np.where(own + random.normal(0, 1, 2_000) > 0, "yes", "no")),
    )


def over_time(slope):
    random = np.random.default_rng(0)
    n_rows = 2_000
    share = 0.3 + slope * np.linspace(-0.5, 0.5, n_rows)
    start = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - moments in tables have no zone
    end = start + dt.timedelta(hours=n_rows - 1)
    return people().with_columns(
        day=pl.datetime_range(start, end, interval="1h", eager=True),
        left=pl.Series(np.where(random.random(n_rows) < share, "yes", "no")),
    )  # fmt: skip


def test_entity_across_a_random_split_is_found():
    found = answer("group_leak", training_of(*halves(visits()), "sick", inputs=INPUTS))
    assert found.state == "warned"
    assert "rows of one `patient` have like `sick`" in found.reason
    assert "100% of the rows that judge" in found.reason
    assert found.fix == "preprocessing: {split: {type: group, column: patient}}"


def test_entity_that_tells_nothing_passes():
    training = training_of(*halves(visits(strength=0)), "sick", inputs=INPUTS)
    assert answer("group_leak", training).state == "passed"


def test_entity_that_training_never_saw_passes():
    training = training_of(*halves(visits()), "sick", inputs=INPUTS, seen=lambda column: 0.01)
    assert answer("group_leak", training).state == "passed"


@pytest.mark.parametrize("splitter", ["group", "datetime", "fixed", ""])
def test_split_with_care_is_not_questioned(splitter):
    training = training_of(*halves(visits()), "sick", inputs=INPUTS, splitter=splitter)
    assert answer("group_leak", training).state == "does not apply"


def test_number_in_order_is_no_entity():
    # Age in whole years recurs and tells the target, but by its order.
    training = training_of(*halves(people().with_columns(pl.col("age").cast(pl.Int64))), "spend",
                           "number", inputs=INPUTS)  # fmt: skip
    assert answer("group_leak", training).state != "warned"


def test_drifting_target_with_a_random_split_is_found():
    training = training_of(*halves(over_time(0.5)), "left", inputs=INPUTS, dates=("day",))
    found = answer("time_leak", training)
    assert found.state == "warned"
    assert "of the first tenth" in found.reason
    assert found.fix == "preprocessing: {split: {type: datetime, column: day}}"


def test_steady_target_passes():
    training = training_of(*halves(over_time(0.0)), "left", inputs=INPUTS, dates=("day",))
    assert answer("time_leak", training).state == "passed"


def test_dates_in_text_are_read():
    frame = over_time(0.5).with_columns(pl.col("day").dt.strftime("%Y-%m-%d %H:%M:%S"))
    training = training_of(*halves(frame), "left", inputs=INPUTS, dates=("day",))
    assert answer("time_leak", training).state == "warned"


def test_drifting_number_is_found():
    frame = over_time(0).with_columns(spend=pl.col("spend") + pl.int_range(2_000))
    training = training_of(*halves(frame), "spend", "number", inputs=INPUTS, dates=("day",))
    found = answer("time_leak", training)
    assert found.state == "warned"
    assert "median" in found.reason


def test_time_split_and_no_dates_do_not_apply():
    frames = halves(over_time(0.5))
    by_time = training_of(*frames, "left", inputs=INPUTS, dates=("day",), splitter="datetime")
    without = training_of(*frames, "left", inputs=INPUTS)
    assert answer("time_leak", by_time).state == "does not apply"
    assert answer("time_leak", without).state == "does not apply"


def test_sets_drawn_alike_pass():
    found = answer("drift", training_of(*halves(people()), "churn", inputs=INPUTS))
    assert found.state == "passed"
    assert "0.5 is a coin" in found.reason


def test_sets_drawn_unlike_are_told_apart_and_the_column_named():
    train, test = halves(people())
    test = test.with_columns(income=pl.col("income") * 2)
    found = answer("drift", training_of(train, test, "churn", inputs=INPUTS))
    assert found.state == "warned"
    assert "they differ most in `income`" in found.reason
    assert found.fix == "preprocessing: {split: {type: random}}"


def test_shift_that_no_single_column_shows_is_found():
    random = np.random.default_rng(0)
    frames = []
    for sign in (1, -1):
        x, noise = random.normal(0, 1, (2, 2_000))
        churn = np.where(x > 0, "yes", "no")
        frames.append(pl.DataFrame({"x": x, "y": sign * x + 0.1 * noise, "churn": churn}))
    found = answer("drift", training_of(*frames, "churn"))
    assert found.state == "warned"


def test_columns_of_the_split_report_are_named():
    train, test = halves(people())
    test = test.with_columns(income=pl.col("income") * 2)
    worst = [{"column": "income", "measure": "ks", "value": 0.4, "limit": 0.1}]
    training = training_of(train, test, "churn", inputs=INPUTS,
                           split={"drift": {"test": {"worst": worst}}})  # fmt: skip
    assert "`income` (ks 0.40)" in answer("drift", training).reason


def test_column_that_the_split_goes_by_is_left_out():
    train, test = halves(people())
    test = test.with_columns(income=pl.col("income") * 2)
    training = training_of(train, test, "churn", inputs=INPUTS, split_columns=("income",))
    assert answer("drift", training).state == "passed"


def test_rows_in_both_sets_are_counted_with_an_example():
    train, test = halves(people())
    twins = train.head(100)
    is_other = pl.int_range(100) < 4
    other = pl.when(pl.col("churn") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes"))
    churn = pl.when(is_other).then(other).otherwise(pl.col("churn"))
    test = pl.concat([test, twins.with_columns(churn.alias("churn"))])
    found = answer("duplicates", training_of(train, test, "churn", inputs=INPUTS))
    assert found.state == "warned"
    assert "100 rows of `test`" in found.reason
    assert "row 1,000 is row 0 again" in found.reason
    assert "4 of them with another target" in found.reason
    assert "type: group, column: same_row" in found.fix


def test_unlike_rows_pass():
    training = training_of(*halves(people()), "churn", inputs=INPUTS)
    assert answer("duplicates", training).state == "passed"


def test_counts_of_the_split_report_come_first():
    counted = {
        "sets": {"test": {"rows": 50, "share": 0.05, "other_target": 2}},
        "distinct_in_train": 1,
    }
    training = training_of(*halves(people()), "churn", inputs=INPUTS, split={"duplicates": counted})
    found = answer("duplicates", training)
    assert found.state == "warned"
    assert "50 rows of `test` (5.00%)" in found.reason
    assert "2 of them with another target" in found.reason


def test_equal_rows_may_be_the_nature_of_the_data():
    frame = people().select("city", "churn")
    found = answer("duplicates", training_of(*halves(frame), "churn"))
    assert found.state == "does not apply"
    assert "nature of this data" in found.reason


def test_coincidences_of_coarse_inputs_pass():
    random = np.random.default_rng(0)
    frame = people(2_000).with_columns(churn=pl.Series(random.choice(["yes", "no"], 2_000)))
    frame = frame.with_columns(income=(pl.col("income") / 1_000).round())
    found = answer("duplicates", training_of(*halves(frame), "churn", inputs=INPUTS))
    assert found.state == "passed"
    assert "coincidences of coarse inputs" in found.reason
