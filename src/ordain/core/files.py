"""Files that are either whole or not there.

Every write goes to a temporary sibling, is flushed to the disk, then renamed. A process killed
at any moment leaves the old state or the new one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ordain.core.errors import StoreError

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file for writing that appears under its name only when the block ends well.

    Raises:
        StoreError: the disk is full, read-only, or the folder may not be written.
    """
    with _store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically; see `atomic_file`."""
    with atomic_file(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any, *, indent: int | None = 2) -> None:
    """Write plain data as JSON atomically, keys in the order given; see `atomic_file`."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the data of a JSON file.

    Raises:
        StoreError: the file is missing or is not JSON.
    """
    with _store_errors(path):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreError(f"{path} is not valid JSON: {error}") from error


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder that takes its final name when the block ends well.

    Where another process made the same folder meanwhile, its work stays and ours is dropped:
    use it only for content that is the same whoever makes it.

    Raises:
        StoreError: the disk is full, read-only, or the folder may not be written.
    """
    with _store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _sync_file(file)
            try:
                temporary.rename(path)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                shutil.rmtree(temporary, ignore_errors=True)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _sync_folder(path.parent)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes while the block runs; waits for it.

    The lock file stays; the kernel frees the lock when the holder ends, however it ends.
    """
    with _store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is None:
            raise
        reason = os.strerror(error.errno) if error.errno else str(error)
        remedy = {
            errno.ENOSPC: "free some space, or move the work folder with ORDAIN_HOME",
            errno.EROFS: "the disk is read-only: set ORDAIN_HOME to a folder that can be written",
            errno.EACCES: "set ORDAIN_HOME to a folder that can be written",
            errno.EPERM: "set ORDAIN_HOME to a folder that can be written",
        }.get(error.errno or 0)
        place = error.filename or path
        raise StoreError(f"{place}: {reason}" + (f"\n  Fix: {remedy}" if remedy else "")) from error


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
