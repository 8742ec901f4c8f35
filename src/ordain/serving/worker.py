"""One process that serves: made of a text that says all it needs, so that another can start it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from ordain.config.deployment import Auth, Deployment, PredictionLogging, ServedModel, Trust
from ordain.core.errors import OrdainError
from ordain.serving.access import with_keys
from ordain.serving.contracts import Router
from ordain.serving.fixed import FixedRouter
from ordain.serving.log.feedback import FeedbackFiles
from ordain.serving.log.place import sink_of
from ordain.serving.log.writer import LogWriter, PredictionFiles
from ordain.serving.rollout.router import open_router
from ordain.serving.rollout.versions import find_version
from ordain.serving.running import listed
from ordain.serving.server import Address, Process, Serving
from ordain.store.home import home as work_folder

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 4 << 20
_SWITCH_SECONDS = 0.001

_STDIN = 0


class Order(msgspec.Struct, frozen=True):
    """What a worker is to serve.

    Attributes:
        address: where and how.
        models: reference by name, where they are given one by one.
        deployment: name of an applied deployment, where that is served.
        keys: file of hashed API keys, beside those of the deployment.
        signers: file of who must have signed a bundle, where models are given one by one.
        log: folder of the prediction log, where models are given one by one; None keeps none.
        home: the work folder.
    """

    address: Address
    models: dict[str, str] = {}
    deployment: str | None = None
    keys: str | None = None
    log: str | None = None
    home: str | None = None
    n_workers: int = 1
    signers: str | None = None


def run(order: Order, listening: socket.socket, *, pid: int | None = None) -> None:
    """Serve until a signal says stop.

    Args:
        order: what.
        listening: the socket.
        pid: of the process that started this one with others; None where it serves alone.

    Raises:
        OrdainError: a version or a key cannot be read, or the address is not safe.
    """
    # Loading makes many objects that stay: looking for cycles among them only takes time.
    gc.disable()
    # The event loop then has the interpreter back from a thread, as of the log, within that time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    _bound_kept_memory()
    _log_to_stderr()
    home = work_folder(order.home)
    writer: list[LogWriter] = []

    def counters() -> dict[str, int]:
        return dict(vars(writer[0].counts)) if writer else {}

    router = _router(order, home, counters)
    deployment = with_keys(router.deployment, order.keys)
    order.address.check(deployment)
    if order.deployment is not None or order.log is not None:
        writer.append(_writer(deployment.log, home))
    serving = Serving(
        router=router,
        deployment=deployment,
        address=order.address,
        log=PredictionFiles(writer[0]) if writer else None,
        feedback=FeedbackFiles(writer[0]) if writer else None,
        n_workers=order.n_workers,
        keys=order.keys,
        counters=counters,
    )
    gc.enable()
    process = Process(serving)
    with contextlib.ExitStack() as meanwhile:
        if order.deployment is None:
            place = order.address.url(listening)
            tell = meanwhile.enter_context(listed(home, place, pid=pid or os.getpid()))
            process.hosting.tell(tell)
        process.run([listening])


def _bound_kept_memory() -> None:
    """Bound what the C library keeps of freed memory.

    glibc else keeps twice the largest block that it ever saw, and gives it back all at once.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(option, _KEPT_BYTES)


def fixed_deployment(order: Order) -> Deployment:
    """Return the deployment of models that are given one by one."""
    models = tuple(ServedModel(name=name, champion=ref) for name, ref in order.models.items())
    log = PredictionLogging(sink=order.log)
    trust = Trust(signers=order.signers)
    return Deployment(models=models, auth=Auth(keys_file=order.keys), trust=trust, log=log)


def _router(order: Order, home: Path, counters: Callable[[], Mapping[str, int]]) -> Router:
    if order.deployment is not None:
        return open_router(home, order.deployment, counters=counters)
    return FixedRouter(
        fixed_deployment(order),
        lambda reference, name: find_version(reference, model=name, home=home),
    )


def _writer(log: PredictionLogging, home: Path) -> LogWriter:
    writer = LogWriter(sink_of(log, home))
    writer.adopt(log)
    return writer


def _log_to_stderr() -> None:
    """Print what the server says, one line each."""
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    logger = logging.getLogger("ordain.serving")
    logger.addHandler(shown)
    logger.setLevel(logging.INFO)
    # What clients send wrong is answered and counted; a line each would fill the disk.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    logging.getLogger("uvicorn").addHandler(shown)


def _end_with_the_caller() -> None:
    """Drain and end once the process that started this one has gone, however it went.

    A worker that stayed would hold the port, and serve what nobody watches.
    """
    # Not through `sys.stdin`: its lock, held here, would stop the interpreter from ending.
    os.read(_STDIN, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve what the first line of the standard input says, on the socket that the call names."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    threading.Thread(target=_end_with_the_caller, daemon=True, name="caller").start()
    try:
        run(order, socket.socket(fileno=int(sys.argv[1])), pid=os.getppid())
    except OrdainError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
