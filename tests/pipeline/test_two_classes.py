"""A category with exactly two labels is a category: a score for each, in every family."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import ordain

FAMILIES = ("baseline", "gbm", "knn", "linear", "naive_bayes", "neural")


@pytest.mark.parametrize("family", FAMILIES)
def test_category_of_two_labels_has_a_probability_each(
    config: dict[str, Any], frame: pl.DataFrame, family: str
) -> None:
    keys = {
        **config,
        "output_features": {"churn": "category"},
        "model_type": family,
        "trainer": {"epochs": 1} if family == "neural" else {},
        "evaluation": {"baselines": False},
    }
    result = ordain.train(keys, frame)
    answers = result.predict(frame.drop("churn"))
    shares = answers["churn_probability_No"] + answers["churn_probability_Yes"]
    assert ((shares - 1).abs() < 1e-5).all()
