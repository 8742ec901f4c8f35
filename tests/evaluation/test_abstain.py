"""Abstention: what is answered, and how right it is."""

import numpy as np
from subjects import binary_target, category_target, expit

from ordain.config.evaluation import Abstain
from ordain.evaluation.decision.abstain import (
    answered,
    answered_from,
    choose_confidence,
    confidence_of,
)
from ordain.evaluation.decision.conformal import wilson


def target(n_rows=5_000, seed=0, **more):
    random = np.random.default_rng(seed)
    odds = random.normal(0, 2, n_rows)
    return binary_target((random.random(n_rows) < expit(odds)).astype(np.int8), expit(odds), **more)


def test_the_surer_the_answers_the_more_are_right():
    found = answered(target())
    accuracy = [one.accuracy for one in found]
    assert found[0].share == 1.0
    assert accuracy == sorted(accuracy)
    assert all(one.low < one.accuracy < one.high for one in found)


def test_equal_confidences_stay_together():
    one = binary_target([1, 0, 1, 1, 0], [0.9, 0.9, 0.9, 0.6, 0.6])
    assert [(row.n_rows, row.accuracy) for row in answered(one)] == [(5, 0.6), (3, 2 / 3)]


def test_confidence_is_of_the_class_that_the_threshold_predicts():
    one = binary_target([1, 0], [0.35, 0.2], threshold=0.3)
    assert confidence_of(one).tolist() == [0.35, 0.8]


def test_a_declared_confidence_is_taken():
    choice = choose_confidence(Abstain(confidence_below=0.7), target())
    assert (choice.confidence, choice.reason, choice.is_met) == (0.7, "as declared", True)


def test_a_wished_accuracy_is_reached_on_other_rows():
    choice = choose_confidence(Abstain(accuracy_at_least=0.95), target())
    found = answered_from(target(seed=1), choice.confidence)
    assert choice.is_met
    assert 0.95 <= found.accuracy < 0.975
    assert 0.1 < found.share < 0.9
    assert choice.reason.endswith("surest of 5,000 validation rows are right")
    assert choice.reached.low >= 0.95
    assert f"({choice.reached.low:.1%} to {choice.reached.high:.1%})" in choice.reason


def test_what_was_promised_holds_on_most_other_draws():
    kept = 0
    for seed in range(40):
        choice = choose_confidence(Abstain(accuracy_at_least=0.9), target(1_000, seed=seed))
        kept += answered_from(target(20_000, seed=seed + 100), choice.confidence).accuracy >= 0.9
    assert kept >= 36


def test_what_only_the_value_reaches_is_told_to_be_uncertain():
    random = np.random.default_rng(0)
    one = binary_target((random.random(60) < 0.96).astype(np.int8), np.linspace(0.6, 0.99, 60))
    choice = choose_confidence(Abstain(accuracy_at_least=0.95), one)
    assert not choice.is_met
    assert choice.reached.accuracy >= 0.95 > choice.reached.low
    assert "too few to be certain" in choice.reason


def test_as_many_as_can_be_are_answered():
    one = target()
    choice = choose_confidence(Abstain(accuracy_at_least=0.9), one)
    confidence = confidence_of(one)
    right = (one.scores >= 0.5) == one.truth
    for least in np.unique(confidence[confidence < choice.confidence])[-300:]:
        kept = right[confidence >= least]
        assert wilson(int(kept.sum()), len(kept))[0] < 0.9


def test_an_accuracy_out_of_reach_says_so():
    random = np.random.default_rng(0)
    one = binary_target(random.integers(0, 2, 500), random.random(500))
    choice = choose_confidence(Abstain(accuracy_at_least=0.999), one)
    assert not choice.is_met
    assert choice.reason == "no 30 validation rows are 99.9% right; the surest are answered"
    assert answered_from(one, choice.confidence).n_rows == 30


def test_too_few_rows_answer_all():
    choice = choose_confidence(Abstain(accuracy_at_least=0.9), target(20))
    assert (choice.confidence, choice.is_met) == (0.0, False)
    assert "20 validation rows are too few" in choice.reason


def test_no_row_is_sure_enough():
    assert answered_from(target(), 1.1) is None
    assert answered(target(0)) == ()


def test_labels_never_seen_are_left_out():
    one = category_target([0, 1, -1, -2], np.array([[0.9, 0.1]] * 4), ("a", "b"))
    assert answered(one)[0].n_rows == 2
