"""Which servers of a work folder run without a deployment, so that `ordain status` can list them.

    servers/<id>.json   what a process serves: address, models, versions, since when
    servers/<id>.lock   held by the process while it lives, however it ends

What nobody holds any more is forgotten by whoever looks next: a server that starts, or `status`.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from ordain.core.errors import StoreError
from ordain.core.files import store_errors, try_lock
from ordain.serving.hosting import State
from ordain.serving.ids import new_id

LOG = logging.getLogger("ordain.serving")
_FOLDER = "servers"


class ServedVersion(msgspec.Struct, frozen=True):
    """A version that a server answers by.

    Attributes:
        name: of the model.
        version: its label.
        bundle: folder of its bundle.
    """

    name: str
    version: str
    bundle: str


class Listed(msgspec.Struct, frozen=True):
    """What one process serves.

    Attributes:
        address: URL.
        pid: of the server: the process itself, or the one that started it with others.
        since: seconds since 1970 when it began.
        models: what it answers by now.
    """

    address: str
    pid: int
    since: float
    models: tuple[ServedVersion, ...] = ()


@dataclass(frozen=True)
class RunningServer:
    """A server that runs.

    Attributes:
        address: URL.
        pid: of the process to end it by.
        since: seconds since 1970 when it began.
        n_workers: processes that answer.
        models: what they answer by.
    """

    address: str
    pid: int
    since: float
    n_workers: int
    models: tuple[ServedVersion, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        models = [msgspec.structs.asdict(one) for one in self.models]
        return {**asdict(self), "models": models}


@contextlib.contextmanager
def listed(home: Path, address: str, *, pid: int) -> Iterator[Callable[[State], None]]:
    """List this process as a server meanwhile; gives what is told each state that answers.

    Where the work folder cannot be written, the log says so and the server runs all the same.

    Args:
        home: the work folder.
        address: URL that it listens on.
        pid: of the process to end the server by.
    """
    path = home / _FOLDER / f"{new_id()}.json"
    since = time.time()

    def tell(state: State) -> None:
        data = msgspec.json.encode(Listed(address, pid, since, _models(state)))
        try:
            with store_errors(path):
                temporary = path.with_suffix(".tmp")
                temporary.write_bytes(data)
                temporary.replace(path)
        except StoreError as error:
            LOG.warning("`ordain status` does not list this server rightly: %s", error.message)

    try:
        running(home)
        held = _held(path.with_suffix(".lock"))
    except StoreError as error:
        LOG.warning("`ordain status` does not list this server: %s", error.message)
        yield lambda _: None
        return
    with held:
        try:
            yield tell
        finally:
            _forget(path)


def running(home: Path) -> list[RunningServer]:
    """Return the servers of a work folder that run without a deployment, oldest first.

    Those that have ended are forgotten.
    """
    found: dict[tuple[str, int], list[Listed]] = {}
    for path in sorted((home / _FOLDER).glob("*.json")):
        one = _read(path)
        if one is not None:
            found.setdefault((one.address, one.pid), []).append(one)
    servers = [_server(workers) for workers in found.values()]
    return sorted(servers, key=lambda server: (server.since, server.pid))


def _held(path: Path) -> IO[bytes]:
    """Return a file that is locked until it is closed, which the kernel does at the latest."""
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _read(path: Path) -> Listed | None:
    """Return what a process serves; None where it has ended, which is then forgotten."""
    # Whoever may not write the lock cannot tell, and takes the process to live.
    with contextlib.suppress(StoreError), try_lock(path.with_suffix(".lock")) as is_free:
        if is_free:
            _forget(path)
            return None
    with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Listed)
    return None


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        for suffix in (".json", ".tmp", ".lock"):
            path.with_suffix(suffix).unlink(missing_ok=True)


def _server(workers: Sequence[Listed]) -> RunningServer:
    first = workers[0]
    models = dict.fromkeys(model for worker in workers for model in worker.models)
    since = min(worker.since for worker in workers)
    return RunningServer(first.address, first.pid, since, len(workers), tuple(models))


def _models(state: State) -> tuple[ServedVersion, ...]:
    return tuple(
        ServedVersion(name, label, str(served.model.path))
        for name, labelled in state.versions.items()
        for label, served in labelled.items()
    )
