"""Scenarios: every form of what must hold, and every way to write a file wrongly."""

import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.evaluation.scenarios import run_scenarios

OUTPUTS = {"churn": ("No", "Yes"), "topic": ("a", "b: c", "d"), "price": ()}
INPUTS = ["tenure", "contract"]


def predict(rows):
    """Churn falls with tenure; the price is ten times the tenure."""
    tenure = rows["tenure"].cast(pl.Float64).fill_null(0)
    churn = 1 - tenure / 100
    return pl.DataFrame(
        {
            "churn_prediction": (churn >= 0.5).replace_strict({True: "Yes", False: "No"}),
            "churn_probability": churn,
            "churn_probability_No": 1 - churn,
            "churn_probability_Yes": churn,
            "topic_prediction": ["b: c"] * rows.height,
            "topic_probability_a": [0.1] * rows.height,
            "topic_probability_b: c": [0.7] * rows.height,
            "topic_probability_d": [0.2] * rows.height,
            "price_prediction": tenure * 10,
        }
    )


def run(rows, outputs=OUTPUTS, ask=predict):
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    return run_scenarios(frame, ask, outputs=outputs, inputs=INPUTS, file="cases.csv")


def failures(rows, **more):
    return [list(one.failures) for one in run(rows, **more).results]


@pytest.mark.parametrize(
    ("column", "held", "broken", "said"),
    [
        ("expect:churn", "Yes", "No", "`churn` is 'Yes', expected 'No'"),
        ("expect:churn >=", 0.9, 0.91, "the probability of 'Yes' is 0.9, expected >= 0.91"),
        ("expect:churn<", 0.91, 0.9, "the probability of 'Yes' is 0.9, expected < 0.9"),
        ("expect:churn:No <=", 0.2, 0.05, "the probability of 'No' is 0.1, expected <= 0.05"),
        ("expect:topic", "b: c", "a", "`topic` is 'b: c', expected 'a'"),
        ("expect:topic:b: c >", 0.6, 0.7, "the probability of 'b: c' is 0.7, expected > 0.7"),
        ("expect:price", 100.00001, 101, "`price` is 100, expected 101"),
        ("expect:price >=", "99.5", "100.5", "`price` is 100, expected >= 100.5"),
    ],
)
def test_what_must_hold(column, held, broken, said):
    rows = {"tenure": [10, 10, 10], "contract": ["a"] * 3, column: [held, broken, None]}
    assert failures(rows) == [[], [said], []]


def test_a_report_counts_and_names():
    rows = {"tenure": [10, 90], "scenario": ["new", "old"], "expect:churn": ["Yes", "Yes"]}
    report = run(rows)
    assert (report.n_rows, report.n_failed, report.file) == (2, 1, "cases.csv")
    assert [(one.name, one.passed) for one in report.results] == [("new", True), ("old", False)]


def test_columns_left_out_are_missing_cells():
    seen = []
    run({"expect:churn": ["Yes"]}, ask=lambda rows: (seen.append(rows), predict(rows))[1])
    assert seen[0].to_dicts() == [{"tenure": None, "contract": None}]


def test_the_same_as_says_that_a_change_must_not_matter():
    rows = {
        "scenario": ["her", "him", "other"],
        "same_as": [None, "her", "her"],
        "tenure": [10, 10, 60],
    }
    assert failures(rows) == [
        [],
        [],
        ["`churn` is 'No', and 'Yes' for 'her'", "`price` is 600, and 100 for 'her'"],
    ]


def test_rows_without_a_name_are_called_by_their_number():
    assert failures({"same_as": [None, 1], "tenure": [10, 60]})[1]


def test_an_answer_that_is_not_given_does_not_hold():
    def unsure(rows):
        return predict(rows).with_columns(pl.lit(None, pl.String).alias("churn_prediction"))

    rows = {"tenure": [1], "expect:churn": ["Yes"]}
    assert failures(rows, ask=unsure) == [["`churn` is not answered, expected 'Yes'"]]
    both = {"tenure": [1, 1], "same_as": [None, "1"]}
    assert failures(both, ask=unsure) == [[], []]


@pytest.mark.parametrize(
    ("found", "wanted"), [(True, "true"), (False, "False"), (True, True), (3, "3"), (3, 3.0)]
)
def test_classes_are_compared_as_they_are_written(found, wanted):
    def ask(rows):
        return pl.DataFrame({"y_prediction": [found]})

    rows = {"tenure": [1], "expect:y": [wanted]}
    assert failures(rows, outputs={"y": (str(found).lower(), "x")}, ask=ask) == [[]]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"tenur": [1], "expect:churn": ["Yes"]},
            r"cases.csv: column `tenur` is neither an input .*; nearest: `tenure`\n  Possible",
        ),
        ({"expect:chrun": ["Yes"]}, r"nearest: `expect:churn`"),
        ({"expect:topic >=": [0.5]}, r"`expect:topic >=` is neither .*`expect:topic:a >=`"),
        ({"expect:topic:z >=": [0.5]}, r"`expect:topic:z >=` is neither"),
        ({"expect:churn:No": [0.5]}, r"`expect:churn:No` is neither"),
        ({"tenure": [1]}, r"no column says what must hold\n  Fix: add a column such as `expect:ch"),
        ({"expect:churn >=": ["high"]}, r"`expect:churn >=` holds 'high', which is no number"),
        ({"expect:price": ["dear"]}, r"column `expect:price` holds 'dear', which is no number"),
        (
            {"scenario": ["a", "b"], "same_as": [None, "aa"]},
            r"scenario 'b' is to be the same as 'aa', which is not there; nearest: 'a'",
        ),
        (
            {"scenario": ["a", "a", "b"], "same_as": [None, None, "a"]},
            r"the same as 'a', and 2 are called so",
        ),
        (pl.DataFrame(schema={"expect:churn": pl.String}), r"there is no scenario in it"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(rows, message):
    with pytest.raises(DataError, match=message):
        run(rows)
