"""Rows and subjects that tests of explanations share."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from formula_subjects import number_of, sigmoid, subject_by


@pytest.fixture
def numbers():
    random = np.random.default_rng(3)
    names = ("strong", "weak", "noise")
    return pl.DataFrame({name: random.normal(0, 1, 800).round(3) for name in names})


@pytest.fixture
def odds(numbers):
    """A binary model that reads `strong` and `weak`, judged on rows drawn by it."""

    def formula(inputs):
        return sigmoid(2 * number_of(inputs, "strong") + 0.5 * number_of(inputs, "weak"))

    types = dict.fromkeys(numbers.columns, "number")
    made = subject_by(numbers, types, formula, target="binary")
    random = np.random.default_rng(1)
    truth = (random.random(len(made)) < made.targets["y"].scores).astype(np.int64)
    return subject_by(numbers, types, formula, target="binary", truth=truth)
