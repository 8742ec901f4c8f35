"""Rows on their way from a source too large for memory: Arrow files in a folder that is cleared.

A source reads such rows block by block and puts each block here; what is read afterwards, by
column or by row, comes from these files.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ordain.core.files import TEMPORARY_PREFIX, store_errors

STREAMED_BYTES = 1 << 28
"""Size of a source from which on it is read block by block: 256 MiB of text, all files summed.

Below it reading at once is faster, and takes some three times as much memory."""
PACKED_FACTOR = 8
"""How much larger packed text is, about, when it is unpacked."""
BLOCK_BYTES = 1 << 26
"""Size of a block of text."""


class Spill:
    """A folder of blocks that lives until `clear`, or until the process ends.

    Args:
        parent: where the folder is made; the folder for temporary files of the system where None.
        block_bytes: how much is read at once.
    """

    def __init__(self, parent: Path | None = None, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.block_bytes = block_bytes
        with store_errors(parent or Path(tempfile.gettempdir())):
            if parent is not None:
                parent.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}rows-", dir=parent))
        self._n_files = 0
        atexit.register(self.clear)

    def new_file(self, suffix: str) -> Path:
        """Return a path inside that no other file has."""
        self._n_files += 1
        return self.folder / f"{self._n_files:06}{suffix}"

    def keep(self, frame: pl.DataFrame) -> Path:
        """Write a block of rows.

        Raises:
            StoreError: the disk is full, or the folder may not be written.
        """
        path = self.new_file(".arrow")
        with store_errors(path):
            frame.write_ipc(path, compression="uncompressed")
        return path

    def clear(self) -> None:
        """Delete the folder; frames that read from it can be used no longer."""
        atexit.unregister(self.clear)
        shutil.rmtree(self.folder, ignore_errors=True)


def scan_blocks(paths: Sequence[Path]) -> pl.LazyFrame:
    """Return the rows of blocks of one schema, lazily, in the order given."""
    return pl.scan_ipc(list(paths), glob=False)
