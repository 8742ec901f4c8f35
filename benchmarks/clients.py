"""Clients of a server, good and bad, that ask at a rate and note what they are answered."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

PATH = "/v1/models/model/predict"
LARGE_BYTES = 5_000_000
_ID = b'"prediction_id":"'
_VERSION = b'"version":"'
_ID_CHARS = 32
_N_ROWS = 300
_N_BATCH = 20
_SHED = (429, 503)


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        share: of all requests.
        requests: whole ones, of which any is sent.
        status: that it must be answered with.
        n_rows: that are predicted and logged.
        leaves: share of the bytes after which the client closes; None stays for the answer.
    """

    name: str
    share: float
    requests: Sequence[bytes]
    status: int = 200
    n_rows: int = 0
    leaves: float | None = None


@dataclass(frozen=True)
class Mix:
    """Kinds of requests, drawn by their shares."""

    kinds: Sequence[Kind]

    @classmethod
    def friendly(cls, frame: pl.DataFrame, *, key: str) -> Mix:
        """Return rows and small batches."""
        rows = frame.drop("target").head(_N_ROWS).to_dicts()
        ones = [_post(PATH, {"row": row}, key) for row in rows]
        many = [_post(PATH, {"rows": rows[:_N_BATCH]}, key)]
        columns = {name: [row[name] for row in rows[:_N_BATCH]] for name in rows[0]}
        return cls(
            [
                Kind("row", 0.98, ones, n_rows=1),
                Kind("rows", 0.01, many, n_rows=_N_BATCH),
                Kind("columns", 0.01, [_post(PATH, {"columns": columns}, key)], n_rows=_N_BATCH),
            ]
        )

    @classmethod
    def hostile(cls, frame: pl.DataFrame, *, key: str) -> Mix:
        """Return these with malformed bodies, 1% of 5 MB, wrong keys, and clients that leave."""
        row = frame.drop("target").row(0, named=True)
        ones = cls.friendly(frame, key=key).kinds
        texts = [b"", b"{", b'{"row": {"n0": NaN}}', b"[" * 50_000, b'{"row": {"n0": "\xff"}}']
        broken = [_raw(PATH, text, key) for text in texts]
        strange = {**row, "n0": "three", "c0": 7, "n1": 1e300}
        large = [_raw(PATH, b'{"row": {"n0": "' + b"x" * (LARGE_BYTES - 19) + b'"}}', key)]
        feedback = {"prediction_id": "no-such-id", "values": {"target": "yes"}}
        whole = ones[0].requests[:20]
        return cls(
            [
                *ones,
                Kind("malformed", 0.01, broken, 400),
                Kind("bad row", 0.005, [_post(PATH, {"row": strange}, key)], 422),
                Kind("5 MB", 0.009, large, 413),
                Kind("5 MB, left half-way", 0.001, large, leaves=0.5),
                Kind("no such model", 0.005, [_post("/v1/models/../x/predict", {}, key)], 404),
                Kind("wrong key", 0.005, [_post(PATH, {"row": row}, "x" * 32)], 401),
                Kind("outcome", 0.005, [_post("/v1/feedback", feedback, key)]),
                Kind("left in the head", 0.002, whole, leaves=0.05),
                Kind("left in the body", 0.004, whole, leaves=0.8),
                Kind("left before the answer", 0.004, whole, leaves=1.0, n_rows=1),
            ]
        )


@dataclass
class Seen:
    """What clients saw.

    Attributes:
        version: of the last answer.
        n_gone: rows that were asked for by clients who left before the answer.
    """

    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    n_asked: int = 0
    n_wrong: int = 0
    n_shed: int = 0
    n_gone: int = 0
    n_accepted: int = 0
    version: str = ""
    wrong: Counter[str] = field(default_factory=Counter)
    ids: bytearray = field(default_factory=bytearray)
    batches: list[tuple[str, int]] = field(default_factory=list)

    def answered(self, kind: Kind, status: int, head: bytes, body: bytes) -> None:
        """Take note of an answer."""
        self.statuses[kind.name, status] += 1
        if status in _SHED and b"retry-after" in head.lower():
            self.n_shed += 1
        elif status != kind.status:
            self.n_wrong += 1
            self.wrong[f"{kind.name}: {status} {body[:100].decode(errors='replace')}"] += 1
        elif kind.n_rows:
            self._accepted(kind.n_rows, body)

    def lost(self, kind: Kind) -> None:
        """Take note of a connection that the server has closed without an answer."""
        self.n_wrong += 1
        self.wrong[f"{kind.name}: closed without an answer"] += 1

    def _accepted(self, n_rows: int, body: bytes) -> None:
        at = body.find(_ID) + len(_ID)
        found = body[at : at + _ID_CHARS].decode()
        if n_rows == 1:
            self.ids += bytes.fromhex(found)
        else:
            self.batches.append((found, n_rows))
        self.n_accepted += n_rows
        at = body.find(_VERSION) + len(_VERSION)
        self.version = body[at : body.find(b'"', at)].decode()

    def accepted(self) -> list[str]:
        """Return the id of every row that was answered."""
        size = _ID_CHARS // 2
        ones = [self.ids[at : at + size].hex() for at in range(0, len(self.ids), size)]
        return ones + [f"{one}-{row}" for one, n_rows in self.batches for row in range(n_rows)]

    def told(self) -> str:
        """Return the most frequent of what was wrong."""
        return "; ".join(f"{count} x {what}" for what, count in self.wrong.most_common(3))


class Crowd:
    """Clients that ask together at a rate, each on a connection that it keeps while it can.

    Args:
        port: of the server on this machine.
        mix: what they ask.
        n_clients: how many.
        per_second: requests of all of them together.
    """

    def __init__(self, port: int, mix: Mix, *, n_clients: int, per_second: float) -> None:
        self.seen = Seen()
        self.seconds = 0.0
        self._port, self._n_clients = port, n_clients
        self._interval = n_clients / per_second
        self._random = random.Random(0)
        self._kinds = mix.kinds
        self._shares = [kind.share for kind in mix.kinds]
        self._clients: set[_Client] = set()
        self.is_over = False

    def draw(self) -> tuple[Kind, bytes]:
        """Return the next request, whoever asks it."""
        kind = self._random.choices(self._kinds, self._shares)[0]
        return kind, self._random.choice(kind.requests)

    async def ask(self, *, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Ask for a time, or until something is so; return once all are answered."""
        began = time.perf_counter()
        for place in range(self._n_clients):
            await self.connect(delay=self._interval * place / self._n_clients)
        while time.perf_counter() - began < seconds and not (until is not None and until()):  # noqa: ASYNC110 - another thread changes it
            await asyncio.sleep(0.1)
        self.is_over = True
        self.seconds = time.perf_counter() - began
        end = time.perf_counter() + 15
        while self._clients and time.perf_counter() < end:  # noqa: ASYNC110 - for so short
            await asyncio.sleep(0.05)
        for client in self._clients:
            self.seen.n_wrong += 1
            self.seen.wrong[f"{client.told}: never answered"] += 1

    async def connect(self, delay: float) -> None:
        """Add a client."""
        loop = asyncio.get_running_loop()
        client = _Client(self, self._interval, loop.time() + delay)
        self._clients.add(client)
        await loop.create_connection(lambda: client, "127.0.0.1", self._port)

    def gone(self, client: _Client, *, comes_back: bool) -> None:
        """Take note of a client that has left; another comes in its place."""
        self._clients.discard(client)
        if comes_back and not self.is_over:
            delay = max(0.0, client.next_at - asyncio.get_running_loop().time())
            task = asyncio.ensure_future(self.connect(delay))
            task.add_done_callback(_refused)


def _refused(task: asyncio.Task[Any]) -> None:
    task.result()


class _Client(asyncio.Protocol):
    """One connection that asks on time, or as soon as it is answered where it is late."""

    def __init__(self, crowd: Crowd, interval: float, first_at: float) -> None:
        self._crowd, self._interval, self.next_at = crowd, interval, first_at
        self._buffer = bytearray()
        self._kind: Kind | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def told(self) -> str:
        return self._kind.name if self._kind else "idle"

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._kind is None or self._kind.leaves is not None:
            return
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._buffer[:end])
        at = head.find(b"content-length: ")
        size = int(head[at + 16 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < end + 4 + size:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + size])
        self._buffer.clear()
        kind, self._kind = self._kind, None
        self._crowd.seen.answered(kind, int(head[9:12]), head, body)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._timer is not None:
            self._timer.cancel()
        if self._kind is not None and self._kind.leaves is None:
            self._crowd.seen.lost(self._kind)
        self._crowd.gone(self, comes_back=True)

    def _wait(self) -> None:
        if self._crowd.is_over:
            self._transport.close()
            return
        loop = asyncio.get_running_loop()
        # Who is late by more than a second does not make up for it.
        self.next_at = max(self.next_at + self._interval, loop.time() - 1.0)
        self._timer = loop.call_at(self.next_at, self._ask)

    def _ask(self) -> None:
        if self._crowd.is_over:
            self._transport.close()
            return
        self._kind, request = self._crowd.draw()
        self._crowd.seen.n_asked += 1
        leaves = self._kind.leaves
        if leaves is None:
            self._transport.write(request)
            return
        self._crowd.seen.n_gone += self._kind.n_rows
        self._transport.write(request[: int(len(request) * leaves)])
        # After a moment, so that the bytes are sent; close does not wait for the answer.
        asyncio.get_running_loop().call_later(0.001, self._transport.close)


def _post(path: str, body: object, key: str) -> bytes:
    return _raw(path, json.dumps(body).encode(), key)


def _raw(path: str, body: bytes, key: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"x-api-key: {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
