r"""Append-only files that a killed process leaves readable: frames of JSON lines with a checksum.

    ordain1 <bytes, 10 digits> <CRC-32, 8 hex digits>\n
    {"prediction_id": ...}\n
    ...

A frame counts when it is whole and its checksum is right. What a killed process was about to write
is cut off at the end of the file and was never told to be flushed. The one who writes holds a lock
on the file, which the kernel frees when the process ends, however it ends; a file without it is
left over, and anybody may finish it.
"""

from __future__ import annotations

import fcntl
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ordain.core.files import store_errors

SUFFIX = ".log"
_HEAD = re.compile(rb"ordain1 (\d{10}) ([0-9a-f]{8})\n")
_HEAD_BYTES = 28


class Segment:
    """A file that is being written; made new, with its lock held.

    Args:
        path: of the file; must not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.n_rows = self.n_bytes = 0
        with store_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._handle = os.open(path, flags, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def append(self, payload: bytes, n_rows: int) -> None:
        """Write a frame; it is in the hands of the system, and on the disk after `sync`.

        Raises:
            StoreError: the disk is full; what was written of the frame counts as torn.
        """
        frame = memoryview(_head(payload) + payload)
        with store_errors(self.path):
            while frame:
                frame = frame[os.write(self._handle, frame) :]
        self.n_rows += n_rows
        self.n_bytes += len(payload) + _HEAD_BYTES

    def sync(self) -> None:
        """Have everything written on the disk."""
        with store_errors(self.path):
            os.fdatasync(self._handle)

    def close(self) -> None:
        """End writing and free the lock."""
        os.close(self._handle)


@dataclass(frozen=True)
class Contents:
    """What stands in a segment.

    Attributes:
        payload: the JSON lines of every whole frame.
        n_torn_bytes: at the end, of a frame that was never whole; 0 mostly.
    """

    payload: bytes
    n_torn_bytes: int


def read_segment(path: Path) -> Contents:
    """Return what stands in a segment, also while it is being written.

    Raises:
        StoreError: the file cannot be read.
    """
    with store_errors(path):
        data = path.read_bytes()
    payloads, end = [], 0
    for start, stop in _frames(data):
        payloads.append(data[start:stop])
        end = stop
    return Contents(b"".join(payloads), len(data) - end)


def is_abandoned(path: Path) -> bool:
    """Return whether nobody writes to a segment any more."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _head(payload: bytes) -> bytes:
    return b"ordain1 %010d %08x\n" % (len(payload), zlib.crc32(payload))


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end of every whole payload, up to the first that is not."""
    at = 0
    while (head := _HEAD.match(data, at)) is not None:
        start, stop = head.end(), head.end() + int(head[1])
        if stop > len(data) or zlib.crc32(data[start:stop]) != int(head[2], 16):
            return
        yield start, stop
        at = stop
