from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from formula_subjects import number_of, sigmoid, subject_by

from ordain.evaluation.explain.attribution import attribute, sampled_shapley
from ordain.models.attribution import Attribution


def test_sampled_values_come_to_the_answer_exactly(odds):
    part = odds.take(np.arange(20))
    found = sampled_shapley(part, "y")
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-9)
    np.testing.assert_allclose(found.margin, part.targets["y"].scores)


def test_an_input_that_is_not_read_adds_nothing(odds):
    found = sampled_shapley(odds.take(np.arange(20)), "y")
    assert np.abs(found.values[:, found.inputs.index("noise")]).max() == 0


def test_of_a_sum_each_input_adds_its_distance_from_the_mean(numbers):
    """Shapley values of an additive model are known."""
    types = dict.fromkeys(numbers.columns, "number")

    def formula(inputs):
        return 3 * number_of(inputs, "strong") - number_of(inputs, "weak")

    made = subject_by(numbers.head(32), types, formula)
    found = sampled_shapley(made, "y")
    strong = 3 * made.frame["strong"].to_numpy()
    np.testing.assert_allclose(found.values[:, 0], strong - strong.mean(), atol=1e-6)
    assert found.scale == "value"


def test_a_product_is_shared_evenly():
    frame = pl.DataFrame({"a": [1.0, 1.0, 0.0, 0.0], "b": [1.0, 0.0, 1.0, 0.0]})
    made = subject_by(
        frame, {"a": "number", "b": "number"},
        lambda inputs: number_of(inputs, "a") * number_of(inputs, "b"),
    )  # fmt: skip
    found = sampled_shapley(made, "y", n_orders=64)
    np.testing.assert_allclose(found.values[0, 0], found.values[0, 1], atol=1e-9)
    assert found.values[0].sum() == pytest.approx(0.75)


def test_a_row_alone_is_explained_as_among_others(odds):
    whole = sampled_shapley(subject_with_background(odds, np.arange(6)), "y")
    for row in range(6):
        alone = sampled_shapley(subject_with_background(odds, np.array([row])), "y")
        np.testing.assert_array_equal(alone.values[0], whole.values[row])


def test_every_class_of_a_category_adds_up(numbers):
    def formula(inputs):
        raw = np.stack([number_of(inputs, "strong"), number_of(inputs, "weak"),
                        np.zeros(len(inputs["weak"]))], axis=1)  # fmt: skip
        powers = np.exp(raw)
        return powers / powers.sum(axis=1, keepdims=True)

    types = dict.fromkeys(numbers.columns, "number")
    made = subject_by(numbers.head(12), types, formula, target="category", truth=np.zeros(12, int))
    found = sampled_shapley(made, "y")
    assert found.values.shape == (12, 3, 3)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin, atol=1e-9)
    np.testing.assert_allclose(found.values.sum(axis=2), 0, atol=1e-9)


def test_one_input_of_one_row_is_explained(numbers):
    made = subject_by(
        numbers.head(1), {"strong": "number"},
        lambda inputs: sigmoid(number_of(inputs, "strong")), target="binary",
        truth=np.array([1]),
    )  # fmt: skip
    found = attribute(made, "y")
    assert found.values.shape == (1, 1)
    assert found.values.sum() == 0  # the row is its own background


def subject_with_background(subject, rows):
    from dataclasses import replace

    background = {name: column.rows(100, 120) for name, column in subject.encoded.items()}
    return replace(subject.take(rows), background=background)


def test_log_odds_of_classes_are_told_against_the_mean_of_all(odds):
    likelihoods = Attribution(
        inputs=("a", "b"),
        values=np.array([[[-10.0, -12.0, -11.0], [3.0, 1.0, 2.0]]]),
        base=np.array([300.0, 301.0, 302.0]),
        margin=np.array([[293.0, 290.0, 293.0]]),
        scale="log_odds",
        method="exact",
    )
    found = attribute(replace(odds, attribute=lambda encoded, name: likelihoods), "y")
    np.testing.assert_allclose(found.base, [-1, 0, 1])
    np.testing.assert_allclose(found.values[0, 0], [1, -1, 0])
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, found.margin)
