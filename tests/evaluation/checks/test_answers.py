import re

import numpy as np
import polars as pl
import pytest
from trainings import answer, halves, people, training_of

INPUTS = ["age", "income", "city"]


def honest(**more):
    return training_of(*halves(people()), "churn", inputs=INPUTS, **more)


def with_scores(scores, column="churn", kind="binary", labels=("no", "yes")):
    return training_of(*halves(people()), column, kind, labels=labels, inputs=INPUTS, scores=scores)


def with_baseline(name, quality):
    train, test = halves(people())
    is_yes = (test["churn"] == "yes").to_numpy()
    random = np.random.default_rng(3)
    scores = np.clip(0.5 + quality * (is_yes - 0.5) + random.normal(0, 0.2, len(is_yes)), 0, 1)
    return training_of(train, test, "churn", inputs=INPUTS, baselines={name: scores},
                       families={"prior": "baseline", "per_group": "baseline"})  # fmt: skip


def test_simpler_model_that_is_worse_passes():
    found = answer("simpler_model", with_baseline("linear", 0.1))
    assert found.state == "passed"
    assert "better than `linear` by roc_auc" in found.reason


@pytest.mark.parametrize(
    ("name", "state", "fix"),
    [
        ("linear", "warned", "model_type: linear"),
        ("per_group", "warned", "model_type: baseline\ntrainer: {strategy: per_group}"),
        ("prior", "failed", "model_type: gbm"),
    ],
)
def test_simpler_model_that_is_as_good_is_told(name, state, fix):
    found = answer("simpler_model", with_baseline(name, 0.9))
    assert (found.state, found.fix) == (state, fix)
    assert f"than `{name}` by roc_auc" in found.reason


def test_simpler_model_that_is_behind_by_chance_alone_passes():
    train, test = halves(people())
    few = test.head(40)
    is_yes = (few["churn"] == "yes").to_numpy()
    random = np.random.default_rng(3)
    ours = np.clip(0.5 + 0.3 * (is_yes - 0.5) + random.normal(0, 0.2, len(is_yes)), 0, 1)
    theirs = np.clip(0.5 + 0.15 * (is_yes - 0.5) + random.normal(0, 0.2, len(is_yes)), 0, 1)
    beside = {"baselines": {"per_group": theirs}, "families": {"per_group": "baseline"}}
    training = training_of(train, few, "churn", inputs=INPUTS, scores=ours, **beside)
    (difference,) = training.judged["churn"].differences["test"]
    assert difference.verdict == "cannot tell"
    assert difference.gain > 0.01
    found = answer("simpler_model", training)
    assert (found.state, found.fix) == ("passed", "")
    assert "ahead of `per_group` by roc_auc" in found.reason


def test_model_without_simpler_ones_is_left_alone():
    assert answer("simpler_model", honest()).state == "does not apply"


def test_answers_that_vary_pass():
    assert answer("constant_prediction", honest()).state == "passed"


def test_score_that_never_varies_fails():
    found = answer("constant_prediction", with_scores(np.full(1_000, 0.3)))
    assert found.state == "failed"
    assert "standard deviation of" in found.reason


def test_class_that_is_always_answered_is_told_with_the_threshold():
    found = answer("constant_prediction", with_scores(np.linspace(0.01, 0.4, 1_000)))
    assert found.state == "warned"
    assert "'no' is the answer of all 1,000 rows" in found.reason
    assert "0.010 to 0.400, never cross the threshold 0.5" in found.reason
    assert found.fix == "evaluation: {threshold: {maximize: f1}}"


def test_number_that_is_always_the_mean_fails():
    scores = np.full(1_000, 400.0)
    found = answer("constant_prediction", with_scores(scores, "spend", "number"))
    assert found.state == "failed"
    assert "the truth one of" in found.reason


def test_scores_that_are_no_numbers_fail():
    found = answer("constant_prediction", with_scores(np.full(1_000, np.nan)))
    assert found.state == "failed"
    assert "not finite" in found.reason


def test_many_rows_pass():
    found = answer("test_size", honest())
    assert found.state == "passed"
    assert "1,000 rows" in found.reason


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (people(20, seed=3), "only 20 rows"),
        (people(400).filter((pl.col("churn") == "no") | (pl.int_range(400) < 40)), "rarer class"),
    ],
)
def test_few_rows_or_positives_are_told(test, said):
    found = answer("test_size", training_of(people(), test, "churn", inputs=INPUTS))
    assert found.state == "warned"
    assert said in found.reason
    assert found.fix == "preprocessing: {split: {k_fold: 5}}"


def test_wide_interval_is_told():
    random = np.random.default_rng(0)
    test = people(70, seed=5)
    training = training_of(people(), test, "churn", inputs=INPUTS, scores=random.random(70))
    found = answer("test_size", training, rows_at_least=5)
    assert found.state == "warned"
    assert "leave the model's quality open; roc_auc" in found.reason


def test_class_that_training_never_saw_is_counted():
    train, test = halves(people())
    test = pl.concat([test, test.head(10).with_columns(plan=pl.lit("platinum"))])
    labels = ("basic", "gold", "silver")
    training = training_of(train, test, "plan", "category", labels=labels, inputs=INPUTS)
    found = answer("unseen_labels", training)
    assert found.state == "warned"
    assert "10 rows of 1,010 (0.99%)" in found.reason
    assert "'platinum'" in found.reason
    assert found.fix == "preprocessing: {split: {type: stratify, column: plan}}"


def test_known_classes_pass_and_numbers_do_not_apply():
    number = training_of(*halves(people()), "spend", "number", inputs=INPUTS)
    assert answer("unseen_labels", honest()).state == "passed"
    assert answer("unseen_labels", number).state == "does not apply"


def tried(**trials):
    return honest(trials=lambda: trials)


def started(loss):
    known = {"kind": "mean_squared_error", "loss": loss, "constant": 1.0, "equal_shares": 1.0}
    return tried(initial_loss={"churn": known})


@pytest.mark.parametrize(
    ("loss", "state"), [(1.1, "passed"), (40.0, "warned"), (float("nan"), "failed")]
)
def test_initial_loss_is_compared_with_knowing_nothing(loss, state):
    found = answer("initial_loss", started(loss))
    assert found.state == state
    assert bool(found.fix) == (state != "passed")


def by_heart(last, **more):
    steps = {"rows": 64, "steps": 150, "rate": 0.01, "is_cut_short": False}
    losses = {"first": 0.7, "last": last, "constant": 0.69, "floor": 0.0}
    return tried(overfit=steps | losses | more)


@pytest.mark.parametrize(
    ("training", "state", "fix"),
    [
        (by_heart(0.05), "passed", ""),
        (by_heart(0.6), "warned", "trainer: {learning_rate: 0.1}"),
        (by_heart(7.0), "failed", "trainer: {learning_rate: 0.001}"),
        (by_heart(float("nan")), "failed", "trainer: {learning_rate: 0.001}"),
        (by_heart(0.6, is_cut_short=True), "does not apply", ""),
        (tried(skipped={"overfit": "too large"}), "does not apply", ""),
    ],
)
def test_batch_is_learned_by_heart_or_told(training, state, fix):
    found = answer("overfit_batch", training)
    assert (found.state, found.fix) == (state, fix)


@pytest.mark.parametrize(
    ("trials", "state", "said"),
    [
        ({"unmoved": [], "n_tensors": 9}, "passed", "all 9 tensors"),
        ({"unmoved": ["a.bias"], "n_tensors": 9}, "warned", "1 of 9 tensors .* 'a.bias'"),
        ({"unmoved": list("abcde"), "n_tensors": 5}, "failed", "and 2 more; nothing was learned"),
        ({"learned": {"churn": {"count": 4, "what": "splits", "fix": "x"}}}, "passed", "4 splits"),
        ({"learned": {"churn": {"count": 0, "what": "splits", "fix": "x"}}}, "failed", "no splits"),
        ({}, "does not apply", "does not learn in steps"),
    ],
)
def test_parts_that_did_not_move_are_named(trials, state, said):
    found = answer("parameters_move", tried(**trials))
    assert found.state == state
    assert re.search(said, found.reason)


@pytest.mark.parametrize("name", ["parameters_move", "constant_prediction", "simpler_model"])
def test_training_of_one_class_is_said_not_to_vary(name):
    train, test = halves(people())
    train = train.with_columns(churn=pl.lit("no"))
    learned = {"churn": {"count": 0, "what": "splits", "fix": "x"}}
    training = training_of(
        train, test, "churn", inputs=["age", "income"], family="linear",
        scores=np.full(len(test), 0.1), baselines={"prior": np.full(len(test), 0.1)},
        families={"prior": "baseline"}, trials=lambda: {"learned": learned},
    )  # fmt: skip
    found = answer(name, training)
    assert "the target does not vary in training: `churn` is 'no' in all" in found.reason
    assert found.fix == "preprocessing: {split: {type: stratify, column: churn}}"
