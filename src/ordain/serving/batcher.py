"""Rows that wait are predicted together; a row that comes alone waits for nothing.

While one batch is computed in a thread, rows that arrive gather, and are the next batch. So batches
grow with the load and a quiet server answers at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from ordain.config.deployment import Batching
from ordain.serving.refusal import Refusal
from ordain.serving.served import Served

Row = Mapping[str, Any]
Flat = Mapping[str, Any]
Waiting = tuple[Row, "asyncio.Future[Flat]"]


class Batcher:
    """Predicts rows of one version, off the event loop.

    Args:
        served: the version.
        executor: where batches are computed.
        batching: how many rows, and how long the first of them waits.
        most_waiting: rows that may wait; the next is told to come again.
    """

    def __init__(
        self, served: Served, executor: Executor, *, batching: Batching, most_waiting: int
    ) -> None:
        self._served, self._executor = served, executor
        self._batching, self._most_waiting = batching, most_waiting
        self._waiting: deque[Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def answer(self, row: Row) -> Flat:
        """Return the flat answer to a row that passed the door.

        Raises:
            Refusal: too many rows wait.
        """
        if len(self._waiting) >= self._most_waiting:
            raise Refusal.busy()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Flat] = loop.create_future()
        self._waiting.append((row, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        """Compute batches until nothing waits."""
        loop = asyncio.get_running_loop()
        is_busy = False
        while self._waiting:
            # Only under load: who comes alone must not wait for others that may never come.
            if is_busy and len(self._waiting) < self._batching.max_rows:
                await asyncio.sleep(self._batching.max_wait_ms / 1000)
            taken = self._take()
            rows = [row for row, _ in taken]
            answers = await loop.run_in_executor(self._executor, self._compute, rows)
            is_busy = True
            for (_, future), answer in zip(taken, answers, strict=True):
                if future.done():  # its caller was told that it took too long
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)

    def _take(self) -> list[Waiting]:
        """Return the rows of the next batch, without those whose callers wait no more."""
        taken: list[Waiting] = []
        while self._waiting and len(taken) < self._batching.max_rows:
            one = self._waiting.popleft()
            if not one[1].done():
                taken.append(one)
        return taken

    def _compute(self, rows: Sequence[Row]) -> list[Flat | Exception]:
        """Return the answers; where a batch fails each row is tried alone, for one spoils all."""
        # Where a row's answer depends on its neighbours, strangers must not become neighbours.
        if len(rows) > 1 and not self._served.model.depends_on_order:
            try:
                return list(self._served.predict_frame(self._served.frame_of(rows)).to_dicts())
            except Exception:  # noqa: BLE001, S110 - the rows tell it one by one, below
                pass
        return [_tried(self._served.predict_row, row) for row in rows]


def _tried(predict: Callable[[Row], Flat], row: Row) -> Flat | Exception:
    try:
        return predict(row)
    except Exception as error:  # noqa: BLE001 - it is the answer of this row
        return error
