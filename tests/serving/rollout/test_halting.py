"""A canary judged by everything at once, simulated as a server counts it."""

from __future__ import annotations

import pytest

from ordain.config.deployment import Halt
from ordain.core.randomness import generator
from ordain.serving.rollout.choice import Part, Shares
from ordain.serving.rollout.halting import Labelled, judge, n_tests
from ordain.serving.rollout.tally import MOST_KEYS, Snapshot, Trial, from_json, pooled, to_json

ALPHA, SHARE = 0.05, 0.2
STRICT = Halt(error_ratio=1.0, latency_ratio=1.0, latency_floor_ms=0.0)


def is_ever_halted(run: int, *, sticky: bool, looks: int, step: int, halt: Halt = STRICT) -> bool:
    """Return whether a canary that is no worse is halted; a few keys send most of the requests."""
    random = generator(run, "halting")
    shares = Shares("churn", "1", Part("canary", "2", SHARE))
    trial = Trial("1", is_sticky=sticky)
    n_keys = 300
    weights = 1 / (1 + random.permutation(n_keys)) ** 1.2
    failing = random.random(n_keys) < 0.05
    slow = random.lognormal(0, 0.5, n_keys)
    side = [shares.part(f"{run}:{key}").arm == "canary" for key in range(n_keys)]
    losses: tuple[list[float], list[float]] = ([], [])
    for _ in range(looks):
        keys = random.choice(n_keys, step, p=weights / weights.sum())
        noise, luck = random.lognormal(-7, 0.3, step), random.random(step)
        canary = [side[key] for key in keys] if sticky else random.random(step) < SHARE
        for i, key in enumerate(keys):
            is_error = bool(failing[key] if sticky else luck[i] < 0.05)
            seconds = float(noise[i] * (slow[key] if sticky else 1.0))
            trial.add(str(key), is_canary=bool(canary[i]), is_error=is_error, seconds=seconds)
            losses[1 - int(canary[i])].append(float(luck[i]))
        labelled = Labelled("brier", losses[0][::5], losses[1][::5])
        found = judge(pooled([trial], "1"), halt, share=SHARE, labelled=labelled)
        if any(one.is_alarm for one in found):
            return True
    return False


@pytest.mark.slow
def test_all_tests_together_keep_the_declared_rate_of_false_alarms_over_a_thousand_canaries():
    halted = sum(is_ever_halted(run, sticky=False, looks=8, step=40) for run in range(1_000))
    assert halted / 1_000 <= ALPHA


@pytest.mark.slow
def test_customers_that_always_fail_or_are_always_slow_raise_no_more_false_alarms():
    halted = sum(is_ever_halted(run, sticky=True, looks=6, step=60) for run in range(1_000))
    assert halted / 1_000 <= ALPHA


def test_the_chance_of_a_false_alarm_is_divided_over_what_is_watched():
    assert n_tests(Halt()) == 3
    assert n_tests(Halt(metric="none", latency_ratio=None)) == 1
    assert judge(Trial("1"), Halt(error_ratio=None, latency_ratio=None), share=SHARE) == []


def test_keys_that_two_workers_met_count_once():
    trials = [Trial("1", is_sticky=True) for _ in range(2)]
    for trial in trials:
        for number in range(20):
            trial.add(str(number), is_canary=number < 5, is_error=number % 2 == 0, seconds=0.01)
    total = pooled([*trials, Trial("other")], "1")
    assert (total.canary.errors, total.champion.errors) == (3, 7)
    assert (sum(total.canary.seconds), sum(total.champion.seconds)) == (5, 15)
    assert (total.canary.requests, total.champion.requests) == (10, 30)


def test_keys_are_counted_up_to_a_bound_of_both_sides_together():
    trial = Trial("1", is_sticky=True)
    for number in range(MOST_KEYS + 500):
        trial.add(str(number), is_canary=number % 5 == 0, is_error=True, seconds=0.001)
    assert len(trial.met) == len(trial.failed) == MOST_KEYS
    total = pooled([trial], "1")
    assert total.canary.errors * 4 == total.champion.errors


def test_counts_are_read_back_as_they_were_written():
    trial = Trial("1", is_sticky=True)
    trial.add("a", is_canary=True, is_error=True, seconds=0.02)
    snapshot = Snapshot("1-2", 5.0, 1.0, 3, trials={"churn": trial}, log={"dropped": 2})
    assert from_json(to_json(snapshot)) == snapshot
    assert from_json(b'{"worker": 3}') is None


def test_latency_below_the_floor_is_no_reason():
    trial = Trial("1")
    for number in range(2_000):
        is_canary = number % 5 == 0
        trial.add("", is_canary=is_canary, is_error=False, seconds=0.004 if is_canary else 0.0001)
    alarms = [one.test for one in judge(trial, Halt(), share=SHARE) if one.is_alarm]
    assert alarms == []
    strict = Halt(latency_floor_ms=0.5)
    assert [one.test for one in judge(trial, strict, share=SHARE) if one.is_alarm] == ["latency"]
    none = Halt(latency_floor_ms=1e9)
    assert not any(one.is_alarm for one in judge(trial, none, share=SHARE))
