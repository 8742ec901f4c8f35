"""Conformal intervals and sets: they hold the truth as often as they say."""

import numpy as np
import pytest
from judged_runs import category_scores
from scipy import stats
from subjects import expit

from ordain.evaluation.decision.conformal import (
    Coverage,
    expected,
    fit_intervals,
    fit_sets,
    measure,
    wilson,
)


def prices(n_rows, seed):
    """Return numbers whose error grows with their size."""
    random = np.random.default_rng(seed)
    predicted = np.exp(random.normal(3, 1, n_rows))
    return predicted * random.lognormal(0.05, 0.3, n_rows), predicted


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_intervals_cover_as_declared_over_many_draws(level):
    held = []
    for seed in range(40):
        truth, predicted = prices(3_000, seed)
        coverage = fit_intervals(truth[:1_000], predicted[:1_000], level=level)
        held.append(measure(coverage, truth[1_000:], predicted[1_000:]).coverage)
    assert np.mean(held) == pytest.approx(level, abs=0.01)
    assert np.std(held) < 0.02


def test_a_greater_prediction_gets_a_wider_interval():
    truth, predicted = prices(4_000, 0)
    coverage = fit_intervals(truth, predicted, level=0.9)
    low, high = coverage.interval(np.array([2.0, 200.0]))
    assert high[1] - low[1] > 20 * (high[0] - low[0])
    for part in np.array_split(np.argsort(predicted), 5):
        assert measure(coverage, truth[part], predicted[part]).coverage > 0.87


@pytest.mark.parametrize("n_rows", [30, 50, 100])
def test_few_rows_cover_no_less(n_rows):
    held = []
    for seed in range(200):
        truth, predicted = prices(n_rows + 500, seed)
        coverage = fit_intervals(truth[:n_rows], predicted[:n_rows], level=0.9)
        held.append(measure(coverage, truth[n_rows:], predicted[n_rows:]).coverage)
    assert np.mean(held) > 0.89


def test_a_group_of_few_rows_borrows_from_all():
    """Half of the rows have one prediction, so that groups are of very unlike sizes."""
    random = np.random.default_rng(0)
    predicted = np.where(np.arange(2_000) % 2 == 0, 5.0, random.normal(5, 0.1, 2_000))
    predicted[:3] = 100.0
    truth = predicted + random.normal(0, 1, 2_000)
    coverage = fit_intervals(truth, predicted, level=0.9)
    low, high = coverage.interval(np.array([5.0, 100.0, -3.0]))
    assert (high - low > 2.5).all()


def test_one_prediction_for_all_gives_one_interval():
    truth = np.random.default_rng(0).normal(0, 1, 500)
    coverage = fit_intervals(truth, np.zeros(500), level=0.9)
    low, high = coverage.interval(np.zeros(1))
    assert low[0] == pytest.approx(-1.64, abs=0.2)
    assert high[0] == pytest.approx(1.64, abs=0.2)


@pytest.mark.parametrize("level", [0.85, 0.9, 0.95])
def test_sets_cover_as_declared_over_many_draws(level):
    held = []
    for seed in range(20):
        truth, scores = category_scores(3_000, 5, seed=seed)
        coverage = fit_sets(truth[:1_000], scores[:1_000], level=level)
        held.append(measure(coverage, truth[1_000:], scores[1_000:]).coverage)
    assert np.mean(held) == pytest.approx(level, abs=0.01)


def test_sets_cover_no_less_than_the_model_is_right():
    """No set is empty: a model that is right in 82% of rows covers them at a level of 60%."""
    truth, scores = category_scores(3_000, 5)
    coverage = fit_sets(truth[:1_000], scores[:1_000], level=0.6)
    found = measure(coverage, truth[1_000:], scores[1_000:])
    right = scores[1_000:].argmax(axis=1) == truth[1_000:]
    assert (found.coverage, found.size) == (right.mean(), 1.0)


def test_a_set_holds_the_likeliest_class_and_all_that_are_likely_enough():
    coverage = Coverage(level=0.9, least_probability=0.3)
    scores = np.array([[0.2, 0.29, 0.25, 0.26], [0.4, 0.35, 0.25, 0.0], [0.9, 0.1, 0.0, 0.0]])
    assert coverage.labels(scores).astype(int).tolist() == [
        [0, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 0, 0, 0],
    ]


def test_binary_sets_read_the_probability_of_the_positive_class():
    coverage = Coverage(level=0.9, least_probability=0.3)
    found = coverage.labels(np.array([0.1, 0.5, 0.69, 0.71], dtype=np.float32))
    assert found.astype(int).tolist() == [[1, 0], [1, 1], [1, 1], [0, 1]]


def test_sets_of_coarse_scores_cover_no_less():
    random = np.random.default_rng(0)
    odds = random.normal(0, 1, 6_000)
    truth = (random.random(6_000) < expit(odds)).astype(int)
    scores = np.round(expit(odds) * 5) / 5
    coverage = fit_sets(truth[:2_000], scores[:2_000], level=0.9)
    assert measure(coverage, truth[2_000:], scores[2_000:]).coverage >= 0.89


@pytest.mark.parametrize("n_rows", [0, 1, 29])
def test_too_few_rows_fit_nothing(n_rows):
    assert fit_intervals(np.zeros(n_rows), np.zeros(n_rows), level=0.9) is None
    assert fit_sets(np.zeros(n_rows, int), np.full(n_rows, 0.5), level=0.9) is None


def test_rank_of_a_round_level_is_not_lost_to_rounding():
    """Of 99 rows the tenth lowest is the bound for 90%: (99 + 1) * 0.1."""
    scores = np.linspace(0.01, 0.99, 99)
    coverage = fit_sets(np.ones(99, int), scores, level=0.9)
    assert coverage.least_probability == pytest.approx(scores[9], rel=1e-5)


def test_no_rows_are_covered_by_nothing():
    coverage = Coverage(level=0.9, least_probability=0.3)
    found = measure(coverage, np.zeros(0, int), np.zeros(0))
    assert (found.n_rows, found.low, found.high) == (0, 0.0, 1.0)


def test_wilson_is_scipy_s():
    from scipy.stats import binomtest

    wanted = binomtest(7, 50).proportion_ci(method="wilson")
    assert wilson(7, 50) == pytest.approx((wanted.low, wanted.high))


def test_the_range_to_expect_allows_for_the_rows_it_was_fitted_on():
    for level, n_fitted, n_rows in ((0.9, 60, 500), (0.8, 400, 50), (0.95, 2_000, 2_000)):
        n_out = int((n_fitted + 1) * (1 - level) + 1e-9)
        spread = stats.betabinom(n_rows, n_fitted + 1 - n_out, n_out)
        low, high = expected(level, n_fitted, n_rows)
        assert (low * n_rows, high * n_rows) == pytest.approx(
            (spread.ppf(0.025), spread.ppf(0.975)), abs=1
        )
    assert expected(0.9, 0, 500) == (None, None)


def test_intervals_of_few_validation_rows_raise_no_more_alarms_than_chance():
    alarms = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        coverage = fit_intervals(random.normal(size=60), np.zeros(60), level=0.9)
        covered = measure(coverage, random.normal(size=5_000), np.zeros(5_000))
        alarms += covered.is_short
    assert alarms <= 12
