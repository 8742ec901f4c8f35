"""Arrow IPC files, also known as Feather (version 2), scanned in place.

data:
  source: trips.arrow
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes
from ordain.data.fingerprint import digest_files
from ordain.data.locations import find_files
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_frames
from ordain.data.table import ReadReport

DAMAGED = "\n  Fix: write the file again: it is damaged, or was cut off"


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
        try:
            frames = {path.name: _open(path) for path in paths}
            stacked = stack_frames(frames)
            n_rows = int(stacked.frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"'{self.path}' is not valid Arrow IPC: {error}{DAMAGED}") from error
        if not n_rows:
            raise DataError(f"'{self.path}' has no rows")
        report = ReadReport(
            source=self.path,
            format="arrow",
            details={"files": len(paths)},
            n_rows=n_rows,
            problems=stacked.problems,
        )
        return stacked.frame, report


def _open(path: object) -> pl.LazyFrame:
    with open(str(path), "rb") as file:  # noqa: PTH123
        is_file = file.read(6) == b"ARROW1"
    if is_file:
        return pl.scan_ipc(str(path), glob=False)
    return pl.read_ipc_stream(str(path)).lazy()
