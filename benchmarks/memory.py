"""How much memory: the peak of a whole process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Figure, at_most
from benchmarks.measure import ordain as command

N_ROWS = int(os.environ.get("ORDAIN_BENCH_ROWS", "20000000"))
N_CSV_ROWS = N_ROWS // 4


def parquet_training() -> Iterator[Figure]:
    """Training `gbm` on a Parquet file of 20 million rows and 10 columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        _write(path)
        peak, seconds = _train(path)
        yield at_most(
            f"peak memory, {N_ROWS:,} rows x 10 columns",
            peak / 1e9,
            2.5,
            "GB",
            detail=f"{seconds:.0f} s",
        )


def csv_training() -> Iterator[Figure]:
    """Reading, and training `gbm` on, a CSV of 10 columns that is not parsed in one piece."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        with path.open("wb") as file:
            for start, columns in enumerate(_blocks(N_CSV_ROWS)):
                pl.DataFrame(columns).write_csv(file, include_header=not start)
        size = path.stat().st_size
        works = {"read": _read, "train gbm on": _train}
        for name, limit in (("read", 0.6), ("train gbm on", 1.0)):
            peak, seconds = works[name](path)
            yield at_most(
                f"peak memory to {name} a CSV of {N_CSV_ROWS:,} x 10, of the file's size",
                peak / size,
                limit,
                "x",
                detail=f"{peak / 1e9:.2f} of {size / 1e9:.2f} GB, {seconds:.0f} s",
            )


def _read(path: Path) -> tuple[float, float]:
    script = (
        "import sys; from pathlib import Path; from ordain.data import open_source, read_table; "
        "read_table(open_source(sys.argv[1]), cache_folder=Path(sys.argv[1] + '.kept'))"
    )
    try:
        return _peak([sys.executable, "-c", script, str(path)])
    finally:
        shutil.rmtree(f"{path}.kept", ignore_errors=True)


def _train(path: Path) -> tuple[float, float]:
    folder = path.parent
    config = folder / "c.yaml"
    inputs = {f"x{i}": "number" for i in range(7)} | {f"c{i}": "category" for i in range(2)}
    config.write_text(
        json.dumps(
            {
                "input_features": inputs,
                "output_features": {"y": "binary"},
                "model_type": "gbm",
                "trainer": {"num_boost_round": 10},
                "data": {"source": str(path)},
                "evaluation": {"baselines": False},
            }
        )
    )
    return _peak(command("train", str(config), "--json", "--home", f"{folder}/home"))


def _blocks(n_rows: int) -> Iterator[dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    for start in range(0, n_rows, 1_000_000):
        n = min(1_000_000, n_rows - start)
        columns: dict[str, np.ndarray] = {f"x{i}": random.normal(size=n) for i in range(7)}
        columns |= {f"c{i}": random.integers(0, 20, n).astype(str) for i in range(2)}
        columns["y"] = (columns["x0"] + random.normal(size=n) > 0).astype(np.int8)
        yield columns


def _write(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for columns in _blocks(N_ROWS):
        block = pl.DataFrame(columns).to_arrow()
        writer = writer or pq.ParquetWriter(path, block.schema)
        writer.write_table(pa.Table.from_batches(block.to_batches(), block.schema))
    if writer is not None:
        writer.close()


def _peak(arguments: list[str]) -> tuple[float, float]:
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", _WATCH, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    peak, seconds = done.stdout.split()[-2:]
    return float(peak), float(seconds)


_WATCH = """
import resource, subprocess, sys, time
started = time.time()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss * 1024, time.time() - started)
sys.exit(code)
"""

ALL = [parquet_training, csv_training]
