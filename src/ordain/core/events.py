"""Progress as events: one stream that the terminal bar, `events.jsonl` and trackers read.

A producer calls ``events.emit("epoch", epoch=3, loss=0.41)``; listeners are plain callables. The
kinds in use:

    run_started / run_finished      name, run
    stage_started / stage_finished  stage, key, outcome ('reused' or 'computed'), seconds, reason
    progress                        task, done, total, unit
    epoch                           epoch, step, losses, metrics, seconds, learning_rate
    warning                         code, message
    note                            message
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ordain.core.files import store_errors


@dataclass(frozen=True)
class Event:
    """Something that happened; `time` is seconds since the epoch of Unix."""

    kind: str
    time: float
    data: dict[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Events:
    """Hands every event to every listener, in order, on the thread that emits it."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = list(listeners)

    def listen(self, listener: Listener) -> None:
        """Add a listener; it hears what comes after."""
        self._listeners.append(listener)

    def emit(self, kind: str, **data: Any) -> None:
        """Tell all listeners; values must be plain JSON data."""
        if not self._listeners:
            return
        event = Event(kind, time.time(), data)
        for listener in self._listeners:
            listener(event)

    def warn(self, code: str, message: str) -> None:
        """Emit a warning that ends up in the run and in `train --json`."""
        self.emit("warning", code=code, message=message)


class EventLog:
    """A listener that appends each event as a line of JSON to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with store_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a", encoding="utf-8", buffering=1)

    def __call__(self, event: Event) -> None:
        """Write one line."""
        record = {"kind": event.kind, "time": round(event.time, 3), **event.data}
        with store_errors(self._path):
            self._file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")

    def close(self) -> None:
        """Close the file; what a full disk could not take is lost, and told by `__call__`."""
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
