"""How a server holds out: good and bad clients at 80% of its peak for minutes, and many swaps.

`ORDAIN_BENCH_MINUTES` (10) is how long, `ORDAIN_BENCH_SWAPS` (100) how often the champion changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psutil
import uvloop

import ordain
from benchmarks import tables
from benchmarks.clients import Crowd, Mix
from benchmarks.measure import Figure, at_least, at_most
from benchmarks.measure import ordain as command
from ordain.pipeline.promote import promote, rollback
from ordain.pipeline.register import register
from ordain.serving.bench import Line, bench
from ordain.serving.keys import add_key

MINUTES = float(os.environ.get("ORDAIN_BENCH_MINUTES", "10"))
N_SWAPS = int(os.environ.get("ORDAIN_BENCH_SWAPS", "100"))
N_ROWS = 7_000
SHARE_OF_PEAK = 0.8
_WARM_UP = 0.25
_LONGEST_WARM_UP = 60.0
_LONGEST_SWAP = 60.0
DEPLOYMENT = """
name: soak
deployment:
  models: [{{name: model, champion: {champion}}}]
  auth: {{keys_file: {keys}}}
  log: {{sink: {log}}}
"""


def holding_out() -> Iterator[Figure]:
    """Minutes at 80% of the peak, with clients that leave, send nonsense, or far too much."""
    frame = tables.mixed(N_ROWS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = ordain.train(tables.config(frame, "gbm"), frame, home=folder / "home").bundle
        with _Server(folder, champion=str(bundle)) as server:
            peak = _peak(server)
            mix = Mix.hostile(frame, key=server.key)
            per_second = SHARE_OF_PEAK * peak.per_second
            crowd = Crowd(server.port, mix, n_clients=32, per_second=per_second)
            memory = _run(crowd, server, seconds=60 * MINUTES)
            code = server.stop()
        yield from _of_answers(crowd, peak)
        yield from _of_memory(memory)
        yield from _of_log(folder / "log", crowd, peak)
        yield at_most("code of the end", code, 0, "")
        yield at_most("errors that the server tells", server.said.count("Traceback"), 0, "")


def swaps() -> Iterator[Figure]:
    """Promotions and rollbacks of the champion in the registry while clients ask."""
    frame = tables.mixed(N_ROWS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        for model_type in ("gbm", "linear"):
            run = ordain.train(tables.config(frame, model_type), frame, home=home)
            register(run.bundle, name="model", home=home)
        promote("model", 1, force=True, home=home)
        with _Server(folder, champion="model@champion") as server:
            mix = Mix.friendly(frame, key=server.key)
            peak = _peak(server)
            crowd = Crowd(server.port, mix, n_clients=16, per_second=0.5 * peak.per_second)
            took: list[float] = []
            changes = threading.Thread(target=lambda: took.extend(_swap(crowd, home)))
            changes.start()
            memory = _run(crowd, server, until=lambda: not changes.is_alive())
            server.stop()
        seen = crowd.seen
        yield at_least("champions promoted and rolled back", len(took), N_SWAPS, "")
        yield Figure("from the command to the first answer, median", statistics.median(took), "s")
        yield Figure("from the command to the first answer, longest", max(took), "s")
        yield at_most("failed requests", seen.n_wrong, 0, "", detail=seen.told())
        yield Figure("told to come again", seen.n_shed / seen.n_asked * 100, "%")
        yield Figure("requests", seen.n_asked, "")
        yield _growth(memory)
        yield from _of_log(folder / "log", crowd, peak)


def _swap(crowd: Crowd, home: Path) -> Iterator[float]:
    """Change the champion to and fro; yield the seconds until an answer is the other version's."""
    while not crowd.seen.version:
        time.sleep(0.05)
    for turn in range(N_SWAPS):
        if turn % 2 == 0:
            promote("model", 2, force=True, note="soak", home=home)
            wanted = "2"
        else:
            rollback("model", home=home)
            wanted = "1"
        began = time.perf_counter()
        while crowd.seen.version != wanted:
            if time.perf_counter() - began > _LONGEST_SWAP:
                return
            time.sleep(0.01)
        yield time.perf_counter() - began


def _of_answers(crowd: Crowd, peak: Line) -> Iterator[Figure]:
    seen = crowd.seen
    detail = f"peak {peak.per_second:,.0f}"
    yield Figure("requests a second", seen.n_asked / crowd.seconds, "", detail=detail)
    yield at_most("answers that are not as they must be", seen.n_wrong, 0, "", detail=seen.told())
    yield Figure("told to come again", seen.n_shed / seen.n_asked * 100, "%")
    yield Figure("rows accepted", seen.n_accepted, "")


def _of_memory(samples: list[float]) -> Iterator[Figure]:
    """Resident memory after warm-up, against its median."""
    kept = samples[int(min(_WARM_UP * len(samples), _LONGEST_WARM_UP)) :]
    middle = statistics.median(kept)
    most = max(abs(one - middle) for one in kept)
    began, ended = (statistics.median(part) for part in (kept[:10], kept[-10:]))
    detail = f"{min(kept):.1f} to {max(kept):.1f} MB; {began:.1f} at first, {ended:.1f} at last"
    yield at_most("memory: furthest from its median", 100 * most / middle, 5, "%", detail=detail)


def _growth(samples: list[float]) -> Figure:
    """Resident memory at last against that at first: two versions are loaded by turns."""
    began, ended = (statistics.median(part) for part in (samples[:10], samples[-10:]))
    detail = f"{began:.1f} to {ended:.1f} MB"
    return at_most("memory: growth", 100 * (ended / began - 1), 15, "%", detail=detail)


def _of_log(folder: Path, crowd: Crowd, peak: Line) -> Iterator[Figure]:
    """Every row that was answered stands in the log once, and no other but of those who left."""
    n_of_peak = peak.n_answered + 1  # and a trial
    left = sorted(folder.rglob("*.log"))
    logged = pl.scan_parquet(folder / "model" / "*" / "*.parquet").select("prediction_id").collect()
    ids = logged["prediction_id"]
    accepted = pl.Series("prediction_id", crowd.seen.accepted())
    n_missing = accepted.len() - accepted.is_in(ids.implode()).sum()
    n_others = ids.n_unique() - (accepted.len() - n_missing) - n_of_peak
    yield at_most("answered rows that are not in the log", n_missing, 0, "")
    yield at_most("rows that stand in the log twice", ids.len() - ids.n_unique(), 0, "")
    n_gone = crowd.seen.n_gone
    detail = f"{n_gone:,} clients left before the answer"
    yield at_most("logged rows that nobody was answered", n_others, n_gone, "", detail=detail)
    yield at_most("segments left unfinished", len(left), 0, "")


def _peak(server: _Server) -> Line:
    seconds = min(4.0, 6 * MINUTES)
    return bench(server.url, "model", clients=[32], seconds=seconds, key=server.key)[0]


def _run(
    crowd: Crowd,
    server: _Server,
    *,
    seconds: float = float("inf"),
    until: Callable[[], bool] | None = None,
) -> list[float]:
    """Let clients ask; return the server's resident megabytes, second by second."""
    samples: list[float] = []

    async def look() -> None:
        while True:
            await asyncio.sleep(1)
            samples.append(server.megabytes)

    async def ask() -> None:
        looking = asyncio.create_task(look())
        await crowd.ask(seconds=seconds, until=until)
        looking.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
    return samples


class _Server(contextlib.AbstractContextManager["_Server"]):
    """A server with keys, checks, metrics and log, which says what it has to say to a file."""

    def __init__(self, folder: Path, *, champion: str) -> None:
        self.key = add_key(folder / "keys.json", "soak")
        document = folder / "deployment.yaml"
        document.write_text(
            DEPLOYMENT.format(champion=champion, keys=folder / "keys.json", log=folder / "log")
        )
        self._file = folder / "said.txt"
        called = command("serve", str(document), "--port", "0", "--home", str(folder / "home"))
        with self._file.open("w") as said:
            self.process = subprocess.Popen(called, stderr=said)
        self._looked_at = psutil.Process(self.process.pid)
        self.port = self._ready()
        self.url = f"http://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def said(self) -> str:
        return self._file.read_text()

    @property
    def megabytes(self) -> float:
        return self._looked_at.memory_info().rss / 1e6

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def _ready(self) -> int:
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            for line in self.said.splitlines():
                if "ready on" in line:
                    return int(line.rpartition(":")[2])
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.said}")


ALL = [holding_out, swaps]
