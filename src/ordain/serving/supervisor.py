"""Several processes on one port: started, watched, replaced when one dies, ended together.

All accept from the same socket, so that what waits to be accepted is never lost with a process.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from types import FrameType

import msgspec

from ordain.core.errors import StoreError
from ordain.serving.meters import SHARED
from ordain.serving.worker import Order

LOG = logging.getLogger("ordain.serving")
_LOOK_SECONDS = 0.2
_YOUNG_SECONDS = 5.0
_LONGEST_PAUSE = 10.0


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    started: float
    n_early: int = 0


class Supervisor:
    """Keeps a number of workers running.

    Args:
        order: that each gets.
        listening: the socket they share.
        drain_seconds: that workers have to end in.
    """

    def __init__(self, order: Order, listening: socket.socket, *, drain_seconds: float) -> None:
        self._order = msgspec.json.encode(order) + b"\n"
        self._n_workers = order.n_workers
        self._listening = listening
        self._drain_seconds = drain_seconds
        self._workers: list[_Worker] = []
        self._is_ending = False

    def run(self) -> None:
        """Run until a signal says stop.

        Raises:
            StoreError: a worker cannot start at all.
        """
        with tempfile.TemporaryDirectory(prefix="ordain-metrics-") as numbers:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._stop)
            signal.signal(signal.SIGHUP, self._pass_on)
            self._workers = [self._start(numbers) for _ in range(self._n_workers)]
            while not self._is_ending:
                time.sleep(_LOOK_SECONDS)
                self._replace_dead(numbers)
            self._end()

    def _start(self, numbers: str, n_early: int = 0) -> _Worker:
        descriptor = self._listening.fileno()
        process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", "ordain.serving.worker", str(descriptor)],
            stdin=subprocess.PIPE,
            pass_fds=(descriptor,),
            # Ctrl-C is for this process, which asks each worker once: asked twice, it ends at once.
            process_group=0,
            env={**os.environ, SHARED: numbers},
        )
        assert process.stdin is not None, "it was asked for"
        process.stdin.write(self._order)
        process.stdin.flush()
        return _Worker(process, time.monotonic(), n_early)

    def _replace_dead(self, numbers: str) -> None:
        for place, worker in enumerate(self._workers):
            code = worker.process.poll()
            if code is None or self._is_ending:
                continue
            self._forget_numbers(worker, numbers)
            is_early = time.monotonic() - worker.started < _YOUNG_SECONDS
            n_early = worker.n_early + 1 if is_early else 0
            if code > 0 and is_early and all(one.n_early == 0 for one in self._workers):
                self._end()
                raise StoreError("a worker could not start; what it said stands above")
            LOG.warning("worker %d ended with %d and is replaced", worker.process.pid, code)
            time.sleep(min(_LONGEST_PAUSE, 0.1 * 2**n_early) if n_early > 1 else 0)
            self._workers[place] = self._start(numbers, n_early)

    def _forget_numbers(self, worker: _Worker, numbers: str) -> None:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.process.pid, numbers)  # type: ignore[no-untyped-call]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_ending = True

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        del frame
        for worker in self._workers:
            worker.process.send_signal(number)

    def _end(self) -> None:
        """Let every worker drain; kill those that take too long."""
        self._is_ending = True
        # Who connects from now on is refused at once, and may go elsewhere.
        self._listening.close()
        for worker in self._workers:
            worker.process.terminate()
        end = time.monotonic() + self._drain_seconds + _YOUNG_SECONDS
        for worker in self._workers:
            try:
                worker.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                LOG.warning("worker %d did not end in time and is killed", worker.process.pid)
                worker.process.kill()
                worker.process.wait()
