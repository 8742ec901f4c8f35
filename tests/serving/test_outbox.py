"""Answers of one turn leave together; who is alone is answered at once."""

from __future__ import annotations

import asyncio
from typing import Any

from ordain.serving.outbox import Corked, Outbox


class Transport(asyncio.Transport):
    """Notes what is written, by whom, in a list that connections share."""

    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self._name, self._sent, self.is_closed = name, sent, False

    def write(self, data: Any) -> None:
        self._sent.append((self._name, bytes(data)))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


async def connections(*names: str) -> tuple[list[Corked], list[Transport], list[Any]]:
    sent: list[tuple[str, bytes]] = []
    outbox = Outbox.of(asyncio.get_running_loop())
    transports = [Transport(name, sent) for name in names]
    return [Corked(one, outbox) for one in transports], transports, sent


def test_who_is_alone_is_answered_at_once_and_in_one_piece() -> None:
    async def scene() -> None:
        (corked,), _, sent = await connections("a")
        corked.write(b"head ")
        corked.write(b"body")
        assert sent == []
        corked.flush(is_alone=True)
        assert sent == [("a", b"head body")]

    asyncio.run(scene())


def test_answers_of_one_turn_leave_together_at_its_end() -> None:
    async def scene() -> None:
        corked, _, sent = await connections("a", "b")
        for one in corked:
            one.write(b"answer")
            one.flush(is_alone=False)
        assert sent == []
        await asyncio.sleep(0)
        assert sent == [("a", b"answer"), ("b", b"answer")]

    asyncio.run(scene())


def test_two_answers_over_one_connection_keep_their_order() -> None:
    async def scene() -> None:
        (corked,), _, sent = await connections("a")
        corked.write(b"first ")
        corked.flush(is_alone=False)
        corked.write(b"second")
        corked.flush(is_alone=False)
        await asyncio.sleep(0)
        assert sent == [("a", b"first second")]

    asyncio.run(scene())


def test_what_is_kept_is_sent_before_a_connection_closes() -> None:
    async def scene() -> None:
        (corked,), (transport,), sent = await connections("a")
        corked.write(b"last")
        corked.flush(is_alone=False)
        corked.close()
        assert sent == [("a", b"last")]
        assert transport.is_closed
        await asyncio.sleep(0)
        assert len(sent) == 1

    asyncio.run(scene())


def test_nothing_is_written_to_a_connection_that_has_gone() -> None:
    async def scene() -> None:
        (corked,), (transport,), sent = await connections("a")
        corked.write(b"answer")
        corked.flush(is_alone=False)
        transport.is_closed = True
        await asyncio.sleep(0)
        assert sent == []

    asyncio.run(scene())
