"""The work folder: where the cache and the runs live."""

from __future__ import annotations

import os
from pathlib import Path

from ordain.core.errors import StoreError
from ordain.core.files import write_text

IGNORED = """\
# Written by ordain. What says how a run was made and how good it is can be committed beside the
# code; weights, cache and reports are left out, since they are large or can be made again.
/*
!/.gitignore
!/runs/
/runs/*/*/*
!/runs/*/*/config.yaml
!/runs/*/*/written.yaml
!/runs/*/*/lock.json
!/runs/*/*/metrics.json
!/runs/*/*/status.json
!/runs/*/*/bundle/
/runs/*/*/bundle/*
!/runs/*/*/bundle/README.md
"""


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


def prepare_home(folder: Path) -> None:
    """Make the work folder with its `.gitignore`, which is written once and never changed.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = folder / ".gitignore"
    if not path.exists():
        write_text(path, IGNORED)
