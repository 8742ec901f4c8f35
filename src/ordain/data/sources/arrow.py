"""Arrow IPC files, also known as Feather (version 2), scanned in place.

data:
  source: trips.arrow
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from ordain.core.hashing import digest_bytes
from ordain.data.fingerprint import digest_files
from ordain.data.locations import find_files
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_files
from ordain.data.table import ReadReport


@SOURCES.register
class ArrowSource(Source):
    """Arrow IPC (Feather) files."""

    type: Literal["arrow"] = "arrow"
    """Arrow IPC, file or stream."""
    aliases = ("feather", "ipc")
    path: str
    """File, glob or folder; relative to the folder of the config."""

    @property
    def is_columnar(self) -> bool:
        """Single columns are read from the file."""
        return True

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes."""
        files = digest_files(find_files(self.path, root=self._root))
        return digest_bytes(b"arrow", files.encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows, memory-mapped where a file is not compressed."""
        paths = find_files(self.path, root=self._root)
        return stack_files(paths, _open, source=self.path, kind="Arrow IPC")


def _open(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
    if is_file:
        return pl.scan_ipc(path, glob=False)
    return pl.read_ipc_stream(path).lazy()
