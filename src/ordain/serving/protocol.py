"""uvicorn's HTTP protocol with what a server in the open needs: bounds on heads, slowness, load.

A client has a time to send a request, from its first byte to its last, and to take the answer. One
sweep a second over the open connections closes those that take longer, so that a request costs no
timer. A request that there is no room for is answered here, before any of it is worked on.
"""

from __future__ import annotations

import asyncio
import http
import re
import time
from functools import partial
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ordain.serving.gate import ANSWER, ARRIVED
from ordain.serving.load import Load
from ordain.serving.outbox import Corked, Outbox
from ordain.serving.refusal import Refusal
from ordain.serving.wire import encode

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_ALWAYS = (b"/livez", b"/readyz", b"/metrics")
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,9})\r\n")
_UNUSUAL = re.compile(rb"\r\n(?:connection|expect|transfer-encoding|upgrade)[ \t]*:")
_MOST_HEADERS = 100
SWEEP_SECONDS = 1.0


def _whole(refusal: Refusal) -> bytes:
    """Return the bytes of an answer that says no, always the same."""
    body = encode(refusal.to_json("-"))
    status = http.HTTPStatus(refusal.status)
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in refusal.headers.items()),
        "connection: keep-alive",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


_BUSY = _whole(Refusal.busy())


class _Dropped(list[tuple[bytes, bytes]]):
    """Headers that nobody takes."""

    def append(self, header: tuple[bytes, bytes], /) -> None:
        """Take nothing."""


_DROPPED = _Dropped()


class GuardedProtocol(HttpToolsProtocol):
    """A connection that is closed when its head is too large or it is too slow.

    Class attributes:
        header_bytes: largest head of a request; set before the server starts.
        client_seconds: longest time to send a request or to take its answer.
        load: what there is to do; None refuses nobody.
    """

    header_bytes: ClassVar[int] = 16_384
    client_seconds: ClassVar[float] = 10.0
    load: ClassVar[Load | None] = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_size = 0
        self._is_in_head = True
        self.since: float | None = None
        self._paused: float | None = None
        self._idle: float | None = None
        self._is_refused = False
        self._body: list[bytes] | None = None
        self._is_new = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request must come in time."""
        self._corked = Corked(transport, Outbox.of(self.loop))
        super().connection_made(self._corked)  # type: ignore[arg-type]
        self.since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as the head they belong to is not too large."""
        if self._is_in_head:
            if (
                self._head_size == 0
                and self.load is not None
                and self._has_no_room()
                and _is_one_request(data)
            ):
                self._idle = self.since = None
                self._refuse_later(self.load)
                return
            if self.since is None:
                self.since, self._idle = self.loop.time(), None
            self._head_size += len(data)
            super().data_received(data)
            if self._is_in_head and self._head_size > self.header_bytes:
                self._refuse_head()
        else:
            super().data_received(data)
        if self._is_new:
            self._is_new = False
            if self._body is not None and not self.transport.is_closing():
                # The rest is read once the gate asks for it, or discarded once it has refused: the
                # system hands over megabytes before a task that was begun gets its turn.
                self.flow.pause_reading()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """Note when the head was whole, and refuse one that is too large."""
        self._is_in_head = False
        self._head_size = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.header_bytes or len(self.headers) > _MOST_HEADERS:
            self._refuse_head()
            return
        if self._has_no_room() and not self.url.startswith(_ALWAYS):
            self._is_refused = True
            return
        self.scope[ARRIVED] = time.perf_counter()  # type: ignore[literal-required]
        # A body of a told length is handed over whole: in pieces each of them would wake the
        # request.
        is_told = any(name == b"content-length" for name, _ in self.headers)
        self._body = [] if is_told else None
        self._is_new = is_told
        super().on_headers_complete()
        self.scope[ANSWER] = partial(self._answer, self.cycle)  # type: ignore[literal-required]

    def on_chunk_header(self) -> None:
        """Begin a part of a body; what comes after the last is no header, whatever it is named.

        It would count as one of the head, beside or in place of what a proxy has put there, and be
        kept without a bound.
        """
        self.headers = _DROPPED

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the head was refused."""
        if self.cycle is None or self._is_refused:
            return
        if self._body is None:
            super().on_body(body)
        elif not self.cycle.response_complete:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """End a request: from here on the time is the server's own."""
        if self._is_refused:
            stays = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
            self._refuse(stays=stays)
        elif self.cycle is not None:
            if self._body:
                self.cycle.body = b"".join(self._body)  # type: ignore[assignment]
            self._body = None
            super().on_message_complete()
        self.since = None
        self._is_in_head = True

    def on_response_complete(self) -> None:
        """Send the whole answer, and begin the next request that came over this connection.

        uvicorn's own sets a timer for connections that are idle; `sweep` looks for them here.
        """
        at_work = self.server_state.tasks
        self._corked.flush(is_alone=len(at_work) <= 1)
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle = self.loop.time()

    def is_idle(self, now: float) -> bool:
        """Return whether no request came for long; called once a second."""
        return self._idle is not None and now - self._idle > self.timeout_keep_alive

    def is_slow(self, now: float) -> bool:
        """Return whether the client takes too long; called once a second."""
        is_paused = self.flow is not None and self.flow.write_paused
        self._paused = (self._paused or now) if is_paused else None
        began = [moment for moment in (self.since, self._paused) if moment is not None]
        return bool(began) and now - min(began) > self.client_seconds

    def _has_no_room(self) -> bool:
        """Return whether a request that comes now is one too many."""
        is_idle = self.cycle is None or self.cycle.response_complete  # else answers would mix
        return self.load is not None and is_idle and self.load.is_full()

    def _refuse_later(self, load: Load) -> None:
        """Refuse a request in a moment, and read no other from this connection until then.

        Who asks again at once would else be refused thousands of times a second, each time at the
        expense of the others' answers.
        """
        self.flow.pause_reading()
        self.loop.call_later(load.pause(), self._refuse)

    def _refuse(self, *, stays: bool = True) -> None:
        self._is_refused = False
        if self.transport.is_closing() or self.load is None:
            return
        self.load.refused()
        self.transport.write(_BUSY if stays else _BUSY.replace(b"keep-alive", b"close"))
        self.on_response_complete()
        if not stays:
            self.transport.close()

    def _answer(self, cycle: RequestResponseCycle, head: bytes, body: bytes) -> bool:
        """Write a whole answer, without what uvicorn looks for in heads that it does not know.

        Args:
            cycle: of the request.
            head: status line and headers, each with its end; the last empty line is added.
            body: as long as the head says.

        Returns:
            whether it was taken; not while the client takes nothing.
        """
        if cycle.response_started or (self.flow.write_paused and not cycle.disconnected):
            return False
        if cycle.disconnected:
            return True
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        more = b"".join(b"%b: %b\r\n" % pair for pair in self.server_state.default_headers)
        ends = b"" if cycle.keep_alive else b"connection: close\r\n"
        self.transport.write(b"".join((head, more, ends, b"\r\n", body)))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()


def _is_one_request(data: bytes) -> bool:
    """Return whether bytes are one whole request to predict, with nothing unusual in its head.

    It can be refused without being parsed, in a third of the time.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(b"POST /v1/models/"):
        return False
    head = data[: end + 2].lower()
    found = _LENGTH.search(head)
    return (
        found is not None
        and len(data) == end + 4 + int(found[1])
        and head.find(b" http/1.1\r\n") == head.find(b"\r\n") - 9
        and not _UNUSUAL.search(head)
    )


async def sweep(connections: set[Any]) -> None:
    """Close connections that are slow, or idle for long, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            if not isinstance(connection, GuardedProtocol):
                continue
            if connection.is_slow(now):
                connection.transport.abort()
            elif connection.is_idle(now):
                connection.transport.close()
