"""Where the time of a training goes, and what to say of it.

A `Watch` is read twice a step: when a batch is there and when the weights have moved. Nothing here
reaches a weight, a metric or a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

PARTS: Mapping[str, str] = {
    "network": "in the network",
    "validation": "in the network on validation rows",
    "input": "in drawing batches",
    "judging": "in metrics and keeping the best weights",
    "checkpoint": "in writing checkpoints",
    "report": "in reporting progress",
    "embedding": "in embedding texts once",
    "setup": "in building the network and laying out rows",
    "calibration": "in calibrating probabilities",
}
"""Every part of a training and how a sentence names it."""

FORWARD_PARTS = ("network", "validation")
"""Forward, backward, optimiser; validation is forward alone."""
LOOP_PARTS = (*FORWARD_PARTS, "input", "judging", "checkpoint", "report")
"""What an epoch is made of; `input` holds the look at signal and clock after each step too."""

_BOTTLENECK = 0.2
_MENTIONED = 0.01


class Watch:
    """Adds the time since it was last read to the part that just ended.

    Args:
        clock: seconds from a fixed moment on.
        seconds: by part; added to in place.

    Attributes:
        last: what the clock said when the watch was last read.
    """

    def __init__(self, clock: Callable[[], float], seconds: dict[str, float]) -> None:
        self._clock = clock
        self.seconds = seconds
        self.last = clock()

    def lap(self, part: str) -> float:
        """End a part and return what the clock says."""
        now = self._clock()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self.last
        self.last = now
        return now


def overhead_share(seconds: Mapping[str, float]) -> float:
    """Return the share of the loop that is not forward, backward or optimiser; 0 to 1."""
    whole = sum(seconds.get(part, 0.0) for part in LOOP_PARTS)
    return 1 - sum(seconds.get(part, 0.0) for part in FORWARD_PARTS) / whole if whole else 0.0


def bottleneck(seconds: Mapping[str, float]) -> str:
    """Return one sentence: where the time went, and what holds training up if not the network."""
    whole = sum(seconds.values())
    shares = {part: value / whole for part, value in seconds.items() if whole}
    named = [
        f"{share:.0%} {PARTS[part]}"
        for part, share in sorted(shares.items(), key=lambda item: -item[1])
        if share >= _MENTIONED
    ]
    if not named:
        return ""
    return f"Of the time of learning, {', '.join(named)}; {_verdict(shares)}."


def _verdict(shares: Mapping[str, float]) -> str:
    aside = {part: share for part, share in shares.items() if part not in FORWARD_PARTS}
    held = max(aside, key=lambda part: aside[part], default="")
    if not held or aside[held] < _BOTTLENECK:
        return "the network itself is the bottleneck"
    verdict = f"what holds it up is the time {PARTS[held]}"
    return f"{verdict}. {_REMEDIES[held]}" if held in _REMEDIES else verdict


_REMEDIES = {
    "input": "A larger `trainer.batch_size` draws fewer batches",
    "judging": "`trainer.steps_per_checkpoint` sets how often it is judged",
    "checkpoint": "`trainer.checkpoint_interval` sets how often they are written",
    "embedding": "They are kept, so the next training finds them",
}


def time_facts(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return what `FittedModel.facts` says of time; none of it repeats from run to run.

    ``{"time": {"seconds": by part, "overhead_share": 0 to 1, "bottleneck": a sentence},
    "time_shares": of the whole by what a person calls the part, 0 to 1}``
    """
    known = {part: seconds[part] for part in PARTS if part in seconds}
    whole = sum(known.values())
    return {
        "time": {
            "seconds": {part: round(value, 4) for part, value in known.items()},
            "overhead_share": round(overhead_share(seconds), 4),
            "bottleneck": bottleneck(seconds),
        },
        "time_shares": {
            PARTS[part].removeprefix("in "): round(value / whole, 4)
            for part, value in known.items()
            if whole
        },
    }
