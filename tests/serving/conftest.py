"""Bundles, applications in this process, and servers as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import numpy as np
import polars as pl
import pytest

import ordain
from ordain.config.deployment import Deployment
from ordain.serving.fixed import FixedRouter
from ordain.serving.rollout.versions import find_version
from ordain.serving.server import Address, Process, Serving

ROW = {"tenure": 3, "contract": "month", "charges": 70.5}


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundle folders: `churn` and `other`, two versions of one kind, and `charges`, a number."""
    folder = tmp_path_factory.mktemp("bundles")
    rows = _churn(1200)
    rows.write_csv(folder / "churn.csv")
    shared = {
        "name": "churn",
        "data": {"source": str(folder / "churn.csv")},
        "input_features": {"tenure": "number", "contract": "category", "charges": "number"},
        "output_features": {"churn": "binary"},
        "evaluation": {"baselines": False},
    }
    configs = {
        "churn": {**shared, "model_type": "gbm", "trainer": {"num_boost_round": 20}},
        "other": {**shared, "model_type": "linear"},
        "charges": {
            **shared,
            "name": "charges",
            "input_features": {"tenure": "number", "contract": "category"},
            "output_features": {"charges": "number"},
            "model_type": "linear",
            "evaluation": {"baselines": False, "intervals": 0.9},
        },
    }
    return {
        name: ordain.train(config, home=folder / "home" / name).bundle
        for name, config in configs.items()
    }


def _churn(n_rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    tenure = random.integers(0, 72, n_rows)
    contract = random.choice(["month", "year", "two years"], n_rows)
    charges = np.round(random.normal(60, 20, n_rows) + tenure / 4, 2)
    left = random.random(n_rows) < 1 / (1 + np.exp(tenure / 12 - 2 - (contract == "month")))
    return pl.DataFrame(
        {
            "tenure": tenure,
            "contract": contract,
            "charges": pl.Series(charges).set(pl.Series(random.random(n_rows) < 0.05), None),
            "churn": pl.Series(np.where(left, "Yes", "No")),
        }
    )


@dataclass
class Asked:
    """An application in this process, asked one request at a time."""

    process: Process
    host: str = "127.0.0.1"
    written: list[Any] = field(default_factory=list)

    def request(
        self, method: str, path: str, *, lingers: bool = False, **options: Any
    ) -> httpx.Response:
        """Return the answer; `lingers` lets what comes after it come to its end."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.process.gate, raise_app_exceptions=True)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{self.host}:8000"
            ) as client:
                answer = await client.request(method, path, **options)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if lingers and others:
                await asyncio.wait(others, timeout=10)
            return answer

        return asyncio.run(ask())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def predict(self, name: str = "churn", *, lingers: bool = False, **body: Any) -> httpx.Response:
        return self.post(f"/v1/models/{name}/predict", json=body, lingers=lingers)


@dataclass
class Kept:
    """A log that keeps what it is given, as the real ones are asked to."""

    entries: list[Any] = field(default_factory=list)

    def write(self, entry: Any) -> str:
        self.entries.append(entry)
        return "recorded"

    def write_batch(self, entry: Any) -> None:
        self.entries.append(entry)

    def adopt(self, logging: Any) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def application(bundles: dict[str, Path], kept: Kept) -> Callable[..., Asked]:
    """Return what makes an application; models by name, each a bundle or a declaration."""

    def make(
        models: dict[str, Any] | None = None,
        *,
        address: Address | None = None,
        router: Callable[..., Any] = FixedRouter,
        **blocks: Any,
    ) -> Asked:
        declared = [
            {"name": name, "champion": str(bundles["churn"]), **(more or {})}
            for name, more in (models or {"churn": {}}).items()
        ]
        deployment = Deployment.model_validate({"models": declared, **blocks})

        def find(reference: str, name: str) -> Any:
            return find_version(reference, model=name, home=Path())

        serving = Serving(
            router=router(deployment, find),
            deployment=deployment,
            address=address or Address(),
            log=kept,
            feedback=kept,
        )
        return Asked(Process(serving))

    return make


@dataclass
class Server:
    """A server as a process of its own."""

    process: subprocess.Popen[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20, **options)

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Return the line that has the text, once it was said."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in list(self.lines):
                if text in line:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"'{text}' was not said:\n{self.said}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def serving(*arguments: str, home: Path, env: dict[str, str] | None = None) -> Iterator[Server]:
    command = [sys.executable, "-m", "ordain.cli.main", "serve", *arguments, "--port", "0"]
    environment = {**os.environ, "ORDAIN_HOME": str(home), "OMP_NUM_THREADS": "1", **(env or {})}
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    )
    server = Server(process)
    reader = threading.Thread(target=lambda: server.lines.extend(process.stderr), daemon=True)
    reader.start()
    try:
        line = server.wait_for("ready on")
        port = line.strip().rpartition(":")[2]
        server.url = f"http://127.0.0.1:{port}"
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        reader.join(5)
        process.stderr.close()


@pytest.fixture(scope="session")
def start_in() -> Callable[..., Any]:
    """Return what starts `ordain serve` with a work folder, for many tests of one process."""
    return serving


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """Return what starts `ordain serve` as a process, as a context."""

    def begin(*arguments: Any, **options: Any) -> Any:
        return serving(*map(str, arguments), home=tmp_path / "home", **options)

    return begin


class Asking:
    """Clients that ask without end and note what they are answered.

    Attributes:
        version: of the last answer.
        versions: of all answers.
        answers: when each came, on the clock of `time.monotonic`, and the prediction's id.
    """

    def __init__(self, url: str, n_clients: int = 4) -> None:
        self.url, self.is_over, self.version = url, False, ""
        self.statuses: list[int] = []
        self.faults: list[str] = []
        self.versions: set[str] = set()
        self.answers: list[tuple[float, str]] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(n_clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True
        for thread in self._threads:
            thread.join(20)

    def _ask(self) -> None:
        with httpx.Client(base_url=self.url, timeout=20) as client:
            while not self.is_over:
                try:
                    answer = client.post("/v1/models/churn/predict", json={"row": ROW})
                except httpx.HTTPError as error:
                    self.faults.append(repr(error))
                    time.sleep(0.05)
                    continue
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    told = answer.json()
                    self.version = told["version"]
                    self.versions.add(self.version)
                    self.answers.append((time.monotonic(), told["prediction_id"]))


@pytest.fixture
def asking() -> type[Asking]:
    """Return clients that ask without end, as a context."""
    return Asking


@pytest.fixture
def sent() -> Callable[[str, bytes], bytes]:
    """Return what sends bytes to a server and gives all that comes back in half a second."""

    def send(url: str, data: bytes) -> bytes:
        parsed = httpx.URL(url)
        answer = b""
        with socket.create_connection((parsed.host, parsed.port), timeout=20) as connection:
            connection.sendall(data)
            connection.settimeout(0.5)
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while part := connection.recv(65_536):
                    answer += part
        return answer

    return send
