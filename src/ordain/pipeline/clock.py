"""What a run takes: wall time by stage, the time and money left, the energy where it is measured.

Energy is what the kernel counts for the processor packages (RAPL, `/sys/class/powercap`): of the
whole machine while the run was at work, memory and graphics cards left out. Where the counters
may not be read nothing is claimed.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
JOULES_PER_COUNT = 1e-6


class Deadline(threading.Event):
    """A signal that a person gives, or the clock."""

    def __init__(self, signal: threading.Event, at: float | None) -> None:
        super().__init__()
        self._signal, self._at = signal, at

    def is_set(self) -> bool:
        """Return whether it is time to stop, for one reason or the other."""
        return self._signal.is_set() or self.is_over

    @property
    def is_over(self) -> bool:
        """Whether the time is up."""
        return self._at is not None and time.monotonic() >= self._at


@dataclass
class Clock:
    """The time of one run.

    Attributes:
        seconds: wall time by stage; a stage within a stage counts for the outer one.
        earlier: seconds of earlier stretches of a run that is resumed.
        limit: seconds the run may take in all; None where they are not bounded.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    earlier: float = 0.0
    limit: float | None = None
    _started: float = field(default_factory=time.monotonic)
    _stage: str | None = None

    @contextlib.contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to a stage."""
        if self._stage is not None:
            yield
            return
        self._stage, started = stage, time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - started
            self.seconds[stage] = self.seconds.get(stage, 0.0) + elapsed
            self._stage = None

    @property
    def elapsed(self) -> float:
        """Seconds of the run so far, its earlier stretches included."""
        return self.earlier + time.monotonic() - self._started

    def deadline(self, signal: threading.Event) -> Deadline:
        """Return what tells learning to end: a signal, or the limit."""
        at = None if self.limit is None else self._started + self.limit - self.earlier
        return Deadline(signal, at)

    @property
    def left(self) -> float | None:
        """Seconds until the limit, below zero once it has passed; None where there is none."""
        return None if self.limit is None else self.limit - self.elapsed


def seconds_of(events: Path) -> float:
    """Return the wall time a run has taken, from the times of its events.

    Every stretch counts from its first event to its last, so that one which was killed counts too.
    """
    stretches: list[list[float]] = []
    for event in _events(events):
        if event.get("kind") == "run_started":
            stretches.append([])
        if stretches:
            stretches[-1].append(float(event["time"]))
    return sum(max(times) - min(times) for times in stretches)


def _events(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):  # the line a kill has cut
            yield json.loads(line)


def time_shares(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each stage of the whole, 0 to 1, in the order they came."""
    total = sum(seconds.values())
    return {name: round(value / total, 4) for name, value in seconds.items()} if total else {}


REMEDIES = {
    "read": "a Parquet file is read faster than text",
    "baselines": "`evaluation: {baselines: [prior]}` trains fewer of them",
    "folds": "a smaller `k_fold` trains fewer models",
    "report": "the report is drawn once for each run",
}
LONG_SECONDS = 10.0
"""From which on a remedy is of use."""


def bottleneck(seconds: Mapping[str, float], within: Mapping[str, float] | None = None) -> str:
    """Return one sentence on the stage that took longest, no text where no time was taken.

    Args:
        seconds: by stage.
        within: shares of the parts of learning, 0 to 1, where the family tells them.
    """
    total = sum(seconds.values())
    if not total:
        return ""
    stage, longest = max(seconds.items(), key=lambda item: item[1])
    text = f"The bottleneck is `{stage}`: {longest:.1f} of {total:.1f} s ({longest / total:.0%})"
    if stage == "train" and within:
        part, share = max(within.items(), key=lambda item: item[1])
        return f"{text}, of which {share:.0%} is {part}."
    remedy = REMEDIES.get(stage) if longest >= LONG_SECONDS else None
    return f"{text}; {remedy}." if remedy else f"{text}."


class Energy:
    """Counts the energy of the processor packages from when it is made."""

    def __init__(self, root: Path = POWERCAP) -> None:
        self._root = root
        self._start = self._read()

    def joules(self) -> float | None:
        """Return the energy since then; None where the machine does not tell."""
        now = self._read()
        if not now or set(now) != set(self._start):
            return None
        used = 0.0
        for zone, (count, largest) in now.items():
            spent = count - self._start[zone][0]
            used += spent if spent >= 0 else spent + largest  # the counter has begun anew
        return round(used * JOULES_PER_COUNT, 3)

    def _read(self) -> dict[str, tuple[int, int]]:
        """Return count and largest count by package zone; empty where one may not be read."""
        counts: dict[str, tuple[int, int]] = {}
        for zone in sorted(self._root.glob("*-rapl:*")):
            if zone.name.count(":") > 1:
                continue  # a part of a package, which counts it
            try:
                counts[zone.name] = (
                    int((zone / "energy_uj").read_text(encoding="ascii")),
                    int((zone / "max_energy_range_uj").read_text(encoding="ascii")),
                )
            except (OSError, ValueError):
                return {}
        return counts


def figures_of_account(came_to: Mapping[str, float]) -> dict[str, float]:
    """Return what bounds may be set on of an account, by the names that conditions use."""
    names = {"seconds": "training_seconds", "cost": "training_cost",
             "energy_joules": "energy_joules"}  # fmt: skip
    return {names[name]: value for name, value in came_to.items()}


def account(seconds: float, *, cost: float | None, joules: float | None) -> dict[str, Any]:
    """Return what a run came to: seconds; cost and energy only where they are known."""
    found: dict[str, Any] = {"seconds": round(seconds, 3)}
    if cost is not None:
        found["cost"] = float(f"{cost:.6g}")
    if joules is not None:
        found["energy_joules"] = joules
    return found
