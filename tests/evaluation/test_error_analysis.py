"""Error analysis: planted label errors come first, groups say what they share."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from judged_runs import category_scores
from subjects import binary_target, category_target, expit, number_target, subject_of

from ordain.evaluation.errors import analyse_errors, label_suspects, mistakes, suspicion
from ordain.evaluation.losses import row_losses


def mislabelled(n_classes, *, n_rows=5_000, n_wrong=50, seed=0):
    """Return a target with planted label errors, and where they are."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, n_classes, n_rows)
    odds = random.normal(0, 1, (n_rows, n_classes)) + 4 * np.eye(n_classes)[truth]
    scores = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    wrong = random.choice(n_rows, n_wrong, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + random.integers(1, n_classes, n_wrong)) % n_classes
    if n_classes == 2:
        return binary_target(given, scores[:, 1]), wrong
    return category_target(given, scores, tuple(map(str, range(n_classes)))), wrong


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_planted_label_errors_are_the_most_suspect(n_classes, seed):
    target, wrong = mislabelled(n_classes, seed=seed)
    first = np.argsort(-suspicion(target), kind="stable")[:100]
    assert np.isin(wrong, first).sum() >= 40
    assert label_suspects(target)[wrong].mean() > 0.45


@pytest.mark.parametrize("seed", range(3))
def test_forty_of_fifty_errors_are_among_the_first_hundred_of_a_real_model(seed):
    """Classes of scikit-learn's making, scored by folds that did not learn from the row."""
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    random = np.random.default_rng(seed)
    x, truth = make_classification(
        5_000, 20, n_informative=10, n_classes=3, class_sep=2.0, flip_y=0, random_state=seed
    )
    wrong = random.choice(5_000, 50, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + random.integers(1, 3, 50)) % 3
    model = LogisticRegression(max_iter=500)
    scores = cross_val_predict(model, _squares(x), given, cv=3, method="predict_proba")
    first = np.argsort(-suspicion(category_target(given, scores, ("a", "b", "c"))))[:100]
    assert np.isin(wrong, first).sum() >= 40


def _squares(x):
    return np.hstack([x, x**2, x[:, :10] * x[:, 10:]])


def test_suspects_are_rows_whose_label_another_class_outdoes():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    target = category_target([0, 0, 1, 1, 1], scores, ("a", "b"))
    assert np.flatnonzero(label_suspects(target)).tolist() == [4]


def test_a_number_is_suspect_far_outside_of_the_spread():
    random = np.random.default_rng(0)
    truth = random.normal(0, 1, 1_000)
    predicted = truth + random.normal(0, 0.1, 1_000)
    truth[[3, 500]] += 10
    target = number_target(truth, predicted)
    assert np.flatnonzero(label_suspects(target)).tolist() == [3, 500]
    assert set(np.argsort(-suspicion(target))[:2]) == {3, 500}


def test_unknown_truths_have_no_loss_and_are_not_suspect():
    target = category_target([0, -1, -2], np.full((3, 2), 0.5), ("a", "b"))
    assert np.isnan(row_losses(target)).tolist() == [False, True, True]
    assert label_suspects(target)[1:].tolist() == [False, False]
    assert np.isnan(suspicion(target)[1:]).all()


def noisy_frame(n_rows=4_000, seed=0):
    random = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "city": random.choice(["a", "b", "c", "d"], n_rows),
            "age": random.integers(18, 80, n_rows),
            "note": [
                "refund broken parcel" if bad else "thanks all fine"
                for bad in random.random(n_rows) < 0.1
            ],
        }
    )
    odds = random.normal(0, 3, n_rows)
    truth = (random.random(n_rows) < expit(odds)).astype(np.int8)
    bad = frame["note"].str.contains("refund") | ((frame["city"] == "c") & (frame["age"] < 30))
    scores = np.where(bad, expit(-odds), expit(odds))
    return subject_of(frame, binary_target(truth, scores), types={"note": "text"}), bad


def test_groups_say_what_the_worst_rows_share():
    subject, _ = noisy_frame()
    found = analyse_errors(subject, "churn")
    shared = [group.shared for group in found.groups]
    assert any("`note` has the word" in text for text in shared)
    assert found.groups[0].lift > 1.5
    assert sum(group.n_rows for group in found.groups) <= found.n_worst
    losses = [row.loss for row in found.worst]
    assert losses == sorted(losses, reverse=True)
    assert len(found.worst) == 100
    assert found.worst[0].values.keys() == {"city", "age", "note"}


def test_rows_without_anything_in_common_form_no_group():
    random = np.random.default_rng(0)
    frame = pl.DataFrame({name: random.normal(size=2_000) for name in "abcd"})
    scores = random.random(2_000)
    truth = (random.random(2_000) < scores).astype(np.int8)
    assert analyse_errors(subject_of(frame, binary_target(truth, scores)), "churn").groups == ()


def test_rows_keep_their_place_in_the_table():
    subject, _ = noisy_frame(200)
    moved = replace(subject, row_ids=np.arange(1_000, 1_200))
    plain, other = analyse_errors(subject, "churn"), analyse_errors(moved, "churn")
    assert [row.row + 1_000 for row in plain.worst] == [row.row for row in other.worst]


@pytest.mark.parametrize("n_rows", [1, 3])
def test_few_rows_are_listed_and_not_grouped(n_rows):
    subject, _ = noisy_frame(50)
    found = analyse_errors(subject.take(np.arange(n_rows)), "churn")
    assert (len(found.worst), found.groups, found.n_worst) == (n_rows, (), n_rows)


def test_classes_taken_for_others_come_with_their_overlap():
    truth, scores = category_scores(3_000, 4)
    scores[:, [0, 1]] = np.sort(scores[:, [0, 1]], axis=1)
    found = mistakes(category_target(truth, scores, tuple("abcd")))
    assert (found[0].truth, found[0].prediction) == ("a", "b")
    assert found[0].overlap > found[-1].overlap
    assert 0 < found[0].share <= 1
    assert mistakes(number_target([1.0], [1.0])) == ()


def test_one_class_only_is_analysed():
    frame = pl.DataFrame({"a": range(100)})
    target = binary_target(np.ones(100, int), np.linspace(0.01, 0.99, 100))
    found = analyse_errors(subject_of(frame, target), "churn")
    assert found.n_rows == 100
    assert {pair.truth for pair in found.mistakes} == {"Yes"}
