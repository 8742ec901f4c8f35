"""Parquet: one file, a glob or a folder, scanned in place so that a column is read alone.

data:
  source: trips/*.parquet
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import polars as pl

from ordain.core.hashing import digest_bytes
from ordain.data.fingerprint import digest_files
from ordain.data.locations import find_files
from ordain.data.source import SOURCES, Source
from ordain.data.stack import stack_files
from ordain.data.table import ReadReport


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
        scan = partial(pl.scan_parquet, glob=False)
        return stack_files(paths, scan, source=self.path, kind="Parquet")
