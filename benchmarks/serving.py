"""How a server does: start, memory, one row, many clients, too many clients, batches.

The table is `telco-churn.csv` of `ORDAIN_BENCH_DATA`, or a made one of as many columns where that
is not set, which takes six times as many trees. Server and clients share the machine, so that
throughput is that of half of it at best.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psutil

import ordain
from benchmarks import quality, tables
from benchmarks.measure import Figure, at_least, at_most
from benchmarks.measure import ordain as command
from ordain.serving.bench import Line, bench
from ordain.serving.keys import add_key

N_ROWS = 7_000
N_BATCH = 10_000
N_POSTS = 15
SECONDS = float(os.environ.get("ORDAIN_BENCH_SECONDS", "4"))
ARROW = "application/vnd.apache.arrow.stream"
DEPLOYMENT = """
name: bench
deployment:
  models: [{{name: model, champion: {bundle}, checks: flag}}]
  limits: {{body_bytes: 20_000_000, timeout_seconds: 30}}
  auth: {{keys_file: {keys}}}
  log: {{sink: {log}}}
"""


class Server:
    """A server with keys, checks, metrics and log, as it would run for others."""

    def __init__(self, process: subprocess.Popen[str], url: str, key: str, seconds: float) -> None:
        self.process, self.url, self.key, self.seconds = process, url, key, seconds

    def line(self, n_clients: int) -> tuple[Line, str]:
        """Return what so many clients see, and the processor time of an answer, in words."""
        before = self.cpu_seconds
        (line,) = bench(self.url, "model", clients=[n_clients], seconds=SECONDS, key=self.key)
        each = (self.cpu_seconds - before) / max(1, line.n_answered)
        return line, f"{each * 1e3:.3f} ms of processor time each"

    def post(self, body: bytes, kind: str) -> float:
        headers = {"content-type": kind, "x-api-key": self.key}
        request = urllib.request.Request(f"{self.url}/v1/models/model/predict", body, headers)
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
        return time.perf_counter() - began

    @property
    def cpu_seconds(self) -> float:
        """Processor time since the start."""
        spent = psutil.Process(self.process.pid).cpu_times()
        return float(spent.user + spent.system)

    @property
    def megabytes(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6


def table() -> tuple[pl.DataFrame, dict[str, object]]:
    """Return rows of 19 inputs and a target, and the config's keys that say which is what."""
    folder = quality.folder()
    path = None if folder is None else folder / "telco-churn.csv"
    if path is not None and path.exists():
        rows = pl.read_csv(path).select(*quality.TELCO, "Churn")
        return rows, {"input_features": quality.TELCO, "output_features": {"Churn": "binary"}}
    rows = tables.mixed(N_ROWS)
    return rows, tables.config(rows, "gbm")


def trees() -> Iterator[Figure]:
    """A `gbm` of 19 columns."""
    yield from _family("gbm", most_start=1.5, most_megabytes=250)


def networks() -> Iterator[Figure]:
    """A network of 19 columns."""
    yield from _family("neural", most_start=1.5, most_megabytes=250, trainer={"epochs": 5})


def batches() -> Iterator[Figure]:
    """Ten thousand rows of a `gbm` in one request."""
    frame, _ = table()
    rows = pl.concat([frame, frame])[:N_BATCH].select(frame.columns[:-1])
    body = io.BytesIO()
    rows.write_ipc_stream(body)
    columns = json.dumps({"columns": rows.to_dict(as_series=False)}).encode()
    with _served("gbm") as server:
        for name, content, kind, bar in (
            ("Arrow", body.getvalue(), ARROW, 300_000),
            ("JSON columns", columns, "application/json", 60_000),
        ):
            before = server.cpu_seconds
            taken = statistics.median(server.post(content, kind) for _ in range(N_POSTS))
            cpu = (server.cpu_seconds - before) / N_POSTS
            detail = f"{cpu * 1e3:.1f} ms of processor time a request"
            yield at_least(
                f"{N_BATCH:,} rows as {name}", N_BATCH / taken, bar, "rows/s", detail=detail
            )


def _family(
    model_type: str,
    *,
    most_start: float | None = None,
    most_megabytes: float | None = None,
    **keys: object,
) -> Iterator[Figure]:
    with _served(model_type, **keys) as server:
        if most_start is not None:
            yield at_most(f"{model_type}: start to ready", server.seconds, most_start, "s")
        (one, of_one), (many, of_many), (crowd, _) = map(server.line, (1, 32, 160))
        if most_megabytes is not None:
            yield at_most(f"{model_type}: memory", server.megabytes, most_megabytes, "MB")
        name = f"{model_type}: one client, p50"
        yield at_most(name, one.p50 * 1e3, 0.6, "ms", detail=of_one)
        yield at_most(f"{model_type}: one client, p99", one.p99 * 1e3, 2.5, "ms")
        name = f"{model_type}: 32 clients"
        yield at_least(name, many.per_second, 5_000, "requests/s", detail=of_many)
        yield at_most(f"{model_type}: 32 clients, p99", many.p99 * 1e3, 25, "ms")
        name = f"{model_type}: 160 clients against 32"
        detail = f"{crowd.n_shed:,} shed, {crowd.n_failed} failed"
        yield at_least(f"{name}, goodput", crowd.per_second / many.per_second, 0.9, "x")
        yield at_most(f"{name}, p99", crowd.p99 / many.p99, 3, "x", detail=detail)


@contextlib.contextmanager
def _served(model_type: str, **keys: object) -> Iterator[Server]:
    frame, described = table()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {**described, "name": "bench", "model_type": model_type, **keys}
        bundle = ordain.train(config, frame, home=folder / "home").bundle
        key = add_key(folder / "keys.json", "bench")
        document = folder / "deployment.yaml"
        document.write_text(
            DEPLOYMENT.format(bundle=bundle, keys=folder / "keys.json", log=folder / "log")
        )
        began = time.perf_counter()
        process = subprocess.Popen(
            command("serve", str(document), "--port", "0", "--home", str(folder / "home")),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            port = next(
                line.strip().rpartition(":")[2] for line in process.stderr if "ready on" in line
            )
            seconds = time.perf_counter() - began
            yield Server(process, f"http://127.0.0.1:{port}", key, seconds)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            process.stderr.close()


ALL = [trees, networks, batches]
