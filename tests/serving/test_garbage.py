"""A request leaves nothing that waits for the collector: bodies of megabytes would wait with it."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from ordain.serving.protocol import GuardedProtocol

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}
N_REQUESTS = 30


def post(body: bytes, path: str = "/v1/models/churn/predict") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


WHOLE = post(json.dumps({"row": ROW}).encode())
REQUESTS = {
    "a row": (WHOLE, False),
    "rows": (post(json.dumps({"rows": [ROW] * 3}).encode()), False),
    "a bad row": (post(json.dumps({"row": {"tenure": "x"}}).encode()), False),
    "nonsense": (post(b"[" * 50_000), False),
    "too much": (post(b"x" * 1_500_000), False),
    "no such path": (post(b"{}", "/v1/nothing"), False),
    "left in the body": (WHOLE[:-9], True),
    "left half-way": (post(b"x" * 900_000)[:500_000], True),
    "left before the answer": (WHOLE, True),
}


def ask(port: int, request: bytes, *, leaves: bool) -> None:
    """Send a request some times, and read the answers, or leave."""
    for _ in range(N_REQUESTS if leaves else 1):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            for _ in range(1 if leaves else N_REQUESTS):
                connection.sendall(request)
                answer = b"" if leaves else connection.recv(65_536)
                assert leaves or answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    "what",
    [one if one == "a row" else pytest.param(one, marks=pytest.mark.slow) for one in REQUESTS],
)
def test_a_request_leaves_nothing_to_the_collector(
    application: Callable[..., Any], what: str
) -> None:
    gate = application().process.gate
    request, leaves = REQUESTS[what]

    async def serve() -> int:
        loop = asyncio.get_running_loop()
        config, state = Config(gate, log_config=None), ServerState()
        server = await loop.create_server(
            lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        await asyncio.to_thread(ask, port, request, leaves=leaves)
        gc.disable()
        try:
            # The least of some: threads that other tests began leave things of their own.
            return min([await left(port, state) for _ in range(3)])
        finally:
            gc.enable()
            server.close()

    async def left(port: int, state: ServerState) -> int:
        gc.collect()
        await asyncio.to_thread(ask, port, request, leaves=leaves)
        while state.tasks or state.connections:  # noqa: ASYNC110 - uvicorn tells of no event
            await asyncio.sleep(0.01)
        return gc.collect()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(serve()) < N_REQUESTS
