"""Paired tests between two models."""

import math

import numpy as np
import pytest
from judged_runs import binary_scores, category_scores, number_scores
from scipy import stats

from ordain.evaluation.evaluate import compare_metrics, compare_scores
from ordain.evaluation.metric import METRICS
from ordain.evaluation.pairs import (
    flipped_rows,
    flips_of,
    holm,
    mcnemar,
    paired_test,
    permutation,
)
from ordain.evaluation.sample import Extras, make_sample


@pytest.mark.parametrize(("mended", "broken"), [(0, 0), (5, 0), (8, 3), (3, 8), (700, 600)])
def test_mcnemar_equals_the_exact_test_of_a_coin(mended, broken):
    ours = np.r_[np.ones(mended), np.zeros(broken), np.ones(10)]
    theirs = np.r_[np.zeros(mended), np.ones(broken), np.ones(10)]
    expected = stats.binomtest(mended, mended + broken).pvalue if mended + broken else 1.0
    assert mcnemar(ours, theirs) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["accuracy", "recall", "specificity"])
def test_shares_are_compared_by_mcnemar(name):
    truth, good, poor = binary_scores(400)
    metric = METRICS.build(name)
    ours, theirs = (make_sample("binary", truth, s) for s in (good, poor))
    p_value, test = paired_test(metric, ours, theirs)
    rows = {"accuracy": truth >= 0, "recall": truth == 1, "specificity": truth == 0}[name]
    right = [(s >= 0.5)[rows] == truth[rows] for s in (good, poor)]
    mended, broken = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    assert test == "mcnemar"
    assert p_value == pytest.approx(stats.binomtest(mended, mended + broken).pvalue, rel=1e-9)


def test_mean_errors_are_compared_by_the_test_of_their_differences():
    truth, scores = number_scores(300)
    other = scores + np.random.default_rng(1).normal(0, 1, 300)
    ours, theirs = (make_sample("number", truth, s) for s in (scores, other))
    p_value, test = paired_test(METRICS.build("mae"), ours, theirs)
    expected = stats.ttest_rel(np.abs(scores - truth), np.abs(other - truth)).pvalue
    assert test == "delta"
    assert p_value == pytest.approx(expected, rel=0.12)


def test_metric_without_influence_is_compared_by_permutation():
    truth, good, poor = binary_scores(600)
    lift = {"type": "lift", "share": 0.3}
    found = compare_scores("binary", truth, good, poor, against="poor", metric=lift)
    assert found.test == "permutation"
    assert found.p_value <= 0.05
    assert found.verdict == "better"


def test_permutation_of_equal_models_finds_nothing():
    metric, random = METRICS.build("lift"), np.random.default_rng(0)
    found = []
    for _ in range(40):
        truth = (random.random(80) < 0.4).astype(np.int8)
        scores = truth + random.normal(size=(2, 80))
        ours, theirs = (make_sample("binary", truth, s) for s in scores)
        found.append(permutation(metric, ours, theirs, n_permutations=99))
    assert min(found) >= 0.01
    assert stats.kstest(found, "uniform").pvalue > 0.001 or np.mean(found) > 0.5


def test_permutation_agrees_with_the_test_of_differences():
    truth, scores = number_scores(200)
    other = scores + np.random.default_rng(2).normal(0, 5, 200)
    ours, theirs = (make_sample("number", truth, s) for s in (scores, other))
    exact = permutation(METRICS.build("mae"), ours, theirs, n_permutations=999)
    quick, _ = paired_test(METRICS.build("mae"), ours, theirs)
    assert exact == pytest.approx(quick, abs=0.05)


def test_groups_are_exchanged_whole_and_never_by_mcnemar():
    truth, good, poor = binary_scores(60)
    rows = np.repeat(np.arange(60), 5)
    found = {}
    for name, groups in (("rows", None), ("groups", rows)):
        found[name] = compare_scores(
            "binary", truth[rows], good[rows], poor[rows],
            against="poor", metric="accuracy", groups=groups,
        )  # fmt: skip
    alone = compare_scores("binary", truth, good, poor, against="poor", metric="accuracy")
    assert found["groups"].test == "delta"
    assert found["rows"].p_value < found["groups"].p_value
    width = [d.interval.high - d.interval.low for d in (found["groups"], alone)]
    assert width[0] == pytest.approx(width[1], rel=1e-6)


def test_scores_with_themselves_have_no_difference():
    truth, good, _ = binary_scores(200)
    for metric in ("roc_auc", "accuracy", "lift"):
        found = compare_scores("binary", truth, good, good, against="twin", metric=metric)
        assert (found.verdict, found.gain, found.p_value) in {
            ("cannot tell", 0.0, None),
            ("cannot tell", 0.0, 1.0),
        }
        assert found.flips.same == 200


def test_verdict_needs_the_interval_and_the_test():
    truth, good, poor = binary_scores(2000)
    found = compare_metrics("binary", truth, good, poor, against="poor")
    assert {"roc_auc", "accuracy", "f1"} <= {d.metric for d in found}
    for difference in found:
        if difference.verdict == "better":
            assert difference.interval.low > 0
            assert difference.p_value < 0.05


def test_flips_count_rows_mended_and_broken():
    truth = np.array([0, 1, 1, 0, 1])
    ours = make_sample("binary", truth, np.array([0.1, 0.9, 0.9, 0.8, 0.2]))
    theirs = make_sample("binary", truth, np.array([0.1, 0.2, 0.1, 0.1, 0.3]))
    flips = flips_of(ours, theirs)
    assert (flips.better, flips.worse, flips.same) == (2, 1, 2)
    assert flipped_rows(ours, theirs)[0].tolist() == [False, True, True, False, False]


def test_flips_of_numbers_are_smaller_and_larger_errors():
    truth = np.zeros(4)
    ours, theirs = (
        make_sample("number", truth, np.array(s)) for s in ([1.0, 2, 3, 4], [2.0, 1, 5, 4])
    )
    flips = flips_of(ours, theirs)
    assert (flips.better, flips.worse, flips.same) == (2, 1, 1)


def test_flips_of_classes_need_no_threshold():
    truth, scores = category_scores(100, 3)
    ours = make_sample("category", truth, np.eye(3)[truth])
    theirs = make_sample("category", truth, scores)
    assert flips_of(ours, theirs).better == int((scores.argmax(1) != truth).sum())


def test_models_may_have_thresholds_of_their_own():
    truth, good, _ = binary_scores(500)
    found = compare_scores(
        "binary", truth, good, good / 2, against="half", metric="accuracy",
        threshold=0.5, their_threshold=0.25,
    )  # fmt: skip
    assert found.flips.same == 500


def test_holm_corrects_for_the_number_of_comparisons():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


@pytest.mark.slow
def test_test_of_equal_models_is_as_rarely_sure_as_it_says():
    metric, random = METRICS.build("roc_auc"), np.random.default_rng(0)
    n_sure = 0
    for _ in range(500):
        truth = (random.random(200) < 0.4).astype(np.int8)
        scores = truth + random.normal(size=(2, 200))
        ours, theirs = (make_sample("binary", truth, s) for s in scores)
        n_sure += paired_test(metric, ours, theirs)[0] < 0.05
    assert 0.03 <= n_sure / 500 <= 0.07


def test_single_group_cannot_tell():
    truth, good, poor = binary_scores(50)
    extras = Extras(groups=np.zeros(50))
    ours, theirs = (make_sample("binary", truth, s, extras=extras) for s in (good, poor))
    assert paired_test(METRICS.build("roc_auc"), ours, theirs) == (None, "")
    assert math.isfinite(METRICS.build("roc_auc").compute(truth, good))
