from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The modules beside these tests may be imported by name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def own_work_folder(work_folder: Path) -> Path:
    return work_folder
