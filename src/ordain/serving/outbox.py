"""Answers of one turn of the event loop, sent together at its end.

To send over a connection wakes the process at its other end. Where that takes a kick to another
processor, one send takes 50 microseconds, a third of all that a request costs; the next ones that
follow at once find the other process awake and take five. So where other requests are at work an
answer waits for the end of the turn, or two milliseconds. A request that is alone is answered at
once.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from weakref import WeakKeyDictionary

_LONGEST_SECONDS = 0.002
_CONTINUE = b"HTTP/1.1 100"
_CORK_BYTES = 65_536


class Outbox:
    """What is to be sent at the end of this turn of a loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._kept: list[Corked] = []
        self._since = 0.0

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Outbox:
        """Return the one of a loop."""
        found = _OUTBOXES.get(loop)
        if found is None:
            found = _OUTBOXES[loop] = cls(loop)
        return found

    def add(self, corked: Corked) -> None:
        """Keep what a connection has to send until the end of the turn."""
        now = time.perf_counter()
        self._kept.append(corked)
        if len(self._kept) == 1:
            self._since = now
            self._loop.call_soon(self.empty)
        elif now - self._since > _LONGEST_SECONDS:
            self.empty()

    def empty(self) -> None:
        """Send all that is kept."""
        kept, self._kept = self._kept, []
        for corked in kept:
            corked.send()


_OUTBOXES: WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox] = WeakKeyDictionary()


class Corked:
    """A transport that sends the head and the body of an answer in one call of the system.

    Args:
        transport: that is written to.
        outbox: where whole answers wait for the others of the turn.
    """

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport, self._outbox = transport, outbox
        self._parts: list[bytes] = []
        self._size = 0
        self._is_kept = False
        # Asked for each request, so without a call between.
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep bytes until the answer is whole, or there are many."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _CORK_BYTES or data.startswith(_CONTINUE):
            self.send()

    def flush(self, *, is_alone: bool) -> None:
        """Send what is kept: at once, or where others are at work with what they have to say."""
        if is_alone:
            self.send()
        elif not self._is_kept:
            self._is_kept = True
            self._outbox.add(self)

    def send(self) -> None:
        """Send what is kept at once."""
        self._is_kept = False
        if self._parts:
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def close(self) -> None:
        """Send what is kept, then close."""
        self.send()
        self._transport.close()
