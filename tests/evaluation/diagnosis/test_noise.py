from __future__ import annotations

import numpy as np
import pytest

from ordain.evaluation.diagnosis.noise import label_noise, twins


def planted(share: float, n_rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, n_rows)
    scores = np.full((n_rows, 3), 0.05)
    scores[np.arange(n_rows), true] = 0.9
    scores += random.random((n_rows, 3)) * 0.05
    scores /= scores.sum(axis=1, keepdims=True)
    flipped = random.random(n_rows) < share
    given = np.where(flipped, (true + random.integers(1, 3, n_rows)) % 3, true)
    return given, scores


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_planted_label_noise_is_estimated(share: float) -> None:
    found = label_noise(*planted(share))
    assert found is not None
    assert found.share == pytest.approx(share, abs=0.02)
    assert found.low - 0.005 <= share <= found.high + 0.005


def test_binary_scores_and_missing_truth_are_read() -> None:
    random = np.random.default_rng(1)
    true = random.integers(0, 2, 2000).astype(float)
    scores = np.where(true == 1, 0.95, 0.05)
    given = np.where(random.random(2000) < 0.1, 1 - true, true)
    given[:100] = np.nan
    found = label_noise(given, scores)
    assert found is not None
    assert found.n_rows == 1900
    assert found.share == pytest.approx(0.1, abs=0.02)
    assert label_noise(given[:60], scores[:60]) is None


def test_twins_with_other_classes_bound_what_any_model_can_do() -> None:
    keys = np.array([1, 1, 1, 2, 2, 3, 4], dtype=np.uint64)
    found = twins(keys, np.array([0, 0, 1, 1, 1, 0, -1]), is_number=False)
    assert (found.n_rows, found.n_twins, found.n_conflicts) == (6, 5, 1)
    assert found.floor == pytest.approx(0.2)
    assert found.share == pytest.approx(0.2)


def test_twins_of_numbers_cost_what_lies_around_their_median() -> None:
    keys = np.array([1, 1, 1, 2, 2, 3], dtype=np.uint64)
    found = twins(keys, np.array([1.0, 2.0, 4.0, 5.0, 5.0, 9.0]), is_number=True)
    assert found.floor == pytest.approx(3 / 5)
    assert found.n_conflicts == 2
    none = twins(np.arange(4, dtype=np.uint64), np.zeros(4), is_number=True)
    assert (none.n_twins, none.floor, none.share) == (0, 0.0, 0.0)
