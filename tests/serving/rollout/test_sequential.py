"""Sequential tests, simulated: false alarms over 1,000 canaries, power on planted faults."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ordain.core.randomness import generator
from ordain.serving.rollout.sequential import ladder_evidence, mean_bounds, rate_evidence
from ordain.serving.rollout.tally import STEP, STEPS

ALPHA = 0.05
RUNS = 1_000
SHARE = 0.05


def events(rates: tuple[float, float], n_requests: int, *, runs: int, seed: int = 0):
    """Return cumulative errors of champion and canary, looked at after every 20 requests."""
    random = generator(seed, "requests", str(rates))
    is_canary = random.random((runs, n_requests)) < SHARE
    is_error = random.random((runs, n_requests)) < np.where(is_canary, rates[1], rates[0])
    champion = (is_error & ~is_canary).cumsum(axis=1)[:, 19::20]
    canary = (is_error & is_canary).cumsum(axis=1)[:, 19::20]
    return champion, canary


def test_errors_raise_false_alarms_at_most_at_the_declared_rate_looked_at_after_every_event():
    random = generator(0, "events")
    alarms = 0
    for _ in range(10):
        is_canary = random.random((RUNS // 10, 600)) < SHARE
        evidence = rate_evidence(is_canary.cumsum(1), (~is_canary).cumsum(1), share=SHARE)
        alarms += int((evidence.max(axis=1) >= math.log(1 / ALPHA)).sum())
    assert alarms / RUNS <= ALPHA


def test_an_outage_that_meets_both_is_no_evidence():
    random = generator(0, "outage")
    rate = np.where(np.arange(2_000) // 200 % 2 == 0, 0.001, 0.9)
    is_canary = random.random((300, 2_000)) < SHARE
    is_error = random.random((300, 2_000)) < rate
    evidence = rate_evidence(
        (is_error & is_canary).cumsum(1)[:, ::10],
        (is_error & ~is_canary).cumsum(1)[:, ::10],
        share=SHARE,
    )
    assert (evidence.max(axis=1) >= math.log(1 / ALPHA)).mean() <= ALPHA


@pytest.mark.parametrize(
    ("rates", "within"), [((0.01, 0.05), 12_000), ((0.001, 0.02), 12_000), ((0.01, 1.0), 400)]
)
def test_a_canary_with_more_errors_is_found(rates, within):
    champion, canary = events(rates, within, runs=100)
    evidence = rate_evidence(canary, champion, share=SHARE, ratio=1.5)
    assert (evidence.max(axis=1) >= math.log(3 / ALPHA)).mean() >= 0.9


def test_errors_within_the_tolerated_ratio_are_no_evidence():
    champion, canary = events((0.02, 0.03), 10_000, runs=200)
    evidence = rate_evidence(canary, champion, share=SHARE, ratio=1.5)
    assert (evidence.max(axis=1) >= math.log(1 / ALPHA)).mean() <= ALPHA


def latencies(scale: float, *, runs: int, looks: int, step: int, seed: int = 0):
    """Yield requests beyond each step of the ladder so far, of canary and champion."""
    random = generator(seed, "latency", str(scale))
    counts = np.zeros((2, runs, len(STEPS) + 1))
    for _ in range(looks):
        is_canary = random.random((runs, step)) < SHARE
        seconds = random.lognormal(np.log(5e-4), 0.5, (runs, step)) * np.where(is_canary, scale, 1)
        place = np.searchsorted(STEPS, seconds, side="right")
        run = np.broadcast_to(np.arange(runs)[:, None], place.shape)
        for side, chosen in enumerate((is_canary, ~is_canary)):
            np.add.at(counts[side], (run[chosen], place[chosen]), 1)
        yield counts[..., ::-1].cumsum(-1)[..., ::-1][..., 1:]


def alarms_of_latency(scale: float, ratio: float, **more) -> float:
    steps = math.ceil(math.log(ratio) / math.log(STEP) - 1e-9)
    highest = np.full(more["runs"], -np.inf)
    for canary, champion in latencies(scale, **more):
        n = canary.shape[-1] - steps
        found = ladder_evidence(canary[:, steps:], champion[:, :n], share=SHARE)
        highest = np.maximum(highest, found)
    return float((highest >= math.log(3 / ALPHA)).mean())


@pytest.mark.slow
def test_latency_raises_false_alarms_at_most_at_the_declared_rate():
    assert alarms_of_latency(1.0, 1.0, runs=RUNS, looks=40, step=100) <= ALPHA / 3


def test_a_slow_canary_is_found_and_one_within_the_ratio_is_not():
    assert alarms_of_latency(3.0, 1.5, runs=50, looks=10, step=400) >= 0.95
    assert alarms_of_latency(1.4, 1.5, runs=50, looks=10, step=400) <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["right or wrong", "brier"])
def test_means_raise_false_alarms_at_most_at_the_declared_rate(kind):
    random = generator(0, "means", kind)
    draw = (
        (lambda shape: (random.random(shape) < 0.2).astype(float))
        if kind == "right or wrong"
        else (lambda shape: random.beta(0.5, 2.0, shape))
    )
    lower, _ = mean_bounds(draw((RUNS, 300)), alpha=ALPHA / 2)
    _, upper = mean_bounds(draw((RUNS, 300 * 9)), alpha=ALPHA / 2)
    assert (lower > upper[:, 8::9]).any(axis=1).mean() <= ALPHA


def test_bounds_hold_at_all_times_together():
    random = generator(0, "bounds")
    lower, upper = mean_bounds(random.beta(2, 5, (RUNS, 500)), alpha=ALPHA)
    mean = 2 / 7
    assert (lower > mean).any(axis=1).mean() <= ALPHA
    assert (upper < mean).any(axis=1).mean() <= ALPHA


def test_a_canary_that_is_wrong_more_often_is_found():
    random = generator(0, "power")
    lower, _ = mean_bounds(random.random((100, 600)) < 0.4, alpha=ALPHA / 6)
    _, upper = mean_bounds(random.random((100, 600 * 19)) < 0.2, alpha=ALPHA / 6)
    assert (lower > upper[:, 18::19]).any(axis=1).mean() >= 0.95


def test_bounds_never_widen_and_stay_between_0_and_1():
    lower, upper = mean_bounds(generator(0, "x").random(200), alpha=0.01)
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) <= 0).all()
    assert lower.min() >= 0
    assert upper.max() <= 1


def test_nothing_seen_is_no_evidence():
    assert rate_evidence(0, 0, share=0.05) == pytest.approx(0)
    assert ladder_evidence([0, 0], [0, 0], share=0.05) == pytest.approx(0)
    assert mean_bounds([], alpha=0.05)[0].shape == (0,)
