"""A library named everywhere is loaded only where it is used."""

import subprocess
import sys
from pathlib import Path

CONFIG = "input_features: {a: number, b: category}\noutput_features: {y: binary}\n"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_checking_a_config_without_data_loads_no_polars(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONFIG)
    said = run(
        "import contextlib, sys\n"
        "from ordain.cli.main import main\n"
        f"with contextlib.suppress(SystemExit): main(['check', {str(tmp_path / 'c.yaml')!r}])\n"
        "print('polars.dataframe' in sys.modules)"
    )
    assert said.splitlines() == [f"{tmp_path / 'c.yaml'}: no errors", "False"]


def test_deferred_module_acts_as_the_module_once_used() -> None:
    said = run(
        "from ordain.cli.deferred import defer\n"
        "defer('polars')\n"
        "import polars as early\n"
        "print(early.Series([1, 2]).sum())\n"
        "import polars as late\n"
        "print(early.Series is late.Series)"
    )
    assert said.split() == ["3", "True"]


def test_deferring_a_loaded_module_leaves_it() -> None:
    said = run(
        "import polars\nfrom ordain.cli.deferred import defer\ndefer('polars')\n"
        "import polars as again\nprint(again is polars)"
    )
    assert said.strip() == "True"
