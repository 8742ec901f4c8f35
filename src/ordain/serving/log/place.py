"""Where a log is kept: a folder of columnar files by hour, or tables of PostgreSQL.

predictions/<model>/2026-11-21T12/<worker>-<n>.parquet      and .log while it is written
predictions/_outcomes/2026-11-21T12/...                     by the hour in which they came
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ordain.config.deployment import PredictionLogging
from ordain.data.locations import redact, scheme_of

OUTCOMES = "_outcomes"
"""Stands where a model's name stands; no model can be named so."""
HOUR = "%Y-%m-%dT%H"
"""Name of the folder of an hour, UTC."""


@dataclass(frozen=True)
class Sink:
    """Where predictions and outcomes are kept.

    Attributes:
        folder: of segments and files; for a database what is not there yet.
        url: of the database; None where the folder is all there is.
    """

    folder: Path
    url: str | None = None

    def __str__(self) -> str:
        return redact(self.url) if self.url else str(self.folder)

    def hour(self, stream: str, at: float) -> Path:
        """Return the folder of an hour of a model, or of outcomes."""
        return self.folder / stream / dt.datetime.fromtimestamp(at, dt.UTC).strftime(HOUR)

    def hours(self, stream: str, *, since: float = 0.0, until: float | None = None) -> list[Path]:
        """Return the folders of the hours that overlap a stretch of time, oldest first."""
        found = []
        for path, began in self._dated(stream):
            if began + 3600 > since and (until is None or began <= until):
                found.append(path)
        return found

    def streams(self) -> list[str]:
        """Return the models that have a log here, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if p.is_dir() and p.name[0] not in "._")

    def _dated(self, stream: str) -> Iterator[tuple[Path, float]]:
        folder = self.folder / stream
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            try:
                began = dt.datetime.strptime(path.name, HOUR).replace(tzinfo=dt.UTC)
            except ValueError:
                continue
            yield path, began.timestamp()


def sink_of(logging: PredictionLogging, home: Path) -> Sink:
    """Return where a declared log is kept.

    Args:
        logging: of the deployment.
        home: the work folder, where nothing else is said.
    """
    declared = logging.sink
    if declared is None:
        return Sink(home / "predictions")
    if scheme_of(declared):
        digest = hashlib.sha256(redact(declared).encode()).hexdigest()[:12]
        return Sink(home / "spool" / digest, declared)
    return Sink(Path(declared).expanduser())
