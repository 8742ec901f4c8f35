"""Bodies that come in many pieces: whole, in their order, and not before they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from ordain.serving.protocol import GuardedProtocol

PIECES = [bytes([number]) * 70_000 for number in range(1, 9)]
BODY = b"".join(PIECES)
HEAD = b"POST /x HTTP/1.1\r\nhost: a\r\n"
TOLD = HEAD + b"content-length: %d\r\n\r\n" % len(BODY)
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


@contextlib.asynccontextmanager
async def served(
    application: Any,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of an application."""
    config, state = Config(application, log_config=None), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        async with asyncio.timeout(30):
            yield reader, writer
    finally:
        writer.close()
        server.close()


async def received(request: list[bytes], *, leaves: bool = False) -> list[dict[str, Any]]:
    """Return the messages that an application gets of a request sent piece by piece."""
    messages: list[dict[str, Any]] = []
    done = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        if not leaves:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        done.set()

    async with served(application) as (reader, writer):
        for piece in request:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        if leaves:
            writer.close()
        else:
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        await asyncio.wait_for(done.wait(), 10)
    return messages


def test_a_body_of_a_told_length_comes_whole() -> None:
    (message,) = asyncio.run(received([TOLD, *PIECES]))
    assert (message["body"], message["more_body"]) == (BODY, False)


def test_a_body_without_a_length_comes_in_pieces() -> None:
    messages = asyncio.run(received([CHUNKED, *map(chunk, PIECES), b"0\r\n\r\n"]))
    assert len(messages) > 1
    assert b"".join(message["body"] for message in messages) == BODY


def test_an_empty_body_of_a_told_length_comes_too() -> None:
    (message,) = asyncio.run(received([HEAD + b"content-length: 0\r\n\r\n"]))
    assert (message["body"], message["more_body"]) == (b"", False)


@pytest.mark.parametrize("n_pieces", [0, 3])
def test_who_leaves_within_a_body_is_gone(n_pieces: int) -> None:
    (message,) = asyncio.run(received([TOLD, *PIECES[:n_pieces]], leaves=True))
    assert message == {"type": "http.disconnect"}


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_body_is_read_once_the_application_asks_for_it_or_has_refused(*, is_taken: bool) -> None:
    asyncio.run(_held_back(is_taken=is_taken))


async def _held_back(*, is_taken: bool) -> None:
    length = 32 << 20  # more than the system holds between the two
    turn = asyncio.Event()
    sizes: list[int] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await turn.wait()
        if is_taken or sizes:
            sizes.append(len((await receive())["body"]))
        sizes.append(0)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with served(application) as (reader, writer):
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % length)
        writer.write(bytes(length))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(writer.drain(), 0.5)
        turn.set()
        await asyncio.wait_for(writer.drain(), 10)
        writer.write(HEAD + b"content-length: 3\r\n\r\nabc")
        for _ in range(2):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 204")
    assert sizes == ([length, 0, 3, 0] if is_taken else [0, 3, 0])
