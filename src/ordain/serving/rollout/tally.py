"""Counts of how versions do: what tables show, and what the tests of a canary are fed.

A worker counts on its event loop and writes what it holds to a file of its own about once a
second; whoever reads adds the files up. Latencies are counted by step of a fixed ladder, so that
counts of workers add and tests need no list of numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ordain.serving.rollout.choice import digest_number

STEP = 2**0.25
STEPS = tuple(5e-5 * STEP**i for i in range(72))
"""Seconds at which the steps of the ladder begin: 0.05 ms to 11 s, four to a doubling."""
MOST_KEYS = 10_000
"""Keys that a worker counts in the trial of a sticky canary."""

Counts = list[int]


class Tally(msgspec.Struct):
    """How one version did in one part of the traffic.

    Attributes:
        model: name of the model.
        version: label of the version.
        arm: of the choice, or ``shadow``.
        requests: rows or batches that it was asked about.
        failed: those that ended in an error.
        timed_out: those that came too late.
        seconds: requests by step of the ladder; the first place is below the first step.
    """

    model: str
    version: str
    arm: str
    requests: int = 0
    failed: int = 0
    timed_out: int = 0
    seconds: Counts = msgspec.field(default_factory=lambda: [0] * (len(STEPS) + 1))

    def add(self, status: str, seconds: float) -> None:
        """Count one request."""
        self.requests += 1
        self.seconds[bisect_right(STEPS, seconds)] += 1
        if status == "failed":
            self.failed += 1
        elif status == "timed_out":
            self.timed_out += 1

    def quantile(self, share: float) -> float | None:
        """Return the latency in seconds that a share of the requests stays within.

        It lies within a step of the ladder: 19% wide, interpolated. None without requests.
        """
        wanted, below = share * self.requests, 0
        for index, count in enumerate(self.seconds):
            if count and below + count >= wanted:
                low = STEPS[index - 1] if index else 0.0
                high = STEPS[index] if index < len(STEPS) else low * STEP
                return low + (high - low) * max(0.0, wanted - below) / count
            below += count
        return None


class Side(msgspec.Struct):
    """One side of a trial: the canary, or the champion beside it.

    Attributes:
        requests: that it answered.
        errors: requests that failed or came too late; where keys are sticky, keys that met one.
        seconds: as of `Tally`; where keys are sticky, of the first request of each.
    """

    requests: int = 0
    errors: int = 0
    seconds: Counts = msgspec.field(default_factory=lambda: [0] * (len(STEPS) + 1))


class Trial(msgspec.Struct):
    """A canary against its champion, since both and the share are what they are.

    Where keys are sticky, all requests of a key meet one side: the key is what was dealt by chance,
    so that it counts once, however many requests it sends. Up to `MOST_KEYS` are counted, of both
    sides together: keys that come later change nothing any more.

    Attributes:
        id: of the trial; counts of another are not added.
        is_sticky: whether keys repeat.
        met: hash of a key to the step of its first request, twice, plus 1 for the canary.
        failed: hash of a key that met an error to 1 for the canary, else 0.
    """

    id: str
    is_sticky: bool = False
    canary: Side = msgspec.field(default_factory=Side)
    champion: Side = msgspec.field(default_factory=Side)
    met: dict[int, int] = msgspec.field(default_factory=dict)
    failed: dict[int, int] = msgspec.field(default_factory=dict)

    def add(self, key: str, *, is_canary: bool, is_error: bool, seconds: float) -> None:
        """Count one request."""
        side = self.canary if is_canary else self.champion
        side.requests += 1
        step = bisect_right(STEPS, seconds)
        if not self.is_sticky:
            side.seconds[step] += 1
            side.errors += is_error
            return
        number = digest_number(key.encode(errors="surrogatepass"))
        if len(self.met) < MOST_KEYS:
            self.met.setdefault(number, 2 * step + is_canary)
        if is_error and len(self.failed) < MOST_KEYS:
            self.failed[number] = int(is_canary)

    def copy(self) -> Trial:
        """Return a copy; safe while the event loop goes on counting."""
        sides = {
            name: msgspec.structs.replace(side, seconds=list(side.seconds))
            for name, side in (("canary", self.canary), ("champion", self.champion))
        }
        return msgspec.structs.replace(self, met=dict(self.met), failed=dict(self.failed), **sides)


class Snapshot(msgspec.Struct):
    """What a worker has counted.

    Attributes:
        worker: process id and when it began, so that an id used again is another worker.
        at: seconds since 1970 when it was written.
        started: seconds since 1970 when the worker began.
        generation: of the deployment that it answers by.
        tallies: by model, version and arm.
        trials: by model.
        log: counts of the prediction log, where it keeps one.
        problem: why a newer deployment could not be taken up; empty mostly.
    """

    worker: str
    at: float
    started: float
    generation: int
    tallies: list[Tally] = msgspec.field(default_factory=list)
    trials: dict[str, Trial] = msgspec.field(default_factory=dict)
    log: dict[str, int] = msgspec.field(default_factory=dict)
    problem: str = ""


def merged(tallies: Iterable[Tally]) -> list[Tally]:
    """Return one tally for each model, version and arm, in the order they are met."""
    found: dict[tuple[str, str, str], Tally] = {}
    for one in tallies:
        key = (one.model, one.version, one.arm)
        known = found.setdefault(key, Tally(*key))
        known.requests += one.requests
        known.failed += one.failed
        known.timed_out += one.timed_out
        known.seconds = added(known.seconds, one.seconds)
    return list(found.values())


def pooled(trials: Iterable[Trial], trial_id: str) -> Trial:
    """Return the counts of one trial over all workers; a key that two of them met counts once."""
    total = Trial(trial_id)
    for trial in trials:
        if trial.id != trial_id:
            continue
        total.is_sticky |= trial.is_sticky
        total.met = {**trial.met, **total.met}
        total.failed |= trial.failed
        for into, side in ((total.canary, trial.canary), (total.champion, trial.champion)):
            into.requests += side.requests
            into.errors += side.errors
            into.seconds = added(into.seconds, side.seconds)
    if total.is_sticky:
        _count_keys(total)
    return total


def _count_keys(trial: Trial) -> None:
    """Have each key count once in errors and latencies."""
    sides = (trial.champion, trial.canary)
    for step in trial.met.values():
        sides[step % 2].seconds[step // 2] += 1
    for is_canary in trial.failed.values():
        sides[is_canary].errors += 1


def added(one: Sequence[int], other: Sequence[int]) -> Counts:
    """Return the sums of two lists of counts, the shorter one filled with zeros."""
    length = max(len(one), len(other))
    padded = ([*counts, *([0] * (length - len(counts)))] for counts in (one, other))
    return [a + b for a, b in zip(*padded, strict=True)]


def to_json(snapshot: Snapshot) -> bytes:
    """Return a snapshot as JSON."""
    return msgspec.json.encode(snapshot)


def from_json(data: bytes) -> Snapshot | None:
    """Return a snapshot, or None where another version of Ordain wrote it."""
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except msgspec.MsgspecError:
        return None


def errors_of(tally: Tally) -> float | None:
    """Return the share of requests that failed or came too late; None without requests."""
    return (tally.failed + tally.timed_out) / tally.requests if tally.requests else None


def as_row(tally: Tally) -> Mapping[str, Any]:
    """Return a tally as the row of a table."""
    return {
        "model": tally.model,
        "version": tally.version,
        "arm": tally.arm,
        "requests": tally.requests,
        "failed": tally.failed,
        "timed_out": tally.timed_out,
        "errors": errors_of(tally),
        "p50_ms": _ms(tally.quantile(0.5)),
        "p99_ms": _ms(tally.quantile(0.99)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
