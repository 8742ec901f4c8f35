"""Digests that name artefacts: equal content, equal name, on every machine."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

DIGEST_BYTES = 16
_BLOCK = 1 << 22


def digest_bytes(*parts: bytes | memoryview) -> str:
    """Return the hex digest (BLAKE2b, 128 bits) of byte strings; their borders count."""
    return digest_stream(parts)


def digest_stream(parts: Iterable[bytes | memoryview]) -> str:
    """Return what `digest_bytes` does, of byte strings of which one is in memory at a time."""
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def checksum_file(path: Path) -> str:
    """Return the CRC-32 of a file's bytes: it finds what a disk or a power cut did."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return f"{value:08x}"


def digest_json(value: Any) -> str:
    """Return the hex digest of plain data or a pydantic model; the order of keys does not count."""
    return digest_bytes(canonical_json(value).encode())


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal data, equal text.

    Raises:
        TypeError: the value is not plain data.
        ValueError: a number is NaN or infinite.
    """
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return value
