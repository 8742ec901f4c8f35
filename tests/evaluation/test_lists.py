"""Ranked lists: ndcg and map, a list for each group."""

import numpy as np
import pytest
from sklearn import metrics as sk

from ordain.evaluation.intervals import value_interval
from ordain.evaluation.metric import METRICS, value_of
from ordain.evaluation.resampling import resampled_spread
from ordain.evaluation.sample import Extras, make_sample

N_LISTS = 40


def lists(*, seed=0, is_coarse=False, is_binary=False):
    """Return relevance, scores and lists of three to nine rows, shuffled."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(N_LISTS), random.integers(3, 10, N_LISTS))
    relevance = random.integers(0, 4, len(groups)).astype(float)
    scores = relevance + random.normal(0, 2, len(groups))
    scores = np.round(scores) if is_coarse else scores
    order = random.permutation(len(groups))
    if is_binary:
        relevance = (relevance > 2).astype(np.int8)
    return relevance[order], scores[order], groups[order]


def by_list(function, relevance, scores, groups):
    found = [
        function(relevance[groups == g], scores[groups == g])
        for g in np.unique(groups)
        if relevance[groups == g].any()
    ]
    return np.mean(found)


@pytest.mark.parametrize("is_coarse", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize("k", [None, 1, 4])
def test_ndcg_of_each_list_equals_the_reference(k, is_coarse):
    relevance, scores, groups = lists(is_coarse=is_coarse)
    expected = by_list(lambda y, s: sk.ndcg_score([y], [s], k=k), relevance, scores, groups)
    metric = METRICS.build({"type": "ndcg", "k": k})
    found = metric.compute(relevance, scores, groups=groups)
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("is_coarse", [False, True], ids=["distinct", "ties"])
def test_ndcg_without_lists_takes_all_rows_as_one(is_coarse):
    relevance, scores, _ = lists(is_coarse=is_coarse)
    expected = sk.ndcg_score([relevance], [scores])
    assert METRICS.build("ndcg").compute(relevance, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("is_coarse", [False, True], ids=["distinct", "ties"])
def test_map_of_each_list_equals_the_reference(is_coarse):
    truth, scores, groups = lists(is_coarse=is_coarse, is_binary=True)
    expected = by_list(sk.average_precision_score, truth, scores, groups)
    found = METRICS.build("map").compute(truth, scores, groups=groups)
    assert found == pytest.approx(expected, abs=1e-12)


def test_map_without_lists_is_the_average_precision():
    truth, scores, _ = lists(is_binary=True)
    expected = sk.average_precision_score(truth, scores)
    assert METRICS.build("map").compute(truth, scores) == pytest.approx(expected, abs=1e-12)


def test_lists_without_anything_relevant_are_left_out():
    relevance = np.array([1.0, 0.0, 0.0, 0.0])
    scores = np.array([0.9, 0.1, 0.5, 0.6])
    groups = np.array([0, 0, 1, 1])
    assert METRICS.build("ndcg").compute(relevance, scores, groups=groups) == 1.0


def test_weights_weigh_their_list():
    relevance, scores, groups = lists()
    weights = np.where(groups < 20, 3.0, 1.0)
    found = METRICS.build("ndcg").compute(relevance, scores, weights, groups=groups)
    halves = [
        METRICS.build("ndcg").compute(relevance[rows], scores[rows], groups=groups[rows])
        for rows in (groups < 20, groups >= 20)
    ]
    assert found == pytest.approx((3 * halves[0] + halves[1]) / 4, abs=0.02)


@pytest.mark.parametrize("name", ["ndcg", "map"])
def test_interval_takes_the_list_as_the_unit(name):
    truth, scores, groups = lists(is_binary=True)
    sample = make_sample("binary", truth, scores, extras=Extras(groups=groups))
    metric = METRICS.build(name)
    interval = value_interval(metric, sample)
    assert interval.method == "delta"
    values = metric.of_lists(sample)
    spread = np.nanstd(values, ddof=1) / np.sqrt(np.isfinite(values).sum())
    assert (interval.high - interval.low) / 3.92 == pytest.approx(spread, rel=0.15)


def test_single_list_is_resampled_by_rows():
    relevance, scores, _ = lists()
    sample = make_sample("number", relevance, scores)
    metric = METRICS.build("ndcg")
    interval = value_interval(metric, sample)
    assert interval.method == "bootstrap"
    assert interval.low < value_of(metric.evaluate(sample)) < interval.high
    assert resampled_spread(metric, (sample,), seed=0) > 0
