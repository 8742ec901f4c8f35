"""What a family cannot do is said before anything runs, by declared and by inferred types."""

import polars as pl
import pytest
from column_profiles import profiles_of

from ordain.config import check


def found(text, rows=None):
    profiles = profiles_of(pl.DataFrame(rows)) if rows is not None else None
    faults = check(text, profiles, env={})
    return [(f.code, f.message) for f in faults if f.severity == "error"]


def test_an_output_of_an_inferred_type_is_refused_once_data_is_there():
    text = "input_features: [a]\noutput_features: [y]\nmodel_type: naive_bayes\n"
    rows = {"a": [str(i % 3) for i in range(60)], "y": [i * 1.5 for i in range(60)]}
    assert found(text) == []
    assert [code for code, _ in found(text, rows)] == ["E315"]


@pytest.mark.parametrize(
    ("family", "loss", "is_sound"),
    [
        ("gbm", "poisson", True),
        ("gbm", "mean_absolute_percentage_error", True),
        ("linear", "poisson", True),
        ("linear", "mean_absolute_percentage_error", False),
        ("neural", "quantile", True),
        ("neural", "poisson", False),
        ("knn", "mean_squared_error", False),
        ("baseline", "mean_squared_error", False),
    ],
)
def test_a_family_takes_the_losses_it_minimises(family, loss, is_sound):
    text = (
        "input_features: {a: number}\n"
        f"output_features: {{y: {{type: number, loss: {loss}}}}}\nmodel_type: {family}\n"
    )
    assert [code for code, _ in found(text)] == ([] if is_sound else ["E316"])


def test_a_loss_among_the_defaults_is_checked_too():
    text = (
        "input_features: {a: number}\noutput_features: {y: number}\nmodel_type: knn\n"
        "defaults: {number: {loss: huber}}\n"
    )
    assert [code for code, _ in found(text)] == ["E316"]


def test_a_key_of_a_loss_that_is_not_followed_is_refused():
    loss = "{type: binary_weighted_cross_entropy, robust_lambda: 0.1, positive_class_weight: 2}"
    text = (
        "input_features: {a: number}\n"
        f"output_features: {{y: {{type: binary, loss: {loss}}}}}\nmodel_type: gbm\n"
    )
    assert found(text) == [
        (
            "E316",
            (
                "`robust_lambda` of the loss 'binary_weighted_cross_entropy' has no meaning for "
                "the family 'gbm'"
            ),
        )
    ]


@pytest.mark.parametrize(
    ("column", "output"),
    [
        ("{type: category, monotone: increasing}", "number"),
        ("{type: number, monotone: increasing}", "category"),
        ("{type: number, monotone: increasing}", "{type: number, loss: quantile}"),
    ],
)
def test_monotone_needs_an_order_on_both_sides(column, output):
    text = f"input_features: {{a: {column}}}\noutput_features: {{y: {output}}}\nmodel_type: gbm\n"
    assert [code for code, _ in found(text)] == ["E317"]


def test_another_word_than_a_way_is_refused():
    text = (
        "input_features: {a: {type: number, monotone: up}}\noutput_features: {y: number}\n"
        "model_type: gbm\n"
    )
    assert [code for code, _ in found(text)] == ["E205"]


def test_a_distribution_of_the_trainer_asks_for_the_unit_too():
    text = (
        "input_features: {a: number}\nmodel_type: linear\ntrainer: {distribution: gamma}\n"
        "output_features: {y: {type: number, preprocessing: {normalization: minmax}}}\n"
    )
    assert [code for code, _ in found(text)] == ["E318"]
