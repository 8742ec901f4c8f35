"""What a split report says of rows that stand in two sets, and of sets that are unlike."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ordain.data import Assignment, Table, open_source, read_table, split_report

KINDS = pl.Enum(["train", "validation", "test", "gold"])


def table(**columns) -> Table:
    return read_table(open_source(pl.DataFrame(columns)))


def halves(n: int, name: str = "test") -> Assignment:
    return Assignment(pl.Series(["train"] * (n // 2) + [name] * (n - n // 2), dtype=KINDS))


def test_repeated_rows_are_counted_by_target_with_an_example():
    rows = table(
        x=[1, 2, 3, 4, 9, 2, 3, 3, 8, 4], y=["p", "q", "p", "p", "p", "q", "p", "q", "q", "q"]
    )
    sets = ["train"] * 4 + ["test"] * 4 + ["gold"] * 2
    found = split_report(Assignment(pl.Series(sets, dtype=KINDS)), rows, "y")["duplicates"]
    assert found["sets"]["test"] == {
        "rows": 3, "share": 0.75, "same_target": 2, "other_target": 1,
        "example": {"row": 5, "training_row": 1},
    }  # fmt: skip
    assert found["sets"]["gold"]["example"] == {"row": 9, "training_row": 3}
    assert found["distinct_in_train"] == 1.0


def test_rows_of_no_set_and_rows_apart_are_no_duplicates():
    rows = table(x=[1, 1, 2], y=[0, 0, 0])
    found = split_report(Assignment(pl.Series(["train", None, "test"], dtype=KINDS)), rows, "y")[
        "duplicates"
    ]
    assert found["sets"] == {"test": {"rows": 0, "share": 0.0}}


def test_equal_sets_do_not_drift_however_many_columns_are_compared():
    draw = np.random.default_rng(0)
    columns = {f"n{i}": draw.normal(size=600) for i in range(60)}
    columns |= {f"c{i}": draw.choice(list("abcdefgh"), 600) for i in range(60)}
    columns |= {f"t{i}": [str(v) for v in draw.integers(0, 10**6, 600)] for i in range(20)}
    for sizes in (halves(600), Assignment(pl.Series(["train"] * 590 + ["test"] * 10, dtype=KINDS))):
        found = split_report(sizes, table(**columns))["drift"]["test"]
        assert found == {"n_columns": 140, "n_over": 0, "worst": []}


@pytest.mark.parametrize(
    ("column", "measure", "least"),
    [
        (np.repeat([0.0, 1.0], 500) + np.random.default_rng(0).normal(size=1000), "ks", 0.3),
        (["a", "b"] * 250 + ["a", "c"] * 250, "total_variation", 0.5),
        ([f"id {i}" for i in range(500)] + [f"a long id {i}" for i in range(500)],
         "ks_of_length", 0.9),
        ([None, 1] * 250 + [1] * 500, "missing", 0.5),
        (pl.Series(range(1000)).cast(pl.Date), "ks", 1.0),
        ([True] * 500 + [False] * 500, "total_variation", 1.0),
    ],
)  # fmt: skip
def test_columns_that_differ_are_named_with_their_measure(column, measure, least):
    rows = table(moved=column, still=np.random.default_rng(1).random(1000))
    found = split_report(halves(1000, "gold"), rows)["drift"]["gold"]
    assert found["n_over"] == 1
    worst = found["worst"][0]
    assert (worst["column"], worst["measure"]) == ("moved", measure)
    assert worst["value"] >= least > worst["limit"]


def test_drift_of_the_target_is_seen_and_nested_columns_are_passed_over():
    rows = table(x=[[1], [2]] * 100, y=["a"] * 100 + ["b"] * 100)
    found = split_report(halves(200), rows, "y")["drift"]["test"]
    assert [one["column"] for one in found["worst"]] == ["y"]
    assert found["n_columns"] == 1
