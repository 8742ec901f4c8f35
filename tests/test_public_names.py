from __future__ import annotations

import subprocess
import sys

import pytest

import ordain

HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "lightgbm",
    "pandas",
    "pyarrow",
    "transformers",
    "duckdb",
    "plotly",
)


def test_public_names_are_sorted_and_importable() -> None:
    assert ordain.__all__ == sorted(ordain.__all__)
    assert all(getattr(ordain, name) is not None for name in ordain.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ordain.nothing  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import ordain",
        "import ordain.config; ordain.config.Config",
        "import ordain.features.number",
        "import ordain.data",
        "import ordain.models.neural.component",
        "import ordain.cli.main",
        "from ordain.models.family import FAMILIES; FAMILIES.names()",
        "from ordain.models.neural.component import ENCODERS; ENCODERS.names()",
    ],
)
def test_light_imports_load_nothing_heavy(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
