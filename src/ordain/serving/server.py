"""One server process: loads, listens, serves, drains.

On SIGTERM or SIGINT it is no longer ready, answers what comes over open connections and asks them
to close, and ends once every accepted request is answered. On SIGHUP it takes up what has changed.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import uvicorn

from ordain.config.deployment import Deployment, Limits
from ordain.core.errors import StoreError, UsageError
from ordain.serving.access import Access, with_keys
from ordain.serving.app import App
from ordain.serving.batches import N_THREADS
from ordain.serving.contracts import Feedback, PredictionLog, Router
from ordain.serving.gate import Gate
from ordain.serving.hosting import Hosting, State
from ordain.serving.kit import Kit
from ordain.serving.load import Load
from ordain.serving.meters import Meters
from ordain.serving.protocol import GuardedProtocol, sweep

LOG = logging.getLogger("ordain.serving")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GRACE_SECONDS = 0.5
_MENDED = {
    errno.EADDRINUSE: "give another --port, or end what listens there",
    errno.EADDRNOTAVAIL: "--host must be an address of this machine, or 0.0.0.0 for all of them",
    errno.EACCES: "give a --port from 1024 on, or the right to listen below",
}


@dataclass(frozen=True)
class Address:
    """Where and how a server listens.

    Attributes:
        hosts: names it may be called by beside its own; empty for any on a public address.
        is_public: whether it may listen beyond this machine without keys.
        certificate, key: PEM files; None speaks HTTP.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    is_public: bool = False
    certificate: str | None = None
    key: str | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can call."""
        return self.host in LOOPBACK

    @property
    def names(self) -> tuple[str, ...]:
        """Host names that requests may carry; empty for any."""
        if self.is_loopback:
            return (*LOOPBACK, "[::1]", *self.hosts)
        return (*self.hosts, *LOOPBACK, "[::1]") if self.hosts else ()

    def url(self, listening: socket.socket) -> str:
        """Return where a socket of this address is called, with the port that it got."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "http" if self.certificate is None else "https"
        return f"{scheme}://{host}:{listening.getsockname()[1]}"

    def check(self, deployment: Deployment) -> None:
        """Refuse what would let anybody in from anywhere.

        Raises:
            UsageError: public and without keys; a certificate without its key.
        """
        if not self.is_loopback and deployment.auth.is_open and not self.is_public:
            raise UsageError(
                f"--host {self.host} lets other machines call, and no API keys are set: anybody "
                "could\n  Fix: set `auth.keys_file` or `auth.api_keys` in the deployment, or "
                "--keys FILE; or say --allow-public"
            )
        if (self.certificate is None) != (self.key is None):
            raise UsageError("TLS needs both --certificate FILE and --key FILE")
        if self.certificate is not None:
            try:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    self.certificate, self.key
                )
            except OSError as error:  # of which errors of TLS are a kind
                raise UsageError(
                    f"TLS with --certificate {self.certificate} and --key {self.key} cannot be "
                    f"spoken: {error.strerror or error}\n"
                    "  Fix: give two PEM files, the chain of certificates and its private key"
                ) from error

    def listen(self) -> socket.socket:
        """Return a socket that listens.

        Raises:
            StoreError: the port is taken, or the address is not one of this machine.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((self.host, self.port))
        except OSError as error:
            found.close()
            raise StoreError(
                f"the server cannot listen on {self.host}:{self.port}: {error.strerror or error}\n"
                f"  Fix: {_MENDED.get(error.errno or 0, 'give another --host or --port')}"
            ) from error
        found.listen(2048)
        found.set_inheritable(True)
        return found


@dataclass
class Serving:
    """What one process serves.

    Attributes:
        router: chooses the versions.
        n_workers: processes that share the port.
        keys: file of hashed API keys that counts whatever is deployed.
        counters: gives what became of rows for the log since the start.
    """

    router: Router
    deployment: Deployment
    address: Address
    log: PredictionLog | None = None
    feedback: Feedback | None = None
    n_workers: int = 1
    keys: str | None = None
    counters: Callable[[], Mapping[str, int]] = dict
    meters: Meters = field(default_factory=Meters)


class Process:
    """A server that has loaded its versions; `gate` is its ASGI application.

    Args:
        serving: what it serves.

    Raises:
        OrdainError: a version cannot be loaded, or a key cannot be read.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        limits = serving.deployment.limits
        self._executor = ThreadPoolExecutor(N_THREADS, thread_name_prefix="predict")
        self.hosting = Hosting(serving.router, serving.meters)
        access = Access(serving.deployment.auth, n_workers=serving.n_workers)
        self.hosting.load()
        load = Load(limits, serving.meters)
        self._kit = kit = Kit(
            serving.deployment,
            self.hosting,
            serving.meters,
            self._executor,
            serving.log,
            serving.feedback,
            load,
        )
        self._app = App(kit, is_ready=lambda: not self.gate.is_draining)
        self.gate = Gate(
            self._app.routes(),
            access,
            limits=limits,
            meters=serving.meters,
            load=load,
            hosts=serving.address.names,
        )
        self._next: tuple[Deployment, Access | None] | None = None
        self.hosting.on_check.append(self._prepare)
        # Before the others, which go by what is declared.
        self.hosting.on_change.insert(0, self._changed)

    def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until a signal says stop, and end."""
        limits, address = self._serving.deployment.limits, self._serving.address
        _guard(limits)
        GuardedProtocol.load = self.gate.load
        config = uvicorn.Config(
            self.gate,
            loop="uvloop" if sys.platform != "win32" else "asyncio",
            http=GuardedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(limits.drain_seconds) + 1,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
        server = _Server(config, self.gate, self.hosting, self._count)
        # What was loaded stays, and a request leaves no cycles: collections are rare and short.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        try:
            server.run(sockets=list(sockets))
        finally:
            gc.unfreeze()  # else native libraries complain of what they find at the end
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._app.predicting.shadows.close()
            self.hosting.close()
            for sink in (self._serving.log, self._serving.feedback):
                if sink is not None:
                    sink.close()

    def _count(self) -> None:
        self._serving.meters.logged(self._serving.counters())

    def _prepare(self, declared: Deployment) -> None:
        """Make what a change of the declaration needs, before it counts.

        Raises:
            OrdainError: it would let anybody in, or a key cannot be read.
        """
        deployment = with_keys(declared, self._serving.keys)
        self._serving.address.check(deployment)
        is_same = deployment.auth == self._kit.deployment.auth
        access = None if is_same else Access(deployment.auth, n_workers=self._serving.n_workers)
        self._next = deployment, access

    def _changed(self, state: State) -> None:
        """Go by what is declared now; what is read at the start alone stays (`AT_START`)."""
        del state
        if self._next is not None:
            deployment, access = self._next
            self._kit.deployment = deployment
            self._app.predicting.adopt()
            self.gate.adopt(access or self.gate.access, deployment.limits)
            _guard(deployment.limits)
            if self._serving.log is not None:
                self._serving.log.adopt(deployment.log)
        self.gate.routes = self._app.routes()


async def _each_second(work: Callable[[], None]) -> None:
    while True:
        work()
        await asyncio.sleep(1)


def _guard(limits: Limits) -> None:
    GuardedProtocol.header_bytes = limits.header_bytes
    GuardedProtocol.client_seconds = limits.client_seconds


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, gate: Gate, hosting: Hosting, count: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._gate, self._hosting, self._count = gate, hosting, count
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._gate.load.at_work = self.server_state.tasks
        self._loop = loop = asyncio.get_running_loop()
        self._keep(sweep(self.server_state.connections))
        self._keep(self._hosting.look_for_ever())
        self._keep(_each_second(self._count))
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, lambda: self._keep(self._hosting.look()))
        for one in self.servers:
            for listening in one.sockets:
                LOG.info("ready on %s:%s", *listening.getsockname()[:2])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal, end at once at the second."""
        del sig, frame
        if self._gate.is_draining:
            self.should_exit = self.force_exit = True
            return
        self._gate.is_draining = True
        LOG.info("draining: accepted requests are answered, then the server ends")
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, _GRACE_SECONDS, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    def _keep(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
