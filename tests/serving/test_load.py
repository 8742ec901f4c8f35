from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from ordain.config.deployment import Limits
from ordain.serving.load import Load
from ordain.serving.meters import Meters
from ordain.serving.protocol import GuardedProtocol

BODY = b'{"row": {}}'
REQUEST = b"POST /v1/models/a/predict HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Clock:
    """A processor's time that goes on by a step whenever a request is answered."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def answer(self, load: Load, n_requests: int, *, seconds: float) -> None:
        for _ in range(n_requests):
            self.now += seconds
            load.answered()


def test_a_request_may_wait_as_long_as_it_is_declared() -> None:
    clock = Clock()
    load = Load(Limits(wait_ms=10, concurrency=2, queue=1_000), Meters(), clock=clock)
    load.at_work = range(11)
    assert not load.is_full()
    clock.answer(load, 1_000, seconds=0.001)
    assert load.is_full()
    load.at_work = range(9)
    assert not load.is_full()


def test_as_many_as_may_be_at_work_at_once_are_let_in_however_long_each_takes() -> None:
    clock = Clock()
    load = Load(Limits(wait_ms=1, concurrency=8), Meters(), clock=clock)
    clock.answer(load, 1_000, seconds=0.001)
    load.at_work = range(8)
    assert not load.is_full()
    load.at_work = range(9)
    assert load.is_full()


def test_the_queue_has_a_length_whatever_the_time() -> None:
    load = Load(Limits(concurrency=2, queue=3), Meters())
    load.at_work = range(5)
    assert not load.is_full()
    load.at_work = range(6)
    assert load.is_full()


def test_one_interruption_does_not_close_the_server() -> None:
    clock = Clock()
    load = Load(Limits(wait_ms=10, concurrency=2), Meters(), clock=clock)
    load.at_work = range(6)
    clock.answer(load, 1_000, seconds=0.0001)
    clock.answer(load, 1, seconds=2.0)
    clock.answer(load, 40, seconds=0.0001)
    assert not load.is_full()


def test_what_waits_for_a_thread_does_not_count_as_time_of_the_loop(
    application: Callable[..., Any],
) -> None:
    asked = application()
    (version,) = asked.process.hosting.state.versions["churn"].values()
    version.row_seconds = 1.0
    for _ in range(20):
        asked.predict(row={"tenure": 3, "contract": "month", "charges": 70.5})
    load = asked.process.gate.load
    load.at_work = range(500)
    assert not load.is_full()


class Transport(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.is_closed = False

    @property
    def sent(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def asked(load: Load, request: bytes) -> Transport:
    """Return what a connection sends back for a request."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    async def ask() -> Transport:
        transport = Transport()
        protocol = type("Protocol", (GuardedProtocol,), {"load": load})(
            Config(application, log_config=None), ServerState(), {}
        )
        protocol.connection_made(transport)
        protocol.data_received(request)
        for _ in range(5):
            await asyncio.sleep(0)
        if not transport.pieces:  # it is told to come again, in a moment
            await asyncio.sleep(0.02)
        protocol.connection_lost(None)
        return transport

    return asyncio.run(ask())


@pytest.fixture
def full() -> Load:
    load = Load(Limits(concurrency=1, queue=0, wait_ms=1), Meters())
    load.at_work = range(9)
    return load


def test_a_full_server_says_when_to_come_again_and_keeps_the_connection(full: Load) -> None:
    sent = asked(full, REQUEST + REQUEST)
    assert sent.sent.count(b"HTTP/1.1 503") == 2
    assert b"retry-after: 1\r\n" in sent.sent
    assert json.loads(sent.sent.rpartition(b"\r\n\r\n")[2])["error"]["code"] == "busy"
    assert not sent.is_closed or sent.sent.count(b"connection: keep-alive") == 2


def test_a_full_server_still_answers_probes(full: Load) -> None:
    assert asked(full, b"GET /livez HTTP/1.1\r\n\r\n").sent.startswith(b"HTTP/1.1 200")


def test_room_again_is_used_again(full: Load) -> None:
    full.at_work = ()
    assert asked(full, REQUEST).sent.startswith(b"HTTP/1.1 200")


def test_an_answer_leaves_in_one_piece(full: Load) -> None:
    full.at_work = ()
    (piece,) = asked(full, REQUEST).pieces
    assert piece.endswith(b"ok")


def test_a_full_server_keeps_or_closes_the_connection_as_it_is_asked_to(full: Load) -> None:
    stays = asked(full, REQUEST)
    assert b"connection: keep-alive" in stays.sent
    goes = asked(full, REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    assert b"connection: close" in goes.sent


def test_who_is_told_to_come_again_is_told_in_a_moment_and_not_read_until_then(full: Load) -> None:
    async def ask() -> tuple[list[str], bytes]:
        transport, heard = Transport(), []
        transport.pause_reading = lambda: heard.append("pause")  # type: ignore[method-assign]
        transport.resume_reading = lambda: heard.append("resume")  # type: ignore[method-assign]
        protocol = type("Protocol", (GuardedProtocol,), {"load": full})(
            Config(lambda *_: None, log_config=None), ServerState(), {}
        )
        protocol.connection_made(transport)
        protocol.data_received(REQUEST)
        at_first = transport.sent
        await asyncio.sleep(0.02)
        assert transport.sent.count(b"HTTP/1.1 503") == 1
        protocol.connection_lost(None)
        return heard, at_first

    assert asyncio.run(ask()) == (["pause", "resume"], b"")


def test_a_full_server_refuses_a_request_that_comes_in_pieces_once(full: Load) -> None:
    async def ask() -> Transport:
        transport = Transport()
        protocol = type("Protocol", (GuardedProtocol,), {"load": full})(
            Config(lambda *_: None, log_config=None), ServerState(), {}
        )
        protocol.connection_made(transport)
        for piece in (REQUEST[:20], REQUEST[20:-3], REQUEST[-3:]):
            protocol.data_received(piece)
        await asyncio.sleep(0)
        protocol.connection_lost(None)
        return transport

    assert asyncio.run(ask()).sent.count(b"HTTP/1.1 503") == 1


def test_refusals_do_not_make_answers_look_slow() -> None:
    clock = Clock()
    load = Load(Limits(wait_ms=10, concurrency=2, queue=1_000), Meters(), clock=clock)
    load.at_work = range(60)
    for _ in range(100):
        for _ in range(64):
            clock.now += 0.00002
            load.refused()
        clock.answer(load, 32, seconds=0.0001)
    assert not load.is_full()
