from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_work_folder(work_folder: Path) -> Path:
    return work_folder
