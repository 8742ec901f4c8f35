"""What importing and checking cost in a new process."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

HEAVY = ("torch", "sklearn", "scipy", "lightgbm", "duckdb", "pandas", "pyarrow", "transformers")
SCRIPT = """
import sys, time
started = time.process_time()
from ordain.config import Config, bind, check
types = ["number", "category", "binary", "text", "date"] * 4
text = "input_features:\\n" + "".join(
    f"  - {{name: c{i}, type: {t}}}\\n" for i, t in enumerate(types)
) + "output_features: {y: binary}\\ntrainer: {epoch: 3}\\n"
faults = check(text)
seconds = time.process_time() - started
import json
codes = [f.code for f in faults]
print(json.dumps({"seconds": seconds, "codes": codes, "modules": sorted(sys.modules)}))
"""
YARDSTICK = """
import sys, time
started = time.process_time()
import json, polars, pydantic, numpy, yaml
print(json.dumps({"seconds": time.process_time() - started}))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What the script and the yardstick cost at best, by turns."""
    # As after the first start: modules compiled, whatever the environment of the tests says.
    kept = {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    env = {**os.environ, **kept, "PYTHONDONTWRITEBYTECODE": ""}

    def run(script):
        command = [sys.executable, "-c", script]
        return json.loads(subprocess.run(command, check=True, capture_output=True, env=env).stdout)

    runs = [(run(SCRIPT), run(YARDSTICK)) for _ in range(4)]
    return [min(each, key=lambda one: one["seconds"]) for each in zip(*runs, strict=True)]


@pytest.fixture(scope="module")
def outcome(outcomes):
    return outcomes[0]


def test_checking_loads_no_heavy_library(outcome):
    loaded = {name.partition(".")[0] for name in outcome["modules"]}
    assert outcome["codes"] == ["E201"]
    assert not loaded & set(HEAVY)


def test_importing_and_checking_twenty_features_is_fast(outcomes):
    # Seconds of the processor, against those of its libraries alone: machines differ.
    own, libraries = (one["seconds"] for one in outcomes)
    assert own < 2.4 * libraries
