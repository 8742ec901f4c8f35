"""Rows on their way from a source too large for memory: Arrow files in a folder that is cleared.

A source reads such rows block by block and puts each block here; what is read afterwards, by
column or by row, comes from these files.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
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
_ROWS_A_SLICE = 1 << 16
"""Rows that are handed on at once: what streams them holds several such."""


class Spill:
    """A folder of blocks that lives until `clear`, until nothing holds it, or the process ends.

    Args:
        parent: where the folder is made; the folder for temporary files of the system where None.
        block_bytes: how much is read at once.
    """

    def __init__(self, parent: Path | None = None, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.block_bytes = block_bytes
        self.folder = new_folder(parent, "rows")
        self._n_files = 0
        self._clear = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

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
        self._clear()

    def scan(self, paths: Sequence[Path]) -> pl.LazyFrame:
        """Return the rows of blocks of one schema, lazily, block by block in the order given."""
        from polars.io.plugins import register_io_source

        def read(
            with_columns: list[str] | None,
            predicate: pl.Expr | None,
            n_wanted: int | None,
            batch_size: int | None,  # noqa: ARG001 - a block is a batch
        ) -> Iterator[pl.DataFrame]:
            assert self.folder.is_dir(), "frames refer to this function, and so to the folder"
            for path in paths:
                rows = pl.scan_ipc(path, glob=False)
                rows = rows if with_columns is None else rows.select(with_columns)
                block = (rows if n_wanted is None else rows.head(n_wanted)).collect()
                n_wanted = None if n_wanted is None else n_wanted - block.height
                block = block if predicate is None else block.filter(predicate)
                yield from block.iter_slices(_ROWS_A_SLICE)
                if n_wanted == 0:
                    return

        schema = pl.scan_ipc(paths[0], glob=False).collect_schema()
        return register_io_source(read, schema=schema, is_pure=True)

    def keep_to_the_end(self) -> None:
        """Have the folder live until `clear` or the end of the process, whoever holds it."""
        atexit.register(self.clear)


def new_folder(parent: Path | None, purpose: str) -> Path:
    """Return a folder that no other process has; in the system's temporary one where None.

    Raises:
        StoreError: the parent may not be written.
    """
    with store_errors(parent or Path(tempfile.gettempdir())):
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{purpose}-", dir=parent))


@contextlib.contextmanager
def scratch_folder(parent: Path | None) -> Iterator[Path]:
    """Give a folder that is deleted when the block ends; see `new_folder`."""
    folder = new_folder(parent, "work")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
