from math import erf

import numpy as np
import pytest
from judged_runs import binary_scores, category_scores, number_scores

from ordain.evaluation.intervals import gain_interval, value_interval
from ordain.evaluation.metric import METRICS
from ordain.evaluation.sample import make_sample


def sample_of(type_name, n_rows, seed=0, weights=None):
    if type_name == "binary":
        truth, scores, _ = binary_scores(n_rows, seed=seed)
    elif type_name == "category":
        truth, scores = category_scores(n_rows, 4, seed=seed)
    else:
        truth, scores = number_scores(n_rows, seed=seed)
    return make_sample(type_name, truth, scores, weights=weights)


@pytest.mark.parametrize(
    ("name", "type_name"),
    [
        ("roc_auc", "binary"),
        ("log_loss", "binary"),
        ("brier", "category"),
        ("accuracy", "category"),
        ("top_k", "category"),
        ("r2", "number"),
        ("rmse", "number"),
        ("mae", "number"),
    ],
)
def test_interval_from_influence_agrees_with_resampling(name, type_name):
    metric = METRICS.build(name)
    quick = value_interval(metric, sample_of(type_name, 2000))
    slow = value_interval(metric, sample_of(type_name, 2000, weights=np.ones(2000)))
    assert (quick.method, slow.method) == ("delong" if name == "roc_auc" else "delta", "bootstrap")
    assert quick.high - quick.low == pytest.approx(slow.high - slow.low, rel=0.25)


def test_interval_of_roc_auc_covers_the_truth_as_often_as_it_says():
    metric = METRICS.build("roc_auc")
    area = 0.5 * (1 + erf(1.2 / 2))  # of normal scores that lie 1.2 apart: phi(1.2 / sqrt 2)
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        truth = (random.random(300) < 0.4).astype(np.int8)
        interval = value_interval(metric, make_sample("binary", truth, random.normal(1.2 * truth)))
        hits += interval.low <= area <= interval.high
    assert 0.92 <= hits / 400 <= 0.98


def test_large_sets_are_resampled_in_part_with_the_right_width():
    metric = METRICS.build("median_absolute_error")
    wide = value_interval(metric, sample_of("number", 20_000))
    narrow = value_interval(metric, sample_of("number", 80_000))
    assert (narrow.high - narrow.low) * 2 == pytest.approx(wide.high - wide.low, rel=0.3)


def test_interval_stays_within_what_is_possible():
    truth = np.r_[np.zeros(30), np.ones(30)]
    scores = truth * 0.8
    scores[0] = 0.9
    interval = value_interval(METRICS.build("accuracy"), make_sample("binary", truth, scores))
    assert interval.high == 1.0


def test_perfect_scores_have_no_interval():
    truth = np.r_[np.zeros(30), np.ones(30)]
    assert value_interval(METRICS.build("roc_auc"), make_sample("binary", truth, truth)) is None


def test_paired_interval_is_narrower_than_two_alone():
    truth, good, _ = binary_scores(2000)
    other = np.clip(good + np.random.default_rng(1).normal(0, 0.02, 2000), 0, 1)
    metric = METRICS.build("roc_auc")
    ours, theirs = (make_sample("binary", truth, scores) for scores in (good, other))
    paired = gain_interval(metric, ours, theirs)
    alone = value_interval(metric, ours)
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_resampling_repeats_itself():
    sample = sample_of("binary", 300)
    metric = METRICS.build("f1")
    assert value_interval(metric, sample) == value_interval(metric, sample)
