"""One process that serves: made of a text that says all it needs, so that another can start it."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from pathlib import Path

import msgspec

from ordain.config.deployment import Auth, Deployment, PredictionLogging, ServedModel
from ordain.core.errors import OrdainError
from ordain.serving.contracts import Router
from ordain.serving.fixed import FixedRouter
from ordain.serving.log.feedback import FeedbackFiles
from ordain.serving.log.place import sink_of
from ordain.serving.log.writer import LogWriter, PredictionFiles
from ordain.serving.rollout.router import open_router
from ordain.serving.rollout.versions import find_version
from ordain.serving.server import Address, Serving, serve
from ordain.store.home import home as work_folder


class Order(msgspec.Struct, frozen=True):
    """What a worker is to serve.

    Attributes:
        address: where and how.
        models: reference by name, where they are given one by one.
        deployment: name of an applied deployment, where that is served.
        keys: file of hashed API keys, beside those of the deployment.
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


def run(order: Order, listening: socket.socket) -> None:
    """Serve until a signal says stop.

    Raises:
        OrdainError: a version or a key cannot be read, or the address is not safe.
    """
    # Loading makes many objects that stay: looking for cycles among them only takes time.
    gc.disable()
    # Read where native libraries are loaded, below. Their threads spin while they wait for each
    # other: beside an event loop on few cores that makes a batch ten times slower, not faster.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _log_to_stderr()
    home = work_folder(order.home)
    writer: list[LogWriter] = []
    router = _router(order, home, writer)
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
    )
    gc.enable()
    serve(serving, [listening])


def with_keys(deployment: Deployment, keys: str | None) -> Deployment:
    """Return the deployment with another file of keys, where one is given."""
    if keys is None:
        return deployment
    auth = deployment.auth.model_copy(update={"keys_file": keys})
    return deployment.model_copy(update={"auth": auth})


def fixed_deployment(order: Order) -> Deployment:
    """Return the deployment of models that are given one by one."""
    models = tuple(ServedModel(name=name, champion=ref) for name, ref in order.models.items())
    log = PredictionLogging(sink=order.log)
    return Deployment(models=models, auth=Auth(keys_file=order.keys), log=log)


def _router(order: Order, home: Path, writer: list[LogWriter]) -> Router:
    if order.deployment is not None:

        def counters() -> dict[str, int]:
            return dict(vars(writer[0].counts)) if writer else {}

        return open_router(home, order.deployment, counters=counters)
    return FixedRouter(
        fixed_deployment(order),
        lambda reference, name: find_version(reference, model=name, home=home),
    )


def _writer(log: PredictionLogging, home: Path) -> LogWriter:
    return LogWriter(
        sink_of(log, home), sample=log.sample, redact=log.redact, queue_rows=log.queue_rows
    )


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


def main() -> None:
    """Serve what the first line of the standard input says, on the socket that the call names."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    try:
        run(order, socket.socket(fileno=int(sys.argv[1])))
    except OrdainError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
