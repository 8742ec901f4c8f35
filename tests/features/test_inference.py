import polars as pl
import pytest

from ordain.data.profile import ColumnProfile
from ordain.features.inference import infer_type


def profile(values, name="x"):
    column = pl.Series(name, values)
    present = column.drop_nulls()
    counts = present.cast(pl.String).alias("v").value_counts(sort=True).head(20)
    return ColumnProfile(
        name=name, dtype=column.dtype, n_rows=len(column), n_missing=column.null_count(),
        n_distinct=present.n_unique(), sample=present.head(1000),
        top=tuple(counts.iter_rows()),
    )  # fmt: skip


SENTENCES = [f"this is the long sentence number {i} of many" for i in range(60)]
CASES = [
    ([True, False], "x", "binary"),
    (["yes", "no", "Yes"] * 9, "x", "binary"),
    ([0, 1] * 9, "x", "binary"),
    ([0.5, 1.5, 2.5], "x", "number"),
    ([1, 2, 3, 4] * 9, "rooms", "number"),
    ([1, 2, 3] * 9, "pclass", "category"),
    (["1,234", "$5.50", "7", "8"], "price", "number"),
    ([" ", "1.5", "2", "3"], "x", "number"),
    (["01234", "98765", "10115"], "zip", "category"),
    (["2019-03-04", "2019-03-05", "2020-01-01"], "x", "date"),
    ([20190304, 20190305, 20200101], "start_date", "date"),
    ([1553372469, 1553372470, 1553372471], "created_at", "date"),
    (["red", "green", "blue"] * 9, "x", "category"),
    (SENTENCES, "x", "text"),
    ([None, None], "x", "category"),
]


@pytest.mark.parametrize(("values", "name", "expected"), CASES)
def test_input_type_is_inferred(values, name, expected):
    assert infer_type(profile(values, name), as_output=False).type == expected


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ([f"k-{i:03}" for i in range(40)], "customer", "it names the row"),
        (list(range(40)), "user_id", "it names the row"),
        (list(range(1, 41)), "n", "it names the row"),
        ([3] * 40, "x", "one value only"),
        ([None] * 4, "x", "every value is missing"),
    ],
)
def test_useless_inputs_are_to_be_left_out(values, name, reason):
    assert reason in infer_type(profile(values, name), as_output=False).exclude


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 2.5, 3.5], "number"),
        (list(range(100)), "number"),
        ([0, 1] * 9, "binary"),
        (["a", "b", "c"] * 9, "category"),
    ],
)
def test_output_type_is_inferred(values, expected):
    assert infer_type(profile(values), as_output=True).type == expected


def test_few_whole_numbers_are_ambiguous_as_output():
    found = infer_type(profile([1, 2, 3] * 20, "rating"), as_output=True)
    assert found.confidence < 0.7
    assert "`rating` is ambiguous: 3 distinct whole numbers" in found.warnings[0]


def test_ambiguous_dates_are_said():
    found = infer_type(profile(["3/4/2019", "5/6/2019"] * 9 + ["1/2/2019"]), as_output=False)
    assert found.type == "date"
    assert "day and month could be swapped" in found.warnings[0]


def test_text_as_output_is_doubted():
    found = infer_type(profile(SENTENCES), as_output=True)
    assert found.type == "category"
    assert "an output must be number, binary or category" in found.warnings[0]
