"""Rows that come in the same turn of the event loop, predicted together at its end.

Nothing waits for rows that may come: these are there already, each behind a request that was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Flat = Mapping[str, Any]

_AT_ONCE = 32
"""Rows of one call: more take as long each, and hold up the loop."""
_FEW = 4
"""Rows from which on one call beats a call for each."""


class Turn:
    """Predicts rows of one version, on the event loop.

    Args:
        one: answers a row.
        some: answers rows as `one` does each.
    """

    def __init__(
        self, one: Callable[[Row], Flat], some: Callable[[Sequence[Row]], Sequence[Flat]]
    ) -> None:
        self._one, self._some = one, some
        self._waiting: list[tuple[Row, asyncio.Future[Flat]]] = []

    async def answer(self, row: Row) -> Flat:
        """Return the flat answer to a row that passed the door."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Flat] = loop.create_future()
        self._waiting.append((row, future))
        if len(self._waiting) == 1:
            # What was read in this turn comes before it.
            loop.call_soon(self._predict)
        return await future

    def _predict(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _AT_ONCE):
            part = waiting[start : start + _AT_ONCE]
            answers = self.answers([row for row, _ in part])
            for (_, future), answer in zip(part, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def answers(self, rows: Sequence[Row]) -> Sequence[Flat | Exception]:
        """Return the flat answers to rows, or what went wrong with each."""
        if len(rows) >= _FEW:
            try:
                return self._some(rows)
            except Exception:  # noqa: BLE001, S110 - the rows tell it one by one, below
                pass
        return [self._tried(row) for row in rows]

    def _tried(self, row: Row) -> Flat | Exception:
        try:
            return self._one(row)
        except Exception as error:  # noqa: BLE001 - it is the answer of this row
            return error
