"""Files that are either whole or not there.

Every write goes to a temporary sibling, is flushed to the disk, then renamed. A process killed
at any moment leaves the old state or the new one.
"""

from __future__ import annotations

import contextlib
import contextvars
import errno
import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ordain.core.errors import OrdainError, StoreError

TEMPORARY_PREFIX = ".tmp-"
_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
"""How NumPy tells of a full disk."""
_UMASK = os.umask(0)
os.umask(_UMASK)
_is_flushed_later: contextvars.ContextVar[bool] = contextvars.ContextVar("later", default=False)


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file for writing that appears under its name only when the block ends well.

    Raises:
        StoreError: the disk is full, read-only, or the folder may not be written.
    """
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                Path(name).chmod(0o666 & ~_UMASK)
                if not _is_flushed_later.get():
                    os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        if not _is_flushed_later.get():
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
    with store_errors(path):
        text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise StoreError(f"{path} is not valid JSON: {error}") from error


@contextlib.contextmanager
def atomic_folder(path: Path, *, is_flushed: bool = True) -> Iterator[Path]:
    """Give a temporary folder that takes its final name when the block ends well.

    Where another process made the same folder meanwhile, its work stays and ours is dropped:
    use it only for content that is the same whoever makes it.

    Args:
        path: its final name.
        is_flushed: whether the content is on the disk before it takes its name. Without it a killed
            process still tears nothing, but a power cut may: for what is checked before its use.

    Raises:
        StoreError: the disk is full, read-only, or the folder may not be written.
    """
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
        token = _is_flushed_later.set(True)  # once, at the end, and not file by file
        try:
            yield temporary
            if is_flushed:
                _sync_tree(temporary)
            temporary.chmod(0o777 & ~_UMASK)
            try:
                temporary.rename(path)
            except OSError as error:
                if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                    raise
                shutil.rmtree(temporary, ignore_errors=True)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        finally:
            _is_flushed_later.reset(token)
        if is_flushed:
            _sync_folder(path.parent)


def boot_id() -> str | None:
    """Return what changes when the machine starts anew, or None where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes while the block runs; waits for it.

    The lock file stays; the kernel frees the lock when the holder ends, however it ends.
    """
    with store_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold an exclusive lock between processes while the block runs; gives whether it was free."""
    with store_errors(path), path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn a failure of the file system inside the block into a `StoreError` that says what to do.

    Libraries raise some of them under types of their own or without a number; these are known by
    their texts.
    """
    try:
        yield
    except OrdainError:
        raise
    except Exception as error:
        number = error_number(error)
        if number is None:
            raise
        raise store_error(number, getattr(error, "filename", None) or path) from error


def store_error(number: int, place: Path | str) -> StoreError:
    """Return the error of a system error number at a place, with its remedy."""
    remedy = {
        errno.ENOSPC: "free some space there, or move the work folder with ORDAIN_HOME",
        errno.EDQUOT: "free some space there, or move the work folder with ORDAIN_HOME",
        errno.EROFS: "the disk is read-only: write elsewhere, or set ORDAIN_HOME to another folder",
        errno.EACCES: "write elsewhere, or set ORDAIN_HOME to a folder that can be written",
        errno.EPERM: "write elsewhere, or set ORDAIN_HOME to a folder that can be written",
    }.get(number)
    reason = os.strerror(number)
    return StoreError(f"{_shown(place)}: {reason}" + (f"\n  Fix: {remedy}" if remedy else ""))


def error_number(error: Exception) -> int | None:
    """Return the number of a failure of the file system, or None for any other error."""
    if isinstance(error, OSError) and error.errno is not None:
        # A name that no server knows is an OSError with a negative number: of the network.
        return error.errno if error.errno > 0 else None
    if isinstance(error, OSError) and _SHORT_WRITE.search(str(error)):
        return errno.ENOSPC
    found = _RUST_ERROR.search(str(error))
    return int(found[1]) if found else None


def _shown(place: Path | str) -> Path:
    """Return a path as a person knows it: up to the first name that is only temporary."""
    path = Path(place)
    for parent in (*reversed(path.parents), path):
        if parent.name.startswith(TEMPORARY_PREFIX):
            return parent.parent
    return path


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
