"""The contract of a source: where rows come from."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import PrivateAttr

from ordain.core.component import Component, Registry
from ordain.data.table import ReadReport


class Source(Component):
    """Where rows come from; reading happens at `scan`, never at construction.

    The caller asks for `fingerprint` first, to see whether it has the rows already, then for
    `scan`, at most once each; a source whose fingerprint needs the rows may keep them.
    """

    _root: Path = PrivateAttr(default_factory=Path)

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

    @property
    def is_columnar(self) -> bool:
        """Whether single columns can be read cheaply, so that no copy need be kept."""
        return False


SOURCES: Registry[Source] = Registry(
    "source",
    Source,
    package="ordain.data.sources",
)
