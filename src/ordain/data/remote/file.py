"""The contract of a remote file, and the tail of a Parquet file that says what is in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes
from ordain.data.locations import redact

TAIL_BYTES = 1 << 16
_MAGIC = b"PAR1"
_END_BYTES = 8


@dataclass(frozen=True)
class Tail:
    """The last bytes of a remote file, and what its server says of it.

    Attributes:
        size: of the whole file, in bytes.
        version: what the server changes when the content changes: a version id or an entity tag;
            empty where it gives none.
        data: the last bytes, at most 64 KiB.
    """

    size: int
    version: str
    data: bytes


class RemoteFile(ABC):
    """One file behind a url; each method makes requests of its own.

    All raise `DataError` with what to mend: a host that cannot be reached, a missing file, missing
    rights, a body that was cut off. Faults of the server itself are retried for a bounded time.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @abstractmethod
    def tail(self) -> Tail | None:
        """Return the end of the file; None where the server does not give out ranges of bytes."""

    @abstractmethod
    def read(self, start: int, length: int) -> bytes:
        """Return a range of the file's bytes."""

    @abstractmethod
    def fetch(self, path: Path) -> None:
        """Write the whole file to disk, block by block."""


def parquet_fingerprint(file: RemoteFile, tail: Tail) -> str:
    """Return a digest of a Parquet file by version, size and footer, its rows unread.

    The footer has the place, the size and mostly the least and greatest value of every column
    chunk; the version tells contents apart whose footers are equal.

    Raises:
        DataError: the file does not end as Parquet does.
    """
    length = int.from_bytes(tail.data[-_END_BYTES:-4], "little")
    if tail.data[-4:] != _MAGIC or length + _END_BYTES + 4 > tail.size:
        raise DataError(
            f"{redact(file.url)} is not valid Parquet: it does not end in 'PAR1'\n"
            "  Fix: write the file again: it is damaged, was cut off, or is of another `format`"
        )
    start = tail.size - _END_BYTES - length
    held = tail.data[-_END_BYTES - length : -_END_BYTES]
    footer = held if len(held) == length else file.read(start, length)
    return digest_bytes(
        b"parquet-remote", tail.version.encode(), tail.size.to_bytes(8, "little"), footer
    )
