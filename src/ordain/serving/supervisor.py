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
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0


@dataclass
class _Worker:
    """The process of one place among the workers, and what is known of those before it.

    Attributes:
        process: it.
        started: when, on the clock of `time.monotonic`.
        n_early: processes of this place that ended young, one after the other.
        again_at: when the next one is started, once it has ended; None while it runs.
    """

    process: subprocess.Popen[bytes]
    started: float
    n_early: int = 0
    again_at: float | None = None


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
        self._has_lived = False
        self._is_ending = False

    def run(self) -> None:
        """Run until a signal says stop.

        Once a worker has lived, one that cannot be started is tried again for as long as it takes:
        what one worker cannot load any more must not end those that have it.

        Raises:
            StoreError: a worker cannot start, and none ever lived.
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
            if worker.process.poll() is None:
                self._has_lived = self._has_lived or not _is_young(worker)
                continue
            if self._is_ending:
                return
            if worker.again_at is None:
                worker.again_at = self._end_of(worker, numbers)
            # Not slept for: others are looked after meanwhile, and a signal is heard.
            if time.monotonic() >= worker.again_at:
                self._workers[place] = self._start(numbers, worker.n_early)

    def _end_of(self, worker: _Worker, numbers: str) -> float:
        """Take note that a worker has ended; return when the next one is started.

        Raises:
            StoreError: it could not start, and none ever lived.
        """
        self._forget_numbers(worker, numbers)
        code, is_early = worker.process.returncode, _is_young(worker)
        self._has_lived = self._has_lived or not is_early
        if code > 0 and not self._has_lived:
            self._end()
            raise StoreError("a worker could not start; what it said stands above")
        worker.n_early = worker.n_early + 1 if is_early else 0
        pause, pid = _pause(worker.n_early), worker.process.pid
        if not pause:
            LOG.warning("worker %d ended with %d and is replaced", pid, code)
            return time.monotonic()
        LOG.warning(
            "worker %d ended with %d and cannot be replaced yet; it is tried again in %.1f s",
            pid,
            code,
            pause,
        )
        if all(one is worker or one.again_at is not None for one in self._workers):
            LOG.error("no worker answers; what keeps them from starting stands above")
        return time.monotonic() + pause

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


def _is_young(worker: _Worker) -> bool:
    return time.monotonic() - worker.started < _YOUNG_SECONDS


def _pause(n_early: int) -> float:
    """Return the seconds to wait after so many processes of one place that ended young."""
    if n_early <= 1:
        return 0.0
    # Bounded before it is raised: after hours of trying the power would be no number any more.
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(n_early, 30))
