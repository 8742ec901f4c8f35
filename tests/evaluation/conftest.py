"""The modules beside these tests may be imported by name."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def summary():
    """A run with one output of each type, whose names and labels try to break out."""
    from judged_runs import summary_of

    return summary_of()


@pytest.fixture(scope="session")
def full():
    """The same run with findings of every kind."""
    from judged_findings import full_summary

    return full_summary()
