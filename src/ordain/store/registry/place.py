"""Where a registry is: a SQLite file of MLflow's, or an MLflow server.

    (nothing said)              .ordain/mlflow.db, bundles beside it
    sqlite:////shared/models.db a file anywhere; bundles beside it
    https://mlflow.example      a server; bundles are its artifacts, copies of them under .ordain

Said by an argument, else by the environment variable ORDAIN_REGISTRY_URI.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ordain.core.errors import UsageError
from ordain.data.locations import redact
from ordain.store.home import home as work_folder

VARIABLE = "ORDAIN_REGISTRY_URI"
DATABASE = "mlflow.db"
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Place:
    """A registry's place.

    Attributes:
        uri: as MLflow takes it.
        models: folder of bundles: kept there, or copies of a server's.
        database: the SQLite file; None for a server.
    """

    uri: str
    models: Path
    database: Path | None

    @property
    def is_server(self) -> bool:
        """Whether it is an MLflow server."""
        return self.database is None

    def __str__(self) -> str:
        return redact(self.uri) if self.database is None else str(self.database)


def place_of(home: Path | str | None = None, uri: str | None = None) -> Place:
    """Return the registry of a work folder, or the one that is named.

    Args:
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.
        uri: of the registry; `ORDAIN_REGISTRY_URI` by default, else the work folder's own.

    Raises:
        UsageError: the URI is neither of a SQLite file nor of a server.
    """
    folder = work_folder(home)
    uri = uri or os.environ.get(VARIABLE)
    if not uri:
        return _of_file((folder / DATABASE).absolute())
    if uri.startswith(_SQLITE) and "?" not in uri and len(uri) > len(_SQLITE):
        return _of_file(Path(uri.removeprefix(_SQLITE)).absolute())
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return Place(uri.rstrip("/"), (folder / "models").absolute(), None)
    raise UsageError(
        f"'{redact(uri)}' is no registry\n"
        "  Possible: http://HOST:PORT or https://HOST of an MLflow server, sqlite:///FILE"
    )


def _of_file(database: Path) -> Place:
    return Place(f"{_SQLITE}{database}", database.parent / "models", database)
