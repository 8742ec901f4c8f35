"""The contract of a source: where rows come from."""

from __future__ import annotations

from abc import abstractmethod

import polars as pl

from ordain.core.component import Component, Registry
from ordain.data.table import ReadReport


class Source(Component):
    """Where rows come from; reading happens at `scan`, never at construction."""

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


SOURCES: Registry[Source] = Registry("source", Source, package="ordain.data.sources")
