"""Slices: which rows a declared one holds, and when it is called worse."""

import datetime as dt

import duckdb
import numpy as np
import polars as pl
import pytest
from subjects import binary_target, category_target, expit, number_target

from ordain.config.evaluation import Slice
from ordain.core.errors import DataError
from ordain.data.expressions import satisfies
from ordain.evaluation.slices.cuts import cut_column, cut_rows
from ordain.evaluation.slices.judged import holm, judge_slices
from ordain.evaluation.slices.values import KEYWORDS, literal, quoted

ROWS = pl.DataFrame(
    {
        "tenure": [1, 2, 3, 4, 5, 6, 7, 8, None, 8],
        "charge": [0.1 + 0.2, 0.3, 1e-9, np.nan, 2.5, 1e20, -3.25, 7.0, 8.0, 9.0],
        "contract": ["a", "b", "it's", None, "a", "a", "b", "", "a", "b"],
        "is_paid": [True, False, None, True, True, False, True, True, True, False],
        "since": [dt.date(2020, 1, day) for day in range(1, 11)],
        "order": range(10),
        "Monthly charges": range(10),
    }
)


def names(cuts):
    return [cut.name for cut in cuts]


def test_a_column_of_words_gives_its_values_and_its_missing_cells():
    cuts = cut_column(ROWS, "contract")
    assert names(cuts) == [
        "contract = 'a'",
        "contract = 'b'",
        "contract = ''",
        "contract = 'it's'",
        "contract missing",
    ]
    assert [int(cut.rows.sum()) for cut in cuts] == [4, 3, 1, 1, 1]


def test_a_column_of_numbers_gives_quarters_that_hold_every_row_once():
    cuts = cut_column(ROWS, "charge", group="price")
    assert [cut.group for cut in cuts] == ["price"] * 5
    assert np.sum([cut.rows for cut in cuts], axis=0).tolist() == [1] * 10
    assert cuts[-1].name == "price missing"


@pytest.mark.parametrize("column", ROWS.columns)
def test_the_condition_of_a_slice_selects_its_rows(column):
    for cut in cut_column(ROWS, column):
        if "nan" not in cut.name and column == "charge" and cut.value == "missing":
            continue  # a NaN is missing here and a number in SQL
        rows = satisfies(ROWS.with_columns(pl.col("charge").fill_nan(None)), cut.where)
        assert rows.to_list() == cut.rows.tolist(), cut


def test_values_beyond_the_twentieth_are_one_slice():
    frame = pl.DataFrame({"city": [f"c{n}" for n in range(30) for _ in range(40 - n)]})
    cuts = cut_column(frame, "city")
    assert len(cuts) == 20
    assert cuts[-1].name == "city: 11 rarer values"
    assert np.sum([cut.rows for cut in cuts], axis=0).tolist() == [1] * frame.height


def test_a_column_without_values_has_its_missing_cells_only():
    frame = pl.DataFrame({"empty": [None, None], "lists": [[1], None]})
    assert names(cut_column(frame, "empty")) == ["empty missing"]
    assert names(cut_column(frame, "lists")) == ["lists missing"]


def test_an_expression_holds_where_it_is_true_and_not_where_it_is_missing():
    (cut,) = cut_rows(ROWS, [Slice(name="new", where="tenure < 3")])
    assert (cut.name, cut.group) == ("new", "new")
    assert np.flatnonzero(cut.rows).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (Slice(column="contrakt"), r"column `contrakt` is not in the rows; nearest: `contract`"),
        (Slice(where="tenur < 3"), r"names the column `tenur`.*Did you mean `tenure`\?"),
        (Slice(where="tenure <"), r"evaluation.slices: tenure <` is not a valid expression"),
        (Slice(where="tenure + 1"), r"evaluation.slices: tenure \+ 1` gives .* must be true or"),
        (Slice(where="sum(tenure) > 3"), r"uses the function `sum`"),
    ],
)
def test_a_wrong_slice_says_what_is_wrong(declared, message):
    with pytest.raises(DataError, match=message):
        cut_rows(ROWS, [declared])


def test_names_that_sql_keeps_for_itself_are_quoted():
    reserved = duckdb.sql(
        "select keyword_name from duckdb_keywords() where keyword_category = 'reserved'"
    ).fetchall()
    assert {name for (name,) in reserved} <= KEYWORDS
    assert [quoted(n) for n in ("tenure", "Order", 'a "b"')] == ["tenure", '"Order"', '"a ""b"""']


def test_numbers_keep_every_digit_in_sql():
    assert literal(0.1 + 0.2) == "0.30000000000000004"
    assert literal("it's") == "'it''s'"
    assert literal(True) == "true"


def judged(n_rows=2_000, *, seed=0):
    """Return a target with a group of 15% on which the scores say nothing."""
    random = np.random.default_rng(seed)
    odds = random.normal(0, 2, n_rows)
    truth = (random.random(n_rows) < expit(odds)).astype(np.int8)
    is_bad = random.random(n_rows) < 0.15
    scores = np.where(is_bad, random.random(n_rows), expit(odds))
    frame = pl.DataFrame({"is_bad": is_bad, "luck": random.choice(list("abcdefgh"), n_rows)})
    return frame, binary_target(truth, scores)


def test_a_bad_slice_is_worse_and_the_others_cannot_tell():
    frame, target = judged()
    cuts = cut_rows(frame, [Slice(where="is_bad"), Slice(column="luck")])
    found = judge_slices(target, cuts)
    assert found[0].verdict == "worse"
    assert found[0].p_value < 1e-6
    assert {slice_.verdict for slice_ in found[1:]} == {"cannot tell"}
    assert found[0].metrics["roc_auc"] < 0.6 < found[0].rest
    assert found[0].loss > found[0].loss_of_rest


def test_slices_that_are_alike_raise_alarm_in_one_of_twenty_searches():
    alarms = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        scores = random.random(600)
        truth = (random.random(600) < scores).astype(np.int8)
        frame = pl.DataFrame({"luck": random.choice(list("abcdef"), 600)})
        found = judge_slices(
            binary_target(truth, scores), cut_column(frame, "luck"), metrics=["accuracy"]
        )
        alarms += any(slice_.verdict != "cannot tell" for slice_ in found)
    assert alarms <= 8


@pytest.mark.parametrize("n_rows", [0, 1, 3])
def test_a_slice_of_few_rows_is_shown_and_raises_no_alarm(n_rows):
    frame, target = judged(400)
    rows = np.zeros(400, dtype=bool)
    rows[:n_rows] = True
    (cut,) = cut_rows(frame.with_columns(few=rows), [Slice(where="few")])
    (found,) = judge_slices(target, [cut])
    assert (found.n_rows, found.verdict, found.p_value) == (n_rows, "cannot tell", None)
    assert (found.loss is None) == (n_rows == 0)
    if n_rows == 3:
        assert found.intervals["accuracy"].low < 0.5
        assert found.intervals["accuracy"].high > 0.8


def test_a_slice_of_all_rows_has_no_rest():
    frame, target = judged(200)
    (found,) = judge_slices(target, cut_rows(frame, [Slice(where="true")]))
    assert (found.share, found.rest, found.loss_of_rest) == (1.0, None, None)
    assert found.verdict == "cannot tell"


def test_one_class_only_leaves_metrics_undefined_with_a_reason():
    frame, target = judged(300)
    rows = target.truth == 1
    (found,) = judge_slices(
        target, cut_rows(frame.with_columns(yes=rows), [Slice(where="yes")]), metrics=["roc_auc"]
    )
    assert found.metrics == {"roc_auc": None}
    assert "positive" in found.undefined["roc_auc"]


def test_labels_never_seen_are_in_no_slice():
    truth = np.array([0, 1, -1, -2] * 50)
    target = category_target(truth, np.full((200, 2), 0.5), ("a", "b"))
    frame = pl.DataFrame({"all": [True] * 200})
    (found,) = judge_slices(target, cut_rows(frame, [Slice(where='"all"')]))
    assert found.n_rows == 100


def test_a_metric_that_raises_has_no_value_and_says_why():
    frame, target = judged(200)
    (found,) = judge_slices(
        target,
        cut_rows(frame, [Slice(where="is_bad")]),
        metrics=["accuracy", {"name": "mine", "call": "my_measures:raises"}],
    )
    assert found.metrics["mine"] is None
    assert "my_measures:raises" in found.undefined["mine"]


def test_a_cost_by_labels_knows_the_labels():
    frame, target = judged(200)
    cost = {"name": "cost", "cost_matrix": {"Yes": {"No": 50}, "No": {"Yes": 5}}}
    (found,) = judge_slices(target, cut_rows(frame, [Slice(where="true")]), metrics=[cost])
    predicted = target.scores >= 0.5
    wanted = np.mean(
        50 * ((target.truth == 1) & ~predicted) + 5 * ((target.truth == 0) & predicted)
    )
    assert found.metrics["cost"] == pytest.approx(wanted)


def test_rows_of_one_group_count_as_one():
    """Ten copies of each row make no slice surer than the rows themselves."""
    frame, target = judged(300)
    plain = judge_slices(target, cut_rows(frame, [Slice(where="is_bad")]), metrics=["accuracy"])
    copies = np.repeat(np.arange(300), 10)
    cuts = cut_rows(frame[copies], [Slice(where="is_bad")])
    grouped = judge_slices(target.take(copies), cuts, metrics=["accuracy"], groups=copies)
    assert grouped[0].p_value == pytest.approx(plain[0].p_value, rel=0.1)


def test_a_number_is_judged_by_its_own_metrics():
    random = np.random.default_rng(0)
    truth = random.normal(10, 3, 500)
    error = random.normal(0, 1, 500) * np.where(np.arange(500) < 100, 5, 1)
    frame = pl.DataFrame({"row": range(500)})
    (found,) = judge_slices(
        number_target(truth, truth + error), cut_rows(frame, [Slice(where="row < 100")]),
        metrics=["rmse"],
    )  # fmt: skip
    assert (found.verdict, found.loss > 3 * found.loss_of_rest) == ("worse", True)


def test_holm_is_stepwise_and_never_falls():
    assert holm([0.01, 0.04, None, 0.03]) == [0.03, 0.06, None, 0.06]
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_slice_with_one_positive_row_raises_no_alarm():
    """Its one positive is ranked low; the pulls of 21 rows then hardly vary."""
    frame, target = judged(2_000)
    truth, scores = target.truth.copy(), target.scores.copy()
    truth[:21], scores[:21] = 0, np.linspace(0.3, 0.9, 21)
    truth[0] = 1
    cuts = cut_rows(frame.with_row_index(), [Slice(where="index < 21")])
    for metric in ("roc_auc", "recall", "average_precision"):
        (found,) = judge_slices(binary_target(truth, scores), cuts, metrics=[metric])
        assert (found.n_rows, found.verdict, found.p_value) == (21, "cannot tell", None), metric


def test_a_slice_is_called_worse_only_where_its_interval_leaves_the_rest_out():
    for seed in range(20):
        frame, target = judged(400, seed=seed)
        cuts = cut_rows(frame, [Slice(where="is_bad")])
        (found,) = judge_slices(target, cuts)
        holds = found.interval.low <= found.rest <= found.interval.high
        assert not (holds and found.verdict != "cannot tell")
