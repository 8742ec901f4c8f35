from math import erf, sqrt

import numpy as np
import pytest
from judged_runs import binary_scores, category_scores, number_scores
from scipy import stats

from ordain.evaluation.intervals import (
    gain_interval,
    pull_spread,
    quantile,
    spread_of,
    value_interval,
    wilson,
)
from ordain.evaluation.metric import METRICS, value_of
from ordain.evaluation.resampling import draws, resampled_spread
from ordain.evaluation.sample import Extras, make_sample

AREA = 0.5 * (1 + erf(1.2 / 2))
"""Of normal scores that lie 1.2 apart: phi(1.2 / sqrt 2)."""


def sample_of(type_name, n_rows, seed=0, weights=None, groups=None):
    if type_name == "binary":
        truth, scores, _ = binary_scores(n_rows, seed=seed)
    elif type_name == "category":
        truth, scores = category_scores(n_rows, 4, seed=seed)
    else:
        truth, scores = number_scores(n_rows, seed=seed)
    return make_sample(type_name, truth, scores, weights=weights, extras=Extras(groups=groups))


CASES = [
    *((name, "binary") for name in ("roc_auc", "average_precision", "log_loss", "f1", "kappa")),
    *((name, "binary") for name in ("mcc", "precision", "balanced_accuracy", "ks", "f_beta")),
    *((name, "category") for name in ("brier", "accuracy", "top_k", "roc_auc", "f1_macro")),
    *((name, "category") for name in ("f1_weighted", "mcc", "ece")),
    *((name, "number") for name in ("r2", "rmse", "mae", "pearson", "spearman", "smape")),
    *((name, "number") for name in ("median_absolute_error", "quantile_loss")),
]


@pytest.mark.parametrize("kind", ["plain", "weighted", "grouped"])
@pytest.mark.parametrize(("name", "type_name"), CASES)
def test_spread_from_influence_agrees_with_resampling(name, type_name, kind):
    metric = METRICS.build(name)
    random = np.random.default_rng(1)
    weights = random.random(1000) + 0.2 if kind == "weighted" else None
    groups = random.integers(0, 200, 1000) if kind == "grouped" else None
    sample = sample_of(type_name, 1000, weights=weights, groups=groups)
    quick, method = spread_of(metric, (sample,))
    assert method == ("delong" if name == "roc_auc" else "delta")
    assert quick == pytest.approx(resampled_spread(metric, (sample,), seed=0), rel=0.25)


def covered(metric, type_name, draw, value, *, n_sets=500):
    """Return how often the interval holds the value, over sets that are drawn anew."""
    metric = METRICS.build(metric)
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(n_sets):
        truth, scores, extras = draw(random)
        interval = value_interval(metric, make_sample(type_name, truth, scores, extras=extras))
        hits += interval.low <= value <= interval.high
    return hits / n_sets


def normal_scores(random, n_rows=300):
    truth = (random.random(n_rows) < 0.4).astype(np.int8)
    return truth, random.normal(1.2 * truth), Extras()


def repeated_scores(random, n_rows=150):
    truth, scores, _ = normal_scores(random, n_rows)
    return np.repeat(truth, 4), np.repeat(scores, 4), Extras(groups=np.repeat(range(n_rows), 4))


def normal_errors(random, n_rows=100):
    errors = random.normal(size=n_rows)
    return np.zeros(n_rows), errors, Extras()


def right_or_wrong(random, n_rows=25):
    return np.ones(n_rows), (random.random(n_rows) < 0.9) * 1.0, Extras()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "type_name", "draw", "value"),
    [
        pytest.param("roc_auc", "binary", normal_scores, AREA, id="delong"),
        pytest.param("roc_auc", "binary", repeated_scores, AREA, id="delong, groups"),
        pytest.param("mae", "number", normal_errors, sqrt(2 / np.pi), id="delta"),
        pytest.param(
            "median_absolute_error", "number", normal_errors, stats.norm.isf(0.25), id="density"
        ),
        pytest.param("accuracy", "binary", right_or_wrong, 0.9, id="share of 25 rows"),
    ],
)
def test_interval_covers_a_known_value_as_often_as_it_says(metric, type_name, draw, value):
    assert 0.93 <= covered(metric, type_name, draw, value) <= 0.97


def gain_at(share):
    """Return the share of positives above the threshold that a share of all rows is above."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        above = 0.6 * stats.norm.sf(middle) + 0.4 * stats.norm.sf(middle - 1.2)
        low, high = (middle, high) if above > share else (low, middle)
    return stats.norm.sf(low - 1.2)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [normal_scores, repeated_scores], ids=["rows", "groups"])
def test_resampled_interval_covers_a_known_value_as_often_as_it_says(draw):
    metric = {"type": "gain", "share": 0.3}
    assert 0.93 <= covered(metric, "binary", draw, gain_at(0.3)) <= 0.97


@pytest.mark.slow
def test_paired_interval_covers_a_known_gain_as_often_as_it_says():
    metric, random = METRICS.build("roc_auc"), np.random.default_rng(2)
    gain = AREA - 0.5 * (1 + erf(0.8 / 2))
    hits = 0
    for _ in range(500):
        truth = (random.random(300) < 0.4).astype(np.int8)
        common = random.normal(size=300) * sqrt(0.5)
        ours, theirs = (
            make_sample(
                "binary", truth, shift * truth + common + random.normal(size=300) * sqrt(0.5)
            )
            for shift in (1.2, 0.8)
        )
        interval = gain_interval(metric, ours, theirs)
        hits += interval.low <= gain <= interval.high
    assert 0.93 <= hits / 500 <= 0.97


def test_repeated_rows_are_no_new_rows_where_they_are_grouped():
    truth, scores, _ = binary_scores(300)
    one = make_sample("binary", truth, scores)
    groups = Extras(groups=np.tile(range(300), 4))
    four = make_sample(
        "binary",
        np.tile(truth, 4),
        np.tile(scores, 4),
        extras=groups,
    )
    for name in ("roc_auc", "f1", "lift"):
        metric = METRICS.build(name)
        spreads = [spread_of(metric, (sample,))[0] for sample in (one, four)]
        assert spreads[0] == pytest.approx(spreads[1], rel=1e-9 if name != "lift" else 0.2)


def test_groups_may_be_named_by_text():
    names = np.array([f"person {i % 50}" for i in range(300)])
    by_name = sample_of("number", 300, groups=names)
    by_number = sample_of("number", 300, groups=np.arange(300) % 50)
    metric = METRICS.build("mae")
    assert spread_of(metric, (by_name,))[0] == pytest.approx(spread_of(metric, (by_number,))[0])


def test_a_draw_takes_whole_groups():
    sample = sample_of("number", 12, groups=np.arange(12) % 4)
    counts = next(draws(sample, n_draws=5, random=np.random.default_rng(0)))
    assert counts.shape == (5, 12)
    assert (counts[:, :4] == counts[:, 4:8]).all()
    assert (counts[:, :4].sum(axis=1) == 4).all()


def test_large_sets_are_resampled_in_part_with_the_right_width():
    metric = METRICS.build({"type": "gain", "share": 0.3})
    wide = value_interval(metric, sample_of("binary", 20_000))
    narrow = value_interval(metric, sample_of("binary", 80_000))
    assert (narrow.high - narrow.low) * 2 == pytest.approx(wide.high - wide.low, rel=0.3)


def test_interval_stays_within_what_is_possible():
    truth = np.r_[np.zeros(30), np.ones(30)]
    scores = truth * 0.8
    scores[0] = 0.9
    interval = value_interval(METRICS.build("accuracy"), make_sample("binary", truth, scores))
    assert 0.98 < interval.high < 1.0
    assert interval.low == pytest.approx(wilson(59 / 60, 60)[0], abs=0.01)


@pytest.mark.parametrize("name", ["roc_auc", "accuracy", "f1", "recall", "mcc", "specificity"])
def test_perfect_scores_have_an_interval_that_ends_at_one(name):
    truth = np.r_[np.zeros(60), np.ones(30)]
    interval = value_interval(METRICS.build(name), make_sample("binary", truth, truth))
    assert interval.high == 1.0
    assert 0.8 < interval.low < 0.97
    assert interval.method == "wilson"


def test_no_row_right_has_an_interval_that_starts_at_zero():
    truth = np.r_[np.zeros(10), np.ones(10)]
    interval = value_interval(METRICS.build("accuracy"), make_sample("binary", truth, 1 - truth))
    assert (interval.low, interval.high) == pytest.approx(wilson(0.0, 20))


def test_three_rows_give_a_wide_interval():
    sample = make_sample("binary", np.array([1, 1, 0]), np.array([0.9, 0.8, 0.1]))
    interval = value_interval(METRICS.build("accuracy"), sample)
    assert interval.low < 0.5
    errors = make_sample("number", np.zeros(3), np.array([1.0, 2.0, 3.0]))
    interval = value_interval(METRICS.build("mae"), errors)
    expected = stats.t.interval(0.95, 2, 2, 1 / sqrt(3))
    assert (interval.low, interval.high) == pytest.approx((max(0, expected[0]), expected[1]))


def test_one_row_of_a_metric_without_bounds_has_no_interval():
    assert value_interval(METRICS.build("mae"), make_sample("number", [1.0], [2.0])) is None


def test_largest_error_has_no_interval():
    assert value_interval(METRICS.build("max_error"), sample_of("number", 100)) is None


def test_mean_has_the_t_interval():
    sample = sample_of("number", 15)
    interval = value_interval(METRICS.build("mae"), sample)
    errors = sample.absolute_errors
    expected = stats.t.interval(0.95, 14, errors.mean(), stats.sem(errors))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("freedom", [1, 2, 3, 5, 20, 1000])
def test_quantile_equals_that_of_students_t(level, freedom):
    expected = stats.t.ppf((1 + level) / 2, freedom)
    assert quantile(level, freedom) == pytest.approx(expected, rel=0.05 if freedom == 3 else 6e-3)


@pytest.mark.parametrize(("right", "rows"), [(0, 5), (3, 7), (99, 100), (40, 40)])
def test_wilson_equals_scipy(right, rows):
    expected = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson(right / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_higher_level_is_wider():
    sample, metric = sample_of("binary", 300), METRICS.build("roc_auc")
    narrow, wide = (value_interval(metric, sample, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.8, 0.99)


def test_calibrated_model_may_have_no_gap():
    random = np.random.default_rng(0)
    scores = random.random(400)
    truth = (random.random(400) < scores).astype(np.int8)
    sample, metric = make_sample("binary", truth, scores), METRICS.build("ece")
    assert value_of(metric.evaluate(sample)) > 0.02
    assert value_interval(metric, sample).low < 0.01


def test_paired_interval_is_narrower_than_two_alone():
    truth, good, _ = binary_scores(2000)
    other = np.clip(good + np.random.default_rng(1).normal(0, 0.02, 2000), 0, 1)
    metric = METRICS.build("roc_auc")
    ours, theirs = (make_sample("binary", truth, scores) for scores in (good, other))
    paired = gain_interval(metric, ours, theirs)
    alone = value_interval(metric, ours)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_perfect_against_constant_is_a_sure_gain():
    truth = np.r_[np.zeros(50), np.ones(50)]
    ours, theirs = (make_sample("binary", truth, s) for s in (truth, np.full(100, 0.4)))
    interval = gain_interval(METRICS.build("roc_auc"), ours, theirs)
    assert interval.low > 0.3


def test_resampling_repeats_itself():
    sample = sample_of("binary", 300)
    metric = METRICS.build("recall_at_precision")
    assert value_interval(metric, sample) == value_interval(metric, sample)


def test_single_group_has_no_spread():
    sample = sample_of("number", 50, groups=np.zeros(50))
    assert np.isnan(pull_spread(METRICS.build("mae").influence(sample), sample))
    assert value_interval(METRICS.build("mae"), sample) is None
