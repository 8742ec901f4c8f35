"""How much there is to do, and whether one more may wait for its turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sized

from ordain.config.deployment import Limits
from ordain.serving.meters import Meters

_EVERY = 32
_OLD_SECONDS = 1.0
_LONG_SECONDS = 0.001
_WEIGHT = 0.3
_GROWTH = 1.05
_REFUSAL = 0.25
"""What it costs to refuse a request, at most, in answers: were it taken for less, refusals would
make answers look slow, and bring more refusals."""


class Load:
    """Counts requests at work and how long each keeps the event loop.

    A request waits for all that came before it. So the wait can be told when it comes, from their
    number and the time that each takes, and a request that would wait too long is told to come
    again, which costs a fifth of answering it.

    The time is the processor's, of the loop's thread, over some thirty answers: it holds reading,
    refusing and sending too, and nothing of what other processes take.

    Args:
        limits: of requests.
        meters: told of those that are refused.
        clock: processor time of this thread, in seconds.
    """

    def __init__(
        self, limits: Limits, meters: Meters, *, clock: Callable[[], float] = time.thread_time
    ) -> None:
        self.at_work: Sized = ()
        self._meters, self._clock = meters, clock
        self._seconds = 0.0
        self._n_answered = self._n_refused = 0
        self._from = (0.0, 0.0)
        self.adopt(limits)

    def adopt(self, limits: Limits) -> None:
        """Go by other limits from now on."""
        self._always = limits.concurrency
        self._most = limits.concurrency + limits.queue
        self._longest = limits.wait_ms / 1000

    def pause(self) -> float:
        """Return for how many seconds a refusal waits: else all would come back at once."""
        return self._longest * random.uniform(1, 3)  # noqa: S311 - nothing to guess

    def is_full(self) -> bool:
        """Return whether one more would be too many, or wait too long."""
        n_requests = len(self.at_work)
        return n_requests > self._most or (
            n_requests > self._always and n_requests * self._seconds > self._longest
        )

    def answered(self) -> None:
        """Take note of a request that was answered on the event loop."""
        self._n_answered += 1
        if self._n_answered < _EVERY:
            return
        now = (self._clock(), time.monotonic())
        spent, passed = now[0] - self._from[0], now[1] - self._from[1]
        # Over a longer time a quiet server's own chores count for more than its requests.
        if passed < _OLD_SECONDS:
            n_requests = self._n_answered + _REFUSAL * self._n_refused
            # While some are refused the others are answered in smaller company, which costs more
            # each: taken for the worth of an answer, that would bring more refusals. It may grow
            # slowly all the same, or the lowest of all estimates would stay.
            most = (_GROWTH if self._n_refused else 2) * self._seconds
            taken = min(spent / n_requests, most or _LONG_SECONDS)
            self._seconds += _WEIGHT * (taken - self._seconds)
        self._from, self._n_answered, self._n_refused = now, 0, 0

    def refused(self) -> None:
        """Count a request that was told to come again."""
        self._n_refused += 1
        self._meters.shed("queue")
