"""How much memory: the peak of a whole process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Figure, at_most
from benchmarks.measure import ordain as command

N_ROWS = int(os.environ.get("ORDAIN_BENCH_ROWS", "20000000"))


def parquet_training() -> Iterator[Figure]:
    """Training `gbm` on a Parquet file of 20 million rows and 10 columns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.parquet"
        _write(path)
        config = Path(folder) / "c.yaml"
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
        arguments = command("train", str(config), "--json", "--home", f"{folder}/home")
        peak, seconds = _peak(arguments)
        yield at_most(
            f"peak memory, {N_ROWS:,} rows x 10 columns",
            peak / 1e9,
            2.5,
            "GB",
            detail=f"{seconds:.0f} s",
        )


def _write(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    writer = None
    for start in range(0, N_ROWS, 1_000_000):
        n = min(1_000_000, N_ROWS - start)
        columns = {f"x{i}": random.normal(size=n) for i in range(7)}
        columns |= {f"c{i}": random.integers(0, 20, n).astype(str) for i in range(2)}
        columns["y"] = (columns["x0"] + random.normal(size=n) > 0).astype(np.int8)
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

ALL = [parquet_training]
