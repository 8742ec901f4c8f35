"""How things are measured: medians of several turns, compared within one run."""

from __future__ import annotations

import functools
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured line: what, how much, and whether it is within its bar."""

    name: str
    value: float
    unit: str
    bar: str = ""
    is_met: bool | None = None
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def at_most(name: str, value: float, limit: float, unit: str, *, detail: str = "") -> Figure:
    return Figure(name, value, unit, f"<= {limit:g} {unit}", value <= limit, detail)


def at_least(name: str, value: float, limit: float, unit: str, *, detail: str = "") -> Figure:
    return Figure(name, value, unit, f">= {limit:g} {unit}", value >= limit, detail)


def seconds_of(work: Callable[[], Any]) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(*works: Callable[[], Any], turns: int = 5) -> list[float]:
    """Return the median seconds of each, run one after the other, `turns` times over."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(turns):
        for record, work in zip(taken, works, strict=True):
            record.append(seconds_of(work))
    return [statistics.median(record) for record in taken]


def process_seconds(command: list[str], *, turns: int = 5, **options: Any) -> float:
    """Return the median wall time of a new process."""
    options = {"env": _environment(), **options}
    return statistics.median(
        seconds_of(lambda: subprocess.run(command, check=True, capture_output=True, **options))
        for _ in range(turns)
    )


@functools.cache
def _environment() -> dict[str, str]:
    """Return the environment of a process whose modules are compiled, as an installation does."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": tempfile.mkdtemp(prefix="bytecode-")}


def ordain(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ordain.cli.main", *arguments]


def show(figures: list[Figure]) -> None:
    from ordain.cli.console import cell, print_table

    marks = {True: "yes", False: "NO", None: ""}
    print_table(
        ["what", "measured", "bar", "met", "detail"],
        [[f.name, f"{cell(f.value)} {f.unit}", f.bar, marks[f.is_met], f.detail] for f in figures],
    )
