"""Run benchmarks, print their tables, save them as JSON."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import judge, memory, quality, serving, soak, speed
from benchmarks.measure import Figure, show

PARTS = {
    "speed": speed.ALL,
    "memory": memory.ALL,
    "quality": quality.ALL,
    "judge": judge.ALL,
    "serving": serving.ALL,
    "soak": soak.ALL,
}
RESULTS = Path(os.environ.get("ORDAIN_BENCH_RESULTS") or Path(__file__).parent / "results")


def main() -> int:
    wanted = [word for word in sys.argv[1:] if word in PARTS]
    picked = [word for word in sys.argv[1:] if word not in PARTS]
    known = {b.__name__: part for part, benchmarks in PARTS.items() for b in benchmarks}
    if unknown := [word for word in picked if word not in known]:
        print(f"no such benchmark: {', '.join(unknown)}. There are: {', '.join([*PARTS, *known])}.")
        return 2
    wanted = wanted or list(dict.fromkeys(known[word] for word in picked)) or list(PARTS)
    missed = 0
    for part in wanted:
        figures: list[Figure] = []
        for benchmark in _chosen(PARTS[part], picked):
            for figure in benchmark():
                print(f"  {figure.name}: {figure.value:.4g} {figure.unit} {figure.bar}", flush=True)
                figures.append(figure)
        print(f"\n{part}")
        show(figures)
        missed += sum(figure.is_met is False for figure in figures)
        _save(part, figures)
    return 1 if missed else 0


def _chosen(
    benchmarks: list[Callable[[], Iterator[Figure]]], names: list[str]
) -> list[Callable[[], Iterator[Figure]]]:
    return [b for b in benchmarks if not names or b.__name__ in names]


def _save(part: str, figures: list[Figure]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    record = {
        "part": part,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "figures": [figure.to_json() for figure in figures],
    }
    (RESULTS / f"{part}.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
