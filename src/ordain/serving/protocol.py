"""uvicorn's HTTP protocol with what a server in the open needs: bounds on heads, slowness, load.

A client has a time to send a request, from its first byte to its last, and to take the answer. One
sweep a second over the open connections closes those that take longer, so that a request costs no
timer. A request that there is no room for is answered here, before any of it is worked on.
"""

from __future__ import annotations

import asyncio
import http
import time
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ordain.serving.gate import ARRIVED
from ordain.serving.load import Load
from ordain.serving.refusal import Refusal
from ordain.serving.wire import encode

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_ALWAYS = (b"/livez", b"/readyz", b"/metrics")
_CONTINUE = b"HTTP/1.1 100"
_CORK_BYTES = 65_536
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


class Corked:
    """A transport that sends the head and the body of an answer in one call of the system.

    Args:
        transport: that is written to.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keep bytes until the answer is whole, or there are many."""
        self._parts.append(data)
        self._size += len(data)
        if self._size > _CORK_BYTES or data.startswith(_CONTINUE):
            self.flush()

    def flush(self) -> None:
        """Send what is kept."""
        if self._parts:
            data = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(data)

    def close(self) -> None:
        """Send what is kept, then close."""
        self.flush()
        self._transport.close()


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
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the first request must come in time."""
        self._corked = Corked(transport)
        super().connection_made(self._corked)  # type: ignore[arg-type]
        self.since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as the head they belong to is not too large."""
        if self._is_in_head:
            if self.since is None:
                self.since = self.loop.time()
            self._head_size += len(data)
            super().data_received(data)
            if self._is_in_head and self._head_size > self.header_bytes:
                self._refuse_head()
            return
        super().data_received(data)

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
        if self._has_no_room():
            self._is_refused = True
            return
        self.scope[ARRIVED] = time.perf_counter()  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the head was refused."""
        if self.cycle is not None and not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request: from here on the time is the server's own."""
        if self._is_refused:
            self._refuse()
        elif self.cycle is not None:
            super().on_message_complete()
        self.since = None
        self._is_in_head = True

    def on_response_complete(self) -> None:
        """Send the whole answer."""
        self._corked.flush()
        super().on_response_complete()

    def is_slow(self, now: float) -> bool:
        """Return whether the client takes too long; called once a second."""
        is_paused = self.flow is not None and self.flow.write_paused
        self._paused = (self._paused or now) if is_paused else None
        began = [moment for moment in (self.since, self._paused) if moment is not None]
        return bool(began) and now - min(began) > self.client_seconds

    def _has_no_room(self) -> bool:
        """Return whether this request is to be refused; probes and metrics never are."""
        is_idle = self.cycle is None or self.cycle.response_complete  # else answers would mix
        return (
            self.load is not None
            and is_idle
            and self.load.is_full()
            and not self.url.startswith(_ALWAYS)
        )

    def _refuse(self) -> None:
        self._is_refused = False
        if self.transport.is_closing() or self.load is None:
            return
        self.load.refused()
        stays = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        self.transport.write(_BUSY.replace(b"keep-alive", b"keep-alive" if stays else b"close"))
        self.on_response_complete()
        if not stays:
            self.transport.close()

    def _refuse_head(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()


async def sweep(connections: set[Any]) -> None:
    """Close slow connections, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            if isinstance(connection, GuardedProtocol) and connection.is_slow(now):
                connection.transport.abort()
