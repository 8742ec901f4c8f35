"""The work folder: where the cache and the runs live."""

from __future__ import annotations

import os
from pathlib import Path

from ordain.core.errors import StoreError


def home(path: Path | str | None = None) -> Path:
    """Return the work folder: the argument, else `ORDAIN_HOME`, else `.ordain` in this folder.

    Raises:
        StoreError: something that is not a folder stands there.
    """
    folder = Path(path or os.environ.get("ORDAIN_HOME") or ".ordain")
    if folder.exists() and not folder.is_dir():
        raise StoreError(
            f"{folder} is not a folder\n  Fix: set ORDAIN_HOME to a folder that can be written"
        )
    return folder
