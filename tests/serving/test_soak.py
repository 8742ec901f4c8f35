"""The soak of the benchmarks in its short form: the same bars, for seconds in place of minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["holding_out", "swaps"])
def test_a_server_holds_out(tmp_path: Path, name: str) -> None:
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "ORDAIN_BENCH_MINUTES": "0.15",
        "ORDAIN_BENCH_SWAPS": "4",
        "ORDAIN_BENCH_RESULTS": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=300,
    )  # fmt: skip
    figures = json.loads((tmp_path / "soak.json").read_text())["figures"]
    missed = [one["name"] for one in figures if one["is_met"] is False]
    assert missed == [], done.stdout
    assert done.returncode == 0, done.stderr
