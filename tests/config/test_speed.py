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
    """What the script and the yardstick cost, by turns."""
    # As after the first start: modules compiled, whatever the environment of the tests says.
    kept = {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    env = {**os.environ, **kept, "PYTHONDONTWRITEBYTECODE": ""}

    def run(script):
        command = [sys.executable, "-c", script]
        return json.loads(subprocess.run(command, check=True, capture_output=True, env=env).stdout)

    return [(run(SCRIPT), run(YARDSTICK)) for _ in range(4)]


@pytest.fixture(scope="module")
def outcome(outcomes):
    return outcomes[0][0]


def test_checking_loads_no_heavy_library(outcome):
    loaded = {name.partition(".")[0] for name in outcome["modules"]}
    assert outcome["codes"] == ["E201"]
    assert not loaded & set(HEAVY)


def test_importing_and_checking_twenty_features_is_fast(outcomes):
    # Seconds of the processor, against those of its libraries alone: machines differ.
    assert min(own["seconds"] / libraries["seconds"] for own, libraries in outcomes) < 2.4
