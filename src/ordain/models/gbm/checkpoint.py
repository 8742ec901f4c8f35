"""What a killed run need not grow again: the booster of an output that was finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ordain.core.files import read_json, write_json
from ordain.core.hashing import digest_json
from ordain.models.gbm.training import Grown


class Checkpoint:
    """A file that holds one finished booster.

    Args:
        path: of the file.
        key: what the booster follows from; a file with another key is not read.
    """

    def __init__(self, path: Path, key: list[Any]) -> None:
        self._path = path
        self._digest = digest_json(key)

    def load(self) -> Grown | None:
        """Return the booster, or None if there is none for this key."""
        if not self._path.exists():
            return None
        stored = read_json(self._path)
        if stored["key"] != self._digest:
            return None
        return Grown(stored["text"], stored["n_rounds"], stored["stop_reason"], stored["history"])

    def save(self, grown: Grown) -> None:
        """Keep a booster that the same config and data always lead to; another is not kept."""
        if grown.is_final:
            write_json(
                self._path,
                {"key": self._digest, "n_rounds": grown.n_rounds, "text": grown.text,
                 "stop_reason": grown.stop_reason, "history": grown.history},
            )  # fmt: skip
