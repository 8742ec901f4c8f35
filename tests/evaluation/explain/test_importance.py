from dataclasses import replace

import numpy as np
import pytest
from formula_subjects import number_of, subject_by

from ordain.evaluation.explain.importance import permutation_importance


def test_importance_finds_the_input_that_decides(odds):
    table = permutation_importance(odds)["y"]
    assert [one.input for one in table.inputs] == ["strong", "weak", "noise"]
    assert table.inputs[0].low > 0
    assert sum(one.share for one in table.inputs) == pytest.approx(1.0)


def test_an_input_that_is_not_read_has_no_importance(odds):
    noise = permutation_importance(odds)["y"].inputs[-1]
    assert noise.increase == 0
    assert noise.low <= 0 <= noise.high


def test_an_input_read_for_nothing_has_an_interval_over_zero(numbers):
    def formula(inputs):
        return number_of(inputs, "strong") + 0.1 * number_of(inputs, "noise")

    types = dict.fromkeys(numbers.columns, "number")
    truth = numbers["strong"].to_numpy() + np.random.default_rng(5).normal(0, 1, len(numbers))
    made = subject_by(numbers, types, formula, truth=truth)
    found = {one.input: one for one in permutation_importance(made)["y"].inputs}
    assert found["noise"].low <= 0 <= found["noise"].high
    assert found["strong"].low > 0.1


def test_rows_of_one_entity_count_as_one_in_the_interval(odds):
    copied = np.repeat(np.arange(200), 4)
    rows = odds.take(copied)
    together = permutation_importance(replace(rows, groups=copied), n_repeats=4)["y"].inputs[0]
    apart = permutation_importance(rows, n_repeats=4)["y"].inputs[0]
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_one_row_has_no_importance(odds):
    assert permutation_importance(odds.take(np.array([0]))) == {}


def test_rows_without_truth_have_no_importance(numbers):
    made = subject_by(
        numbers, {"strong": "number"}, lambda inputs: number_of(inputs, "strong"),
        truth=np.full(len(numbers), np.nan),
    )  # fmt: skip
    assert permutation_importance(made) == {}
