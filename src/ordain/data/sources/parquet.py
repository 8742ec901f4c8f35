"""Parquet: one file, a glob or a folder, scanned in place so that a column is read alone.

data:
  source: trips/*.parquet
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
class ParquetSource(Source):
    """Parquet files."""

    type: Literal["parquet"] = "parquet"
    """Parquet."""
    path: str
    """File, glob or folder; relative to the folder of the config."""

    @property
    def is_columnar(self) -> bool:
        """Single columns are read from the file."""
        return True

    def fingerprint(self) -> str:
        """Return the digest of the files' bytes."""
        files = digest_files(find_files(self.path, root=self._root))
        return digest_bytes(b"parquet", files.encode())

    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return a lazy scan of all files, in order of their names."""
        paths = find_files(self.path, root=self._root)
        frames = {path.name: pl.scan_parquet(path, glob=False) for path in paths}
        try:
            stacked = stack_frames(frames)
            n_rows = int(stacked.frame.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"'{self.path}' is not valid Parquet: {error}{DAMAGED}") from error
        if not n_rows:
            raise DataError(f"'{self.path}' has no rows")
        report = ReadReport(
            source=self.path,
            format="parquet",
            details={"files": len(paths)},
            n_rows=n_rows,
            problems=stacked.problems,
        )
        return stacked.frame, report
