"""The contract of a source: where rows come from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import PrivateAttr

from ordain.core.component import Component, Registry
from ordain.data.locations import compression_of
from ordain.data.spill import BLOCK_BYTES, PACKED_FACTOR, STREAMED_BYTES, Spill
from ordain.data.table import ReadReport


class Source(Component):
    """Where rows come from; reading happens at `scan`, never at construction.

    The caller asks for `fingerprint` first, to see whether it has the rows already, then for
    `scan`, at most once each; a source whose fingerprint needs the rows may keep them.
    """

    _root: Path = PrivateAttr(default_factory=Path)
    _scratch: Path | None = PrivateAttr(default=None)
    _streamed_bytes: int = PrivateAttr(default=STREAMED_BYTES)
    _block_bytes: int = PrivateAttr(default=BLOCK_BYTES)
    _spill: Spill | None = PrivateAttr(default=None)

    def within(self, root: Path) -> Self:
        """Return the same source whose relative paths start at a folder."""
        copy = self.model_copy()
        copy._root = root  # noqa: SLF001
        return copy

    @abstractmethod
    def fingerprint(self) -> str:
        """Return the digest of the content, and of the options that change how it is parsed.

        Cheap compared with parsing; never the time stamp, the name or the place of a file.

        Raises:
            DataError: the source cannot be reached; says what was tried and how to mend it.
        """

    @abstractmethod
    def scan(self) -> tuple[pl.LazyFrame, ReadReport]:
        """Return the rows, lazily where the format allows it, and what reading found.

        Raises:
            DataError: unreadable, empty, header only ...; says where and how to mend it.
        """

    def spill_into(
        self, folder: Path, *, from_bytes: int | None = None, block_bytes: int | None = None
    ) -> None:
        """Say where rows go that are too many for memory, while they are read.

        Args:
            folder: made where it is not; by default the folder for temporary files of the system,
                which may be small, or in memory.
            from_bytes: size of the text from which on it is read block by block; as it was where
                None, `STREAMED_BYTES` at first.
            block_bytes: size of a block; as it was where None, `BLOCK_BYTES` at first.
        """
        self._scratch = folder
        self._streamed_bytes = self._streamed_bytes if from_bytes is None else from_bytes
        self._block_bytes = self._block_bytes if block_bytes is None else block_bytes

    @property
    def is_spilled(self) -> bool:
        """Whether rows were too many for memory and were put aside."""
        return self._spill is not None

    def clear(self) -> None:
        """Delete what was put aside, at once; the rows of `scan` can be read no longer if any were.

        Without it that goes when the source and all frames that read from it are out of use.
        """
        if self._spill is not None:
            self._spill.clear()
            self._spill = None

    def _spill_for(self, paths: Sequence[Path]) -> Spill | None:
        """Return where the rows of files go if they are too many for memory, else None."""
        size = sum(
            path.stat().st_size * (PACKED_FACTOR if compression_of(path) else 1) for path in paths
        )
        return self._new_spill() if size >= self._streamed_bytes else None

    def _new_spill(self) -> Spill:
        self.clear()
        self._spill = Spill(self._scratch, block_bytes=self._block_bytes)
        return self._spill

    @property
    def is_columnar(self) -> bool:
        """Whether single columns can be read cheaply, so that no copy need be kept."""
        return False


SOURCES: Registry[Source] = Registry(
    "source",
    Source,
    package="ordain.data.sources",
)
