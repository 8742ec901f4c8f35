"""Finishing files in a process of its own, so that a server's memory and clock do not feel it.

A segment of an hour is made into columns in one go, which takes several times its size. What is
small is done at once; for the rest there is one child at a time, of low priority.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ordain.core.errors import StoreError

SMALL_BYTES = 1 << 20
"""Files of this size together are finished at once."""
_NICE = 10
_LONGEST_SECONDS = 600.0


class Apart:
    """Does a piece of work for some paths here or, where they are large, in a child.

    Args:
        module: whose `main` does the work for the paths it is called with.
        work: the same for one path, here.
    """

    def __init__(self, module: str, work: Callable[[Path], object]) -> None:
        self._module, self._work = module, work
        self._child: subprocess.Popen[str] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a child is at work."""
        return self._child is not None

    def do(self, paths: Sequence[Path]) -> None:
        """Do the work, or begin it; call it only while nothing is being worked on.

        Raises:
            OrdainError: it could not be done.
        """
        assert self._child is None, "the caller has looked"
        if sum(_size(path) for path in paths) < SMALL_BYTES:
            for path in paths:
                self._work(path)
            return
        self._child = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-m", self._module, *map(str, paths)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "POLARS_MAX_THREADS": "1"},
            start_new_session=True,  # what ends the server must not end it half-way
        )

    def look(self, *, waits: bool = False) -> None:
        """Take note of a child that has ended.

        Raises:
            StoreError: it could not do its work.
        """
        child = self._child
        if child is None or (not waits and child.poll() is None):
            return
        try:
            _, said = child.communicate(timeout=_LONGEST_SECONDS)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.communicate()
            self._child = None
            raise StoreError("files of the log took too long to finish") from error
        self._child = None
        if child.returncode != 0:
            told = said.strip().rpartition("\n")[2] or f"code {child.returncode}"
            raise StoreError(f"files of the log could not be finished: {told}")


def be_unobtrusive() -> None:
    """Leave the processor to others where they want it; for the main program of a child."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICE)


def _size(path: Path) -> int:
    """Return the size of a file, or of those right in a folder; of what is gone, 0."""
    files = list(path.iterdir()) if path.is_dir() else [path]
    total = 0
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
