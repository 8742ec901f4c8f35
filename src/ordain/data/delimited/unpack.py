"""Compressed text, unpacked block by block, with an eye on the length of its lines."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ordain.core.errors import DataError, MissingExtraError
from ordain.data.delimited.lines import line_too_long

_BLOCK_BYTES = 1 << 22


def read_packed(path: Path, compression: str, *, max_line_bytes: int) -> bytes:
    """Return the unpacked bytes of a ``gz`` or ``zst`` file; see `unpack`."""
    return b"".join(unpack(path, compression, max_line_bytes=max_line_bytes))


def unpack(path: Path, compression: str, *, max_line_bytes: int) -> Iterator[bytes]:
    """Return the unpacked bytes of a ``gz`` or ``zst`` file, block by block.

    Raises:
        DataError: the file is damaged, or a line is longer than allowed (found before more than
            that is unpacked).
        MissingExtraError: zstandard is not installed.
    """
    length, line = 0, 1
    with path.open("rb") as raw:
        file: Any = gzip.GzipFile(fileobj=raw) if compression == "gz" else _zstd(raw)
        while block := _read(file, path):
            end = block.rfind(b"\n")
            length = length + len(block) if end < 0 else len(block) - end - 1
            line += block.count(b"\n")
            if length > max_line_bytes:
                raise line_too_long(path.name, line=line, limit=max_line_bytes)
            yield block


def _read(file: Any, path: Path) -> bytes:
    try:
        return bytes(file.read(_BLOCK_BYTES))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"'{path.name}' is damaged and cannot be unpacked: {error}") from error


def _zstd(raw: IO[bytes]) -> Any:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtraError.for_package(
            "zstandard", extra="zstd", purpose="reading a `.zst` file"
        ) from error
    return zstandard.ZstdDecompressor().stream_reader(raw)
