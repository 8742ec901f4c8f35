"""What a registry holds of a model, and MLflow's SQLite tables read without MLflow.

Importing MLflow takes more than a second and some 150 MB, and a prediction needs two rows of a
table. Where the tables are not those that are known here, MLflow itself reads them.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ordain.core.errors import StoreError

WAIT_SECONDS = 10.0
"""How long a writer is waited for."""
DELETED = "Deleted_Internal"
"""Stage of a version that MLflow has deleted."""


@dataclass(frozen=True)
class Entry:
    """A version as MLflow keeps it."""

    version: int
    created: float
    """Seconds since 1970."""
    note: str
    source: str
    mlflow_run: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Registered:
    """A registered model as MLflow keeps it."""

    name: str
    entries: Sequence[Entry]
    """Newest first."""
    aliases: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class UnknownTablesError(Exception):
    """The tables are not those that are known here."""


def read_model(database: Path, name: str) -> Registered | None:
    """Return a model of a SQLite file, or None where there is none of that name.

    Raises:
        UnknownTablesError: MLflow has to read them.
        StoreError: the file cannot be read, or is no database.
    """
    with _reading(database) as rows:
        if not rows("SELECT name FROM registered_models WHERE name = ?", name):
            return None
        tags: dict[int, dict[str, str]] = {}
        told = rows("SELECT version, key, value FROM model_version_tags WHERE name = ?", name)
        for version, key, value in told:
            tags.setdefault(version, {})[key] = value or ""
        found = rows(
            "SELECT version, creation_time, description, source, run_id FROM model_versions "
            "WHERE name = ? AND current_stage IS NOT ? ORDER BY version DESC",
            name,
            DELETED,
        )
        entries = [
            Entry(version, (created or 0) / 1000, note or "", source or "", run or None,
                  tags.get(version, {}))
            for version, created, note, source, run in found
        ]  # fmt: skip
        aliases = rows("SELECT alias, version FROM registered_model_aliases WHERE name = ?", name)
        own = rows("SELECT key, value FROM registered_model_tags WHERE name = ?", name)
    return Registered(name, entries, dict(aliases), {key: value or "" for key, value in own})


def read_names(database: Path) -> list[str]:
    """Return the names of the models of a SQLite file that have versions, sorted.

    Raises:
        UnknownTablesError: MLflow has to read them.
        StoreError: the file cannot be read, or is no database.
    """
    with _reading(database) as rows:
        found = rows(
            "SELECT DISTINCT name FROM model_versions WHERE current_stage IS NOT ? ORDER BY name",
            DELETED,
        )
    return [name for (name,) in found]


@contextlib.contextmanager
def _reading(database: Path) -> Iterator[_Rows]:
    """Give a function that returns the rows of a query, all of one state of the tables."""
    try:
        with contextlib.closing(_opened(database)) as connection:
            yield _Rows(connection)
    except sqlite3.DatabaseError as error:
        text = str(error)
        if text.startswith(("no such table", "no such column")):
            raise UnknownTablesError(text) from error
        raise StoreError(
            f"the registry {database} cannot be read: {text}\n"
            "  Fix: put back a copy of the file, or name another registry with ORDAIN_REGISTRY_URI"
        ) from error


def _opened(database: Path) -> sqlite3.Connection:
    """Return a connection within one state of the tables."""
    for mode in ("ro", "rw"):
        connection = sqlite3.connect(
            f"{database.as_uri()}?mode={mode}",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
        )
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.DatabaseError as error:
            connection.close()
            # A writer was killed: what it left half done can only be undone by who may write.
            if mode == "rw" or "readonly" not in str(error):
                raise
        else:
            break
    return connection


class _Rows:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __call__(self, query: str, *values: object) -> list[tuple]:  # type: ignore[type-arg]
        return self._connection.execute(query, values).fetchall()
