import datetime as dt

import numpy as np
import polars as pl
import pytest
from formula_subjects import number_of, subject_by

from ordain.evaluation.explain.dependence import Dependence, dependence, grid_of, interactions
from ordain.evaluation.explain.words import dependence_in_words


def test_dependence_of_a_sum_is_its_term(numbers):
    made = subject_by(
        numbers, {"strong": "number", "weak": "number"},
        lambda inputs: 3 * number_of(inputs, "strong") + number_of(inputs, "weak"),
    )  # fmt: skip
    found = dependence(made, "y", "strong")
    slopes = np.diff(found.mean) / np.diff(found.values)
    np.testing.assert_allclose(slopes, 3, atol=1e-4)
    assert sum(found.shares) == pytest.approx(1)
    assert found.is_ordered
    assert len(found.curves) == 20


def test_inputs_of_a_sum_do_not_interact(numbers):
    made = subject_by(
        numbers, dict.fromkeys(numbers.columns, "number"),
        lambda inputs: number_of(inputs, "strong") ** 2 + number_of(inputs, "weak"),
    )  # fmt: skip
    assert all(pair.strength < 1e-3 for pair in interactions(made, "y", numbers.columns))


def test_inputs_of_a_product_interact_most(numbers):
    made = subject_by(
        numbers, dict.fromkeys(numbers.columns, "number"),
        lambda inputs: number_of(inputs, "strong") * number_of(inputs, "weak")
        + number_of(inputs, "noise"),
    )  # fmt: skip
    first = interactions(made, "y", numbers.columns)[0]
    assert set(first.inputs) == {"strong", "weak"}
    assert first.strength > 0.9


def test_a_text_and_an_empty_column_have_no_dependence():
    frame = pl.DataFrame({"words": ["good a"] * 5, "empty": pl.Series([None] * 5, dtype=pl.Int64)})
    made = subject_by(
        frame, {"words": "text", "empty": "number"}, lambda inputs: np.zeros(len(inputs["empty"]))
    )
    assert dependence(made, "y", "words") is None
    assert dependence(made, "y", "empty") is None


@pytest.mark.parametrize("name", ["count", "value", "n"])
def test_a_column_may_be_called_as_counts_are(name):
    values = grid_of(pl.Series(name, ["x", "y", "x"]), "category", 5, 5)
    assert values.to_list() == ["x", "y"]


def test_missing_numbers_are_no_value_to_try():
    values = grid_of(pl.Series("a", [1.0, None, float("nan"), 3.0]), "number", 5, 5)
    assert values.to_list() == [1.0, 3.0]


def test_days_are_tried_in_their_order():
    days = pl.Series("d", [dt.date(2024, 1, 1) + dt.timedelta(i) for i in range(100)])
    values = grid_of(days, "date", 5, 12)
    assert values.is_sorted()
    assert len(values) == 5


def told(values, mean, *, label="yes"):
    n = len(values)
    return dependence_in_words(
        Dependence(
            output="y", label=label, input="x", is_ordered=not isinstance(values[0], str),
            values=tuple(values), mean=tuple(mean), curves=(), shares=(1 / n,) * n, n_rows=9,
        )
    )  # fmt: skip


def test_a_rise_a_fall_and_a_turn_are_told():
    assert told([17.0, 30.0, 53.0], [0.06, 0.2, 0.31]) == "rises from 0.06 at 17 to 0.31 at 53"
    assert told([1.0, 2.0], [0.8, 0.1]) == "falls from 0.80 at 1 to 0.10 at 2"
    assert told([1.0, 2.0, 3.0], [0.1, 0.9, 0.3]) == (
        "rises from 0.10 at 1 to 0.90 at 2, then falls to 0.30 at 3"
    )
    assert told([1.0, 2.0, 3.0], [0.6, 0.1, 0.9]) == (
        "falls from 0.60 at 1 to 0.10 at 2, then rises to 0.90 at 3"
    )


def test_what_hardly_moves_and_what_has_no_order_is_told():
    assert told([1.0, 2.0], [0.301, 0.302]) == "hardly moves: 0.30 to 0.30"
    assert told(["a", "b"], [0.1, 0.4]) == "lowest for 'a' (0.10), highest for 'b' (0.40)"
    assert told([1.0], [0.4]) == "hardly moves: 0.40 to 0.40"
