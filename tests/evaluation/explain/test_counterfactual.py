from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from formula_subjects import number_of, sigmoid, subject_by

from ordain.core.errors import UsageError
from ordain.evaluation.explain.counterfactual import Goal, counterfactuals


def answer_after(subject, found):
    """Return the score of the row with the changes made."""
    row = subject.frame[found.row : found.row + 1]
    row = row.with_columns(pl.lit(change.after).alias(change.input) for change in found.changes)
    encoded = {c.name: subject.encode(c.name, row[c.column], row) for c in subject.columns}
    return subject.score(encoded)["y"][0]


def row_with(subject, *, score_over):
    return int(np.flatnonzero(subject.targets["y"].scores > score_over)[0])


def test_what_is_found_flips_the_answer(odds):
    row = row_with(odds, score_over=0.7)
    found = counterfactuals(odds, "y", row)
    assert found
    for one in found:
        assert (one.before, one.after) == ("yes", "no")
        assert answer_after(odds, one) < 0.5
        assert one.probability == pytest.approx(1 - answer_after(odds, one), abs=1e-6)


def test_the_fewest_changes_come_first_and_noise_is_left_alone(odds):
    row = row_with(odds, score_over=0.7)
    found = counterfactuals(odds, "y", row)
    assert len(found[0].changes) == 1
    assert all(change.input != "noise" for one in found for change in one.changes)


def test_a_number_changes_no_more_than_it_must(odds):
    row = row_with(odds, score_over=0.8)
    (change,) = counterfactuals(odds, "y", row, immutable=["weak"])[0].changes
    border = -0.25 * odds.frame["weak"][row]
    assert change.input == "strong"
    assert change.after == pytest.approx(border, abs=0.1)
    assert len(f"{change.after:g}") <= 8


def test_immutable_inputs_stay(odds):
    row = row_with(odds, score_over=0.7)
    for one in counterfactuals(odds, "y", row, immutable=["strong"]):
        assert all(change.input != "strong" for change in one.changes)


def test_two_changes_are_found_where_one_is_not_enough():
    frame = pl.DataFrame({"a": [1, 1, 0, 0] * 10, "b": [1, 0, 1, 0] * 10})
    made = subject_by(
        frame, {"a": "number", "b": "number"},
        lambda inputs: sigmoid(1.5 - number_of(inputs, "a") - number_of(inputs, "b")),
        target="binary", truth=np.zeros(40, int),
    )  # fmt: skip
    (found,) = counterfactuals(made, "y", 3)
    assert {change.input: change.after for change in found.changes} == {"a": 1, "b": 1}


def test_a_number_is_led_into_its_bounds(numbers):
    made = subject_by(
        numbers, {"strong": "number"}, lambda inputs: 10 * number_of(inputs, "strong")
    )
    row = int(np.argmin(made.targets["y"].scores))
    (found,) = counterfactuals(made, "y", row, goal=Goal(at_least=5, at_most=8))
    assert 5 <= answer_after(made, found) <= 8
    assert found.probability is None


def test_a_wanted_class_is_reached():
    frame = pl.DataFrame({"a": np.linspace(-2, 2, 60)})

    def formula(inputs):
        a = number_of(inputs, "a")
        powers = np.exp(np.stack([-4 * a, np.zeros_like(a), 4 * a], axis=1))
        return powers / powers.sum(axis=1, keepdims=True)

    made = subject_by(frame, {"a": "number"}, formula, target="category", truth=np.zeros(60, int))
    (found,) = counterfactuals(made, "y", 0, goal=Goal(label="r"))
    assert (found.before, found.after) == ("p", "r")


def test_words_are_exchanged_for_others_that_occur():
    frame = pl.DataFrame({"kind": ["a", "b", "c"] * 10})
    made = subject_by(
        frame, {"kind": "category"},
        lambda inputs: np.where(inputs["kind"].values == 3, 0.9, 0.2),
        target="binary", truth=np.zeros(30, int),
    )  # fmt: skip
    (found,) = counterfactuals(made, "y", 0)
    assert found.changes[0].model_dump() == {"input": "kind", "before": "a", "after": "c"}


def test_columns_that_follow_from_others_follow():
    frame = pl.DataFrame({"a": np.linspace(0, 1, 40)}).with_columns(double=2 * pl.col("a"))
    made = subject_by(
        frame, {"a": "number", "double": "number"},
        lambda inputs: sigmoid(8 * number_of(inputs, "double") - 8), target="binary",
        truth=np.zeros(40, int),
    )  # fmt: skip
    made = replace(
        made,
        derive=lambda rows: rows.with_columns(double=2 * pl.col("a")),
        derived=frozenset({"double"}),
    )
    (found,) = counterfactuals(made, "y", 2)
    (change,) = found.changes
    assert change.input == "a"
    assert change.after >= 0.5


def test_nothing_is_found_where_nothing_flips(numbers):
    made = subject_by(
        numbers, {"strong": "number"}, lambda inputs: np.full(len(inputs["strong"]), 0.3),
        target="binary", truth=np.zeros(len(numbers), int),
    )  # fmt: skip
    assert counterfactuals(made, "y", 0) == ()


def test_an_immutable_input_that_does_not_exist_is_told(odds):
    with pytest.raises(UsageError, match="`stron` is no input of the model; nearest: `strong`"):
        counterfactuals(odds, "y", 0, immutable=["stron"])


def test_a_class_that_does_not_exist_is_told(odds):
    with pytest.raises(UsageError, match="'maybe' is no class"):
        counterfactuals(odds, "y", 0, goal=Goal(label="maybe"))


def test_a_class_that_is_the_answer_already_is_told(odds):
    row = row_with(odds, score_over=0.7)
    with pytest.raises(UsageError, match="the answer is 'yes' already"):
        counterfactuals(odds, "y", row, goal=Goal(label="yes"))


def test_a_number_needs_bounds(numbers):
    made = subject_by(numbers, {"weak": "number"}, lambda inputs: number_of(inputs, "weak"))
    with pytest.raises(UsageError, match="a number has no other class to flip to"):
        counterfactuals(made, "y", 0)
    with pytest.raises(UsageError, match="no number is at least 2 and at most 1"):
        counterfactuals(made, "y", 0, goal=Goal(at_least=2, at_most=1))
    with pytest.raises(UsageError, match="lies in the wanted range already"):
        counterfactuals(made, "y", 0, goal=Goal(at_least=-100))


def test_bounds_are_for_numbers(odds):
    with pytest.raises(UsageError, match="bounds are for numbers"):
        counterfactuals(odds, "y", 0, goal=Goal(at_least=1))
