"""Digests of content: of files, block by block on several threads, and of frames in memory.

Equal bytes or equal values give equal digests on every machine and for every version of the
libraries; names and time stamps of files never count.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from ordain.core.errors import DataError
from ordain.core.hashing import digest_bytes, digest_stream

_BLOCK_BYTES = 1 << 23
_BUFFER_BYTES = 1 << 18
_BLOCK_ROWS = 1 << 20
_PART_ROWS = 1 << 15


def digest_files(paths: Sequence[Path]) -> str:
    """Return the digest of the bytes of some files, in the order given.

    Files are hashed in blocks of 8 MiB, side by side, by SHA-256, for which processors have
    instructions: a hash of one stream by another function would take as long as parsing does.

    Raises:
        DataError: a file cannot be read.
    """
    sizes = [_size(path) for path in paths]
    blocks = [
        (path, offset)
        for path, size in zip(paths, sizes, strict=True)
        for offset in range(0, max(size, 1), _BLOCK_BYTES)
    ]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        digests = iter(pool.map(_digest_block, blocks))
    parts = []
    for size in sizes:
        n_blocks = len(range(0, max(size, 1), _BLOCK_BYTES))
        parts.append(digest_bytes(size.to_bytes(8, "little"), *islice(digests, n_blocks)))
    return digest_bytes(*(part.encode() for part in parts))


def digest_frame(frame: pl.DataFrame) -> str:
    """Return the digest of a frame: names, types, values and the order of rows and columns.

    Categorical columns count as text, so that the order in which categories were met does not.
    """
    parts = [frame.height.to_bytes(8, "little")]
    for column in frame.iter_columns():
        parts.append(f"{column.name}\x1f{_type_name(column.dtype)}".encode())
        blocks = (
            column.slice(at, _BLOCK_ROWS) for at in range(0, max(len(column), 1), _BLOCK_ROWS)
        )
        parts.append(digest_stream(_column_bytes(blocks)).encode())
    return digest_bytes(*parts)


def digest_parts(frames: Sequence[pl.LazyFrame]) -> str:
    """Return the digest of frames of one schema as one, whatever rows each of them has.

    Not that of `digest_frame`: a column of one frame is in memory at a time.
    """
    schema = frames[0].collect_schema()
    parts = []
    for i, (name, dtype) in enumerate(schema.items()):
        columns = (frame.select(pl.nth(i)).collect().to_series() for frame in frames)
        parts.append(f"{name}\x1f{_type_name(dtype)}".encode())
        parts.append(digest_stream(_column_bytes(_evenly(columns))).encode())
    return digest_bytes(*parts)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}") from error


def _digest_block(block: tuple[Path, int]) -> bytes:
    path, offset = block
    state = hashlib.sha256(usedforsecurity=False)
    # One small buffer that is filled again stays in the processor's cache.
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            left = _BLOCK_BYTES
            while left and (n_read := file.readinto(buffer[:left])):
                state.update(buffer[:n_read])
                left -= n_read
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}") from error
    return state.digest()


def _type_name(dtype: pl.DataType) -> str:
    return "String" if dtype.base_type() in (pl.Categorical, pl.Enum) else str(dtype)


def _evenly(columns: Iterable[pl.Series]) -> Iterator[pl.Series]:
    """Yield the same values in blocks of a size that does not depend on where they were cut."""
    held: list[pl.Series] = []
    n_held = 0
    for column in columns:
        start = 0
        while n_held + len(column) - start >= _PART_ROWS:
            taken = column.slice(start, _PART_ROWS - n_held)
            start += len(taken)
            yield pl.concat([*held, taken])
            held, n_held = [], 0
        held.append(column.slice(start))
        n_held += len(column) - start
    yield pl.concat(held)


def _column_bytes(blocks: Iterable[pl.Series]) -> Iterable[bytes]:
    for block in blocks:
        yield np.packbits(block.is_null().to_numpy()).tobytes()
        yield from _value_bytes(block)


def _value_bytes(block: pl.Series) -> Iterable[bytes]:
    base = block.dtype.base_type()
    if base in (pl.Categorical, pl.Enum):
        block = block.cast(pl.String)
    if block.dtype == pl.String:
        yield block.str.len_bytes().fill_null(0).to_numpy().tobytes()
        yield block.str.join("").item().encode()
    elif block.dtype == pl.Binary:
        yield block.bin.size().fill_null(0).to_numpy().tobytes()
        yield b"".join(block.drop_nulls().to_list())
    elif base == pl.Boolean:
        yield np.packbits(block.fill_null(value=False).to_numpy()).tobytes()
    elif block.dtype.is_numeric() and base not in (pl.Decimal, pl.Int128, pl.UInt128):
        yield block.fill_null(0).to_numpy().tobytes()
    elif block.dtype.is_temporal():
        yield block.to_physical().fill_null(0).to_numpy().tobytes()
    elif block.dtype.is_nested():
        yield "\x1e".join(map(repr, block.to_list())).encode()
    else:
        text = block.cast(pl.String).cast(pl.Binary)
        yield text.bin.size().fill_null(0).to_numpy().tobytes()
        yield b"".join(text.drop_nulls().to_list())
