"""Expressions: what they may do, what they may not, and the same rows whatever the order."""

from __future__ import annotations

import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.data import (
    apply_expressions,
    expression_columns,
    open_source,
    profile_table,
    read_table,
)
from ordain.data.expressions import satisfies

FRAME = pl.DataFrame(
    {
        "tenure": [0, 1, 2, None, 5],
        "total charges": [1.0, 2.0, 3.0, 4.0, 5.0],
        "plan": pl.Series(["a", "b", None, "a", "z"], dtype=pl.Categorical),
        "tags": [[1, 2], [3], [], None, [5]],
    }
)


@pytest.mark.parametrize(
    ("expression", "columns", "values"),
    [
        ("tenure > 1", ("tenure",), [False, False, True, None, True]),
        ('"total charges" / 2', ("total charges",), [0.5, 1.0, 1.5, 2.0, 2.5]),
        ("TENURE * 2 -- doubled", ("tenure",), [0, 2, 4, None, 10]),
        ("upper(plan)", ("plan",), ["A", "B", None, "A", "Z"]),
        (
            "list_transform(tags, lambda x: x + tenure)",
            ("tenure", "tags"),
            [[1, 2], [4], [], None, [10]],
        ),
        ("CASE WHEN tenure > 1 THEN 'x' ELSE 'y' END", ("tenure",), ["y", "y", "x", "y", "x"]),
        ("1 + 1", (), [2] * 5),
        ("tenure::DECIMAL(9, 2)", ("tenure",), [0.0, 1.0, 2.0, None, 5.0]),
    ],
)
def test_derived_columns(expression, columns, values):
    assert expression_columns(expression, FRAME.schema) == columns
    found = apply_expressions(FRAME, columns={"new": expression})
    assert found["new"].to_list() == values
    assert found.columns == [*FRAME.columns, "new"]


def test_later_columns_see_earlier_ones_and_may_replace():
    found = apply_expressions(FRAME, columns={"a": "tenure + 1", "tenure": "a * 10"})
    assert found["tenure"].to_list() == [10, 20, 30, None, 60]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("tenre > 0", "names the column `tenre`, which is not in the data. Did you mean `tenure`"),
        ("tenure >", "is not a valid expression: syntax error"),
        ("", "`where` is empty"),
        ("no_such_function(plan)", "cannot be computed: .*no_such_function does not exist"),
        ("plan::INT > 2", "cannot be computed: Conversion Error: Could not convert string 'a'"),
        ("tenure + 1", "gives Int64 and must be true or false for each row"),
        ("tenure > 100", "leaves none of the 5 rows"),
    ],
)
def test_wrong_conditions_are_explained(expression, message):
    with pytest.raises(DataError, match=message):
        apply_expressions(FRAME, where=expression)


@pytest.mark.parametrize(
    "expression",
    [
        "true; DROP TABLE rows",
        "true) FROM rows; SELECT (true",
        "true) AS value FROM rows WHERE (true",
        "true) AS value, (true",
        "true) FROM rows UNION ALL SELECT (true",
        "(SELECT content FROM read_text('/etc/passwd')) IS NULL",
        "(SELECT count(*) FROM '/etc/passwd') > 0",
        "EXISTS (SELECT 1)",
        "tenure IN (SELECT 1)",
        "read_text('/etc/passwd') IS NULL",
        "getenv('HOME') IS NULL",
        "current_setting('home_directory') = ''",
        "query('SELECT 1') IS NULL",
        "glob('*') IS NULL",
        "nextval('s') > 0",
        "random() < 0.5",
        "now() > DATE '2020-01-01'",
        "sum(tenure) > 1",
        "count(*) > 1",
        "row_number() OVER () > 1",
        "lag(tenure) OVER () > 1",
        "unnest(tags) > 1",
        "COLUMNS(*) > 1",
        "* > 1",
        "tenure > ?",
        "tenure > $x",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "SET enable_external_access = true",
    ],
)
def test_an_expression_can_only_compute_on_its_row(expression):
    with pytest.raises(DataError):
        apply_expressions(FRAME, where=expression)


def test_filter_leaves_out_rows_whose_condition_is_missing():
    assert apply_expressions(FRAME, where="tenure >= 0")["tenure"].to_list() == [0, 1, 2, 5]
    assert satisfies(FRAME, "tenure >= 0").to_list() == [True, True, True, False, True]


def test_prediction_keeps_every_row_and_adds_the_columns():
    found = apply_expressions(
        FRAME, where="tenure > 1", columns={"n": "tenure + 1"}, sample=1, training=False
    )
    assert found["n"].to_list() == [1, 2, 3, None, 6]


def test_table_stays_lazy_and_reports_what_was_left_out():
    table = read_table(open_source(FRAME), where="tenure > 0", columns={"n": "tenure + 1"})
    assert table.n_rows == 3
    assert table.column("n").to_list() == [2, 3, 6]
    assert table.report.details["where"] == {"rows_left_out": 2}
    assert table.fingerprint != read_table(open_source(FRAME)).fingerprint


def test_filter_on_a_scan_reads_only_the_columns_it_needs(tmp_path):
    FRAME.with_columns(pl.col("plan").cast(pl.String)).write_parquet(tmp_path / "a.parquet")
    table = read_table(open_source("a.parquet", root=tmp_path), where="tenure > 0")
    assert "PROJECT 1/4 COLUMNS" in table.frame.select("plan").explain()
    assert table.column("plan").to_list() == ["b", None, "z"]


@pytest.mark.parametrize("sample", [0.3, 40])
def test_sample_is_drawn_by_content_and_seed(sample):
    frame = pl.DataFrame(
        {"a": range(200), "b": [f"r{i % 7}" for i in range(200)], "c": [None, 1.5] * 100}
    )
    found = apply_expressions(frame, sample=sample, seed=1)
    shuffled = apply_expressions(
        frame.sample(fraction=1, shuffle=True, seed=5), sample=sample, seed=1
    )
    assert found.sort("a").equals(shuffled.sort("a"))
    assert found["a"].is_sorted()
    assert not found.equals(apply_expressions(frame, sample=sample, seed=2))
    assert found.height == 40 if sample == 40 else 30 < found.height < 90


@pytest.mark.parametrize("sample", [0, -1, 1.5, 0.0, True])
def test_impossible_samples_are_refused(sample):
    with pytest.raises(DataError, match=f"`sample: {sample}` must be a fraction above 0"):
        apply_expressions(FRAME, sample=sample)


def test_profile_counts_missing_distinct_and_frequent_values():
    frame = pl.DataFrame(
        {
            "x": [1.5, float("nan"), None, 1.5, 2.0],
            "c": ["b", "a", "b", "a", None],
            "e": pl.Series([None] * 5, dtype=pl.String),
        }
    )
    found = profile_table(read_table(open_source(frame)))
    assert (found["x"].n_missing, found["x"].n_distinct, found["x"].top) == (
        2,
        2,
        (("1.5", 2), ("2.0", 1)),
    )
    assert found["c"].top == (("a", 2), ("b", 2))
    assert found["c"].sample.to_list() == ["b", "a", "b", "a"]
    assert (found["e"].n_missing, found["e"].n_distinct, found["e"].top) == (5, 0, ())
    assert str(found["x"].dtype) == "Float64"


def test_profile_of_many_values_is_an_estimate_with_a_spread_sample():
    n = 60_000
    found = profile_table(read_table(open_source(pl.DataFrame({"a": range(n)}))))["a"]
    assert found.n_distinct == pytest.approx(n, rel=0.05)
    assert (found.sample[0], found.sample[-1], len(found.sample)) == (0, n - 1, 1000)
    assert len(found.top) == 20


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("nn", [None, None]),
        ("coalesce(nn, text)", ["a", None]),
        ("coalesce(nn, number)", [1.5, 2.0]),
        ("upper(nn)", [None, None]),
        ("nn > 'a'", [None, None]),
        ('"n""n" + number', [None, None]),
        ("nn IS NULL", [True, True]),
    ],
)
def test_a_column_without_any_value_fits_every_expression(expression, values):
    frame = pl.DataFrame(
        {"nn": [None, None], 'n"n': [None, None], "text": ["a", None], "number": [1.5, 2.0]}
    )
    assert apply_expressions(frame, columns={"new": expression})["new"].to_list() == values
    assert apply_expressions(frame, where="nn IS NULL AND number > 1.5").height == 1
