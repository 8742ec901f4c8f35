"""Whether a canary must be halted: its errors, its latency, and what came true.

The chance of halting a canary that is no worse is divided evenly over what is watched, so that
all of it together keeps `halt.false_alarms`. A trial begins anew, with that chance, when the
canary, the champion or the share changes.

Of a sticky canary each key counts once: a customer whose every row fails is one piece of news.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ordain.config.deployment import Halt
from ordain.serving.rollout.sequential import ladder_evidence, mean_bounds, rate_evidence
from ordain.serving.rollout.tally import STEP, STEPS, Side, Tally, Trial


@dataclass(frozen=True)
class Finding:
    """What one test of a trial says so far.

    Attributes:
        test: ``errors``, ``latency`` or the name of a metric.
        is_alarm: whether the canary is shown to be worse.
        canary: what was measured of it, in the unit of the test; None without requests.
        champion: the same of the champion.
        text: both, for people.
    """

    test: str
    is_alarm: bool
    canary: float | None
    champion: float | None
    text: str


@dataclass(frozen=True)
class Labelled:
    """Losses of rows whose truth came back, in the order it came, each between 0 and 1."""

    metric: str
    canary: Sequence[float]
    champion: Sequence[float]


def judge(
    trial: Trial, halt: Halt, *, share: float, labelled: Labelled | None = None
) -> list[Finding]:
    """Return what each test says of a canary; it is to be halted where one is an alarm.

    Args:
        trial: the counts since the trial began.
        halt: what is watched.
        share: of the requests that meet the canary or the champion, the canary's.
        labelled: losses since the trial began; None where outcomes are not watched.
    """
    alpha = halt.false_alarms / max(1, n_tests(halt))
    findings = []
    if halt.error_ratio is not None:
        findings.append(_errors(trial, alpha, share=share, ratio=halt.error_ratio))
    if halt.latency_ratio is not None:
        findings.append(_latency(trial, alpha, halt, share=share))
    if labelled is not None and halt.metric != "none":
        findings.append(_metric(labelled, alpha, margin=halt.margin))
    return findings


def n_tests(halt: Halt) -> int:
    """Return over how many tests the chance of a false alarm is divided."""
    watched = (halt.error_ratio is not None, halt.latency_ratio is not None, halt.metric != "none")
    return sum(watched)


def _errors(trial: Trial, alpha: float, *, share: float, ratio: float) -> Finding:
    canary, champion = trial.canary, trial.champion
    evidence = rate_evidence(canary.errors, champion.errors, share=share, ratio=ratio)
    what = "`sticky_by` keys with errors" if trial.is_sticky else "errors"
    told = (
        f"{what}: canary {_rate(canary)}, champion {_rate(champion)}; "
        f"allowed: {ratio:g} times as often"
    )
    is_alarm = _is_alarm(evidence, alpha)
    return Finding("errors", is_alarm, _error_share(canary), _error_share(champion), told)


def _latency(trial: Trial, alpha: float, halt: Halt, *, share: float) -> Finding:
    # The canary is read that many steps further up: what is allowed is a factor of the latency.
    ratio = halt.latency_ratio or 1.0
    steps = math.ceil(math.log(ratio) / math.log(STEP) - 1e-9)
    first = max(steps, bisect_left(STEPS, halt.latency_floor_ms / 1000))
    beyond = [np.cumsum(side.seconds[::-1])[::-1][1:] for side in (trial.canary, trial.champion)]
    canary, champion = beyond[0][first:], beyond[1][first - steps : len(STEPS) - steps]
    evidence = ladder_evidence(canary, champion, share=share) if len(canary) else -np.inf
    high, low = (_p90(side) for side in (trial.canary, trial.champion))
    told = (
        f"latency, p90: canary {_ms(high)}, champion {_ms(low)}; "
        f"allowed: {ratio:g} times as long, and up to {halt.latency_floor_ms:g} ms"
    )
    return Finding("latency", _is_alarm(evidence, alpha), high, low, told)


def _metric(labelled: Labelled, alpha: float, *, margin: float) -> Finding:
    name = labelled.metric
    n_canary, n_champion = len(labelled.canary), len(labelled.champion)
    if not n_canary or not n_champion:
        return Finding(
            name, is_alarm=False, canary=None, champion=None, text=f"{name}: no outcome yet"
        )
    lower = float(mean_bounds(labelled.canary, alpha=alpha / 2)[0][-1])
    upper = float(mean_bounds(labelled.champion, alpha=alpha / 2)[1][-1])
    high, low = float(np.mean(labelled.canary)), float(np.mean(labelled.champion))
    told = (
        f"{name}, mean loss: canary {high:.3g} (at least {lower:.3g}, {n_canary:,} rows), "
        f"champion {low:.3g} (at most {upper:.3g}, {n_champion:,} rows)"
    )
    return Finding(name, lower - upper > margin, high, low, told)


def _is_alarm(evidence: object, alpha: float) -> bool:
    return float(np.asarray(evidence)) >= math.log(1 / alpha)


def _error_share(side: Side) -> float | None:
    return side.errors / side.requests if side.requests else None


def _rate(side: Side) -> str:
    return f"{side.errors:,} in {side.requests:,} requests"


def _p90(side: Side) -> float | None:
    return Tally("", "", "", requests=sum(side.seconds), seconds=side.seconds).quantile(0.9)


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.3g} ms"
