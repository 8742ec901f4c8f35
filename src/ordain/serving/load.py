"""How much there is to do, and whether one more may wait for its turn."""

from __future__ import annotations

from collections.abc import Sized

from ordain.config.deployment import Limits
from ordain.serving.meters import Meters

_LONG_SECONDS = 0.005
_WEIGHT = 0.02


class Load:
    """Counts requests at work and how long each keeps the event loop.

    A request waits for all that came before it. So the wait can be told when it comes, from their
    number and the time that each took of late, and a request that would wait too long is told to
    come again at once, which costs a tenth of answering it.

    Args:
        limits: of requests.
        meters: told of those that are refused.
    """

    def __init__(self, limits: Limits, meters: Meters) -> None:
        self.at_work: Sized = ()
        self._meters = meters
        self._most = limits.concurrency + limits.queue
        self._longest = limits.wait_ms / 1000
        self._seconds = 0.0

    def is_full(self) -> bool:
        """Return whether one more would be too many, or wait too long."""
        n_requests = len(self.at_work)
        return n_requests > self._most or n_requests * self._seconds > self._longest

    def answered(self, seconds: float) -> None:
        """Take note of the time that a request kept the event loop.

        One that was interrupted, for a machine has other things to do, counts as five milliseconds.
        """
        self._seconds += _WEIGHT * (min(seconds, _LONG_SECONDS) - self._seconds)

    def refused(self) -> None:
        """Count a request that was told to come again."""
        self._meters.shed("queue")
