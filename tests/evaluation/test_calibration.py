"""Calibration: planted faults are mended, what is right is left alone."""

import numpy as np
import pytest
from judged_runs import category_scores
from subjects import binary_target, expit

from ordain.config.evaluation import Evaluation
from ordain.evaluation.decision.calibration import (
    Calibration,
    choose,
    fit_calibration,
    log_losses,
)
from ordain.evaluation.decision.decision import decide
from ordain.evaluation.evaluate import evaluate_output


def ece(truth, scores):
    kind = "binary" if scores.ndim == 1 else "category"
    return evaluate_output(kind, truth, scores, metrics=["ece"], has_detail=False).metrics["ece"]


def drawn(odds, random):
    return (random.random(len(odds)) < expit(odds)).astype(np.int64)


@pytest.fixture
def odds():
    return np.random.default_rng(0).normal(0, 2, 8_000)


@pytest.fixture
def truth(odds):
    return drawn(odds, np.random.default_rng(1))


def test_temperature_recovers_the_factor_of_the_odds(odds, truth):
    fitted = fit_calibration("temperature", truth, expit(3 * odds))
    assert fitted.scale == pytest.approx(1 / 3, rel=0.05)
    assert fitted.shift == ()


def test_platt_recovers_factor_and_shift(odds, truth):
    fitted = fit_calibration("platt", truth, expit(2 * odds + 1.5))
    assert fitted.scale == pytest.approx(0.5, rel=0.06)
    assert fitted.shift[0] == pytest.approx(-0.75, abs=0.1)


def test_isotonic_recovers_a_bent_curve_and_keeps_the_order(odds, truth):
    bent = expit(odds) ** 3
    fitted = fit_calibration("isotonic", truth, bent)
    mended = fitted.apply(bent)
    assert np.abs(mended - expit(odds)).mean() < 0.02
    assert (np.diff(mended[np.argsort(bent)]) > 0).all()
    assert 0 < mended.min() < mended.max() < 1


@pytest.mark.parametrize(
    ("spoil", "method"),
    [
        (lambda odds: expit(3 * odds), "temperature"),
        (lambda odds: expit(2 * odds + 2), "platt"),
        (lambda odds: np.clip(expit(odds) ** 4, 0, 1), "isotonic"),
    ],
)
def test_auto_takes_what_helps_and_the_error_falls_on_other_rows(odds, truth, spoil, method):
    scores = spoil(odds)
    choice = choose("auto", truth[:4_000], scores[:4_000], seed=1)
    assert choice.calibration.method == method
    before, after = (ece(truth[4_000:], s) for s in (
        scores[4_000:], choice.calibration.apply(scores[4_000:])))  # fmt: skip
    assert after < before / 2
    assert "log loss of validation rows" in choice.reason


def test_auto_leaves_a_calibrated_model_alone_in_most_draws():
    kept = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        odds = random.normal(0, 2, 2_000)
        choice = choose("auto", drawn(odds, random), expit(odds), seed=seed)
        kept += choice.calibration is None
        if choice.calibration is not None:
            assert np.abs(choice.calibration.apply(expit(odds)) - expit(odds)).mean() < 0.03
    assert kept >= 14


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_several_classes_are_mended_and_add_up_to_one(method):
    truth, scores = category_scores(6_000, 4)
    sharp = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    fitted = fit_calibration(method, truth[:3_000], sharp[:3_000])
    mended = fitted.apply(sharp[3_000:])
    np.testing.assert_allclose(mended.sum(axis=1), 1.0, atol=1e-12)
    assert (
        log_losses(truth[3_000:], mended).mean() < log_losses(truth[3_000:], sharp[3_000:]).mean()
    )
    assert ece(truth[3_000:], mended) < ece(truth[3_000:], sharp[3_000:]) / 2


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_is_mended_as_among_others(method, dtype, odds, truth):
    scores = expit(2 * odds).astype(dtype)
    fitted = fit_calibration(method, truth, scores)
    row = fitted.row()
    assert [row(float(score)) for score in scores[:200]] == fitted.apply(scores[:200]).tolist()


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_a_row_of_several_classes_is_mended_as_among_others(method):
    truth, scores = category_scores(1_000, 3)
    fitted = fit_calibration(method, truth, scores)
    row = fitted.row()
    assert [row(list(score)) for score in scores[:50]] == fitted.apply(scores[:50]).tolist()


@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic"])
def test_certain_and_impossible_scores_stay_probabilities(method, odds, truth):
    scores = np.clip(np.round(expit(odds), 1), 0, 1)
    mended = fit_calibration(method, truth, scores).apply(np.array([0.0, 1e-300, 0.5, 1.0]))
    assert np.isfinite(mended).all()
    assert (np.diff(mended) >= 0).all()
    assert 0 <= mended[0] < mended[-1] <= 1


@pytest.mark.parametrize("method", ["auto", "platt"])
@pytest.mark.parametrize("truth", [np.ones(500, int), np.array([0, 1] * 20)])
def test_too_few_rows_or_one_class_fit_nothing(method, truth):
    choice = choose(method, truth, np.full(len(truth), 0.4), seed=0)
    assert choice.calibration is None
    assert "too few to calibrate on" in choice.reason


def test_none_is_none(odds, truth):
    assert choose("none", truth, expit(odds), seed=0).calibration is None


def test_a_class_without_validation_rows_keeps_a_probability():
    truth, scores = category_scores(2_000, 4)
    rows = truth != 2
    fitted = choose("platt", truth[rows], scores[rows], seed=0).calibration
    mended = fitted.apply(scores)
    assert np.isfinite(mended).all()
    assert (mended[:, 2] > 0).all()


def test_it_reads_back_from_its_json(odds, truth):
    fitted = fit_calibration("isotonic", truth, expit(odds))
    assert Calibration.model_validate_json(fitted.model_dump_json()) == fitted


def test_the_same_seed_gives_the_same_choice(odds, truth):
    assert choose("auto", truth, expit(2 * odds), seed=3) == choose(
        "auto", truth, expit(2 * odds), seed=3
    )


def test_auto_changes_no_answer_of_a_category():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (3_000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (random.random((3_000, 1)) > shares.cumsum(axis=1)).sum(axis=1)
    # One class is claimed too often: only a shift of its own would mend that.
    claimed = shares**3 * [6.0, 1.0, 1.0]
    claimed /= claimed.sum(axis=1, keepdims=True)
    chosen = choose("auto", truth, claimed, seed=0).calibration
    assert chosen.method == "temperature"
    assert (chosen.apply(claimed).argmax(axis=1) == claimed.argmax(axis=1)).all()
    named = choose("platt", truth, claimed, seed=0).calibration
    assert (named.apply(claimed).argmax(axis=1) != claimed.argmax(axis=1)).any()


def test_a_shift_of_two_classes_tells_how_many_answers_it_changes(odds, truth):
    given = binary_target(truth.astype(np.int8), expit(odds + 1.0))
    found = decide(Evaluation(), given, seed=0, metric_named=lambda name: None).calibration
    mended = found.calibration.apply(given.scores)
    assert found.calibration.method in {"platt", "isotonic"}
    assert found.n_changed == ((given.scores >= 0.5) != (mended >= 0.5)).sum() > 0
    assert f"{found.n_changed:,} of 8,000 validation rows get another answer" in found.reason


def test_a_temperature_changes_no_answer_of_two_classes(odds, truth):
    given = binary_target(truth.astype(np.int8), expit(3 * odds))
    found = decide(
        Evaluation(calibration="temperature"), given, seed=0, metric_named=lambda name: None
    ).calibration
    assert found.n_changed == 0
    assert found.reason == "as declared"
