"""Measures a server that runs: latency and throughput of one model, with clients of its own.

Each client has one connection and asks again as soon as it is answered (a closed loop), so that the
number of clients is the number of requests under way. The row is an example of the model's own
description. Clients and server share a machine's cores where both run on it: compare figures of
one run with one another.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

from ordain.core.errors import StoreError, UsageError

_SHED = frozenset({429, 503})
_MOST_ANSWER = 1 << 26


@dataclass(frozen=True)
class Line:
    """What a number of clients saw.

    Attributes:
        n_clients: at one time.
        n_answered: requests answered with 200.
        per_second: of these.
        p50, p90, p99, worst: latency of these, in seconds.
        n_shed: told to come again.
        n_failed: answered otherwise, or not at all.
    """

    n_clients: int
    n_answered: int
    per_second: float
    p50: float
    p90: float
    p99: float
    worst: float
    n_shed: int = 0
    n_failed: int = 0


@dataclass(frozen=True)
class Target:
    """A model of a server."""

    host: str
    port: int
    path: str
    is_tls: bool
    key: str | None = None

    @classmethod
    def of(cls, url: str, name: str, key: str | None = None) -> Target:
        """Return the target of a URL.

        Raises:
            UsageError: it is no URL of a server.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"'{url}' is no URL\n  Fix: http://127.0.0.1:8000")
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        return cls(parts.hostname, port, f"/v1/models/{quote(name, safe='')}", is_tls, key)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the bytes of a request."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}:{self.port}"]
        if body:
            lines += ["content-type: application/json", f"content-length: {len(body)}"]
        if self.key:
            lines.append(f"authorization: Bearer {self.key}")
        return "\r\n".join([*lines, "", ""]).encode() + body


def bench(
    url: str,
    name: str,
    *,
    clients: Sequence[int],
    seconds: float,
    key: str | None = None,
    row: Mapping[str, Any] | None = None,
) -> list[Line]:
    """Return a line for each number of clients.

    Args:
        url: of the server.
        name: of the model.
        clients: numbers to try, one after the other.
        seconds: for each.
        key: API key.
        row: to ask with; an example of the model's description by default.

    Raises:
        UsageError: no such URL or model, or the row is refused.
        StoreError: the server does not answer.
    """
    target = Target.of(url, name, key)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_bench(target, clients, seconds=seconds, row=row))
    except OSError as error:
        raise StoreError(f"{url} does not answer: {error}\n  Fix: ordain serve MODEL") from error


async def _bench(
    target: Target, clients: Sequence[int], *, seconds: float, row: Mapping[str, Any] | None
) -> list[Line]:
    chosen = row if row is not None else await _example(target)
    body = json.dumps({"row": chosen}).encode()
    request = target.request("POST", f"{target.path}/predict", body)
    status, answer = await _once(target, request)
    if status != 200:  # noqa: PLR2004
        raise _refused(status, answer)
    return [
        await _round(target, request, n_clients=n_clients, seconds=seconds) for n_clients in clients
    ]


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the fastest loop there is: the clients must not be what limits the server."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _refused(status: int, answer: bytes) -> UsageError:
    """Return what a server refuses, with its faults and what may be done."""
    try:
        told = json.loads(answer)["error"]
        lines = [told["message"], *(fault["message"] for fault in told.get("faults", ()))]
    except (ValueError, KeyError, TypeError):  # another server
        lines = [answer[:500].decode(errors="replace")]
    fixes = {
        401: "export ORDAIN_API_KEY=KEY",
        403: "a key that may `predict`, and `read` where no --row is given",
        404: "ordain bench-serve URL NAME, with a NAME of URL/v1/models",
    }
    fix = [f"  Fix: {fixes[status]}"] if status in fixes else []
    text = "\n".join([*(f"  {line}" for line in lines), *fix])
    return UsageError(f"the server answers {status}\n{text}")


async def _example(target: Target) -> Mapping[str, Any]:
    status, body = await _once(target, target.request("GET", "/openapi.json"))
    if status != 200:  # noqa: PLR2004
        raise _refused(status, body)
    paths = json.loads(body)["paths"]
    found = paths.get(f"{target.path}/predict")
    if found is None:
        names = ", ".join(sorted(p.split("/")[3] for p in paths if p.endswith("/predict")))
        name = target.path.rpartition("/")[2]
        raise UsageError(f"the server has no model '{name}'\n  Possible: {names}")
    content = found["post"]["requestBody"]["content"]["application/json"]
    row: Mapping[str, Any] = content["examples"]["golden"]["value"]["row"]
    return row


async def _round(target: Target, request: bytes, *, n_clients: int, seconds: float) -> Line:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(n_clients):
        client = _Client(request)
        await loop.create_connection(
            lambda client=client: client,
            target.host,
            target.port,
            ssl=_trusting() if target.is_tls else None,
        )
        made.append(client)
    began = time.perf_counter()
    for client in made:
        client.begin(began + seconds)
    await asyncio.wait([client.done for client in made], timeout=seconds + 30)
    took = time.perf_counter() - began
    statuses: Counter[int] = sum((client.statuses for client in made), Counter())
    latencies = sorted(latency for client in made for latency in client.latencies)
    n_shed = sum(count for status, count in statuses.items() if status in _SHED)
    return Line(
        n_clients,
        len(latencies),
        len(latencies) / took,
        _quantile(latencies, 0.5),
        _quantile(latencies, 0.9),
        _quantile(latencies, 0.99),
        _quantile(latencies, 1.0),
        n_shed=n_shed,
        n_failed=sum(statuses.values()) - len(latencies) - n_shed,
    )


class _Client(asyncio.Protocol):
    """One connection that asks until the time is over."""

    def __init__(self, request: bytes) -> None:
        self._request, self._end = request, 0.0
        self._buffer = b""
        self._asked = 0.0
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but class

    def begin(self, end: float) -> None:
        """Ask until a moment."""
        self._end = end
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        found = _answer_in(self._buffer)
        if found is None:
            return
        now = time.perf_counter()
        self._buffer = b""
        self.statuses[found[0]] += 1
        if found[0] == 200:  # noqa: PLR2004
            self.latencies.append(now - self._asked)
        if now < self._end:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if time.perf_counter() < self._end:
            self.statuses[0] += 1
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)


def _answer_in(buffer: bytes) -> tuple[int, bytes] | None:
    """Return status and body of a whole answer, or None while it is not whole."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    at = buffer.lower().find(b"content-length: ", 0, head_end)
    size = int(buffer[at + 16 : buffer.find(b"\r\n", at)]) if at >= 0 else 0
    body = buffer[head_end + 4 :]
    return (int(buffer[9:12]), body) if len(body) >= size else None


async def _once(target: Target, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(
        target.host, target.port, ssl=_trusting() if target.is_tls else None, limit=_MOST_ANSWER
    )
    try:
        writer.write(request)
        buffer = b""
        while (found := _answer_in(buffer)) is None:
            data = await asyncio.wait_for(reader.read(1 << 16), 30)
            if not data:
                raise ConnectionResetError("it closed the connection")
            buffer += data
        return found
    finally:
        writer.close()


def _trusting() -> ssl.SSLContext:
    """Return a context that takes any certificate: what is measured is one's own server."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
