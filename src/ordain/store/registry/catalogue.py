"""What is registered at a place, as it is read: names, models, and their versions of Ordain's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ordain.core.errors import UsageError
from ordain.store.registry.bundles import place_of_bundle
from ordain.store.registry.place import Place
from ordain.store.registry.reading import (
    Entry,
    Registered,
    UnknownTablesError,
    read_model,
    read_names,
)
from ordain.store.registry.reference import is_name
from ordain.store.registry.service import Service
from ordain.store.registry.unknown import no_model
from ordain.store.registry.version import DIGEST, ModelVersion, version_of

R = TypeVar("R")


class Catalogue:
    """Reads a registry: a SQLite file by itself where it can, all else through MLflow.

    Args:
        place: where the registry is.
        service: MLflow.
    """

    def __init__(self, place: Place, service: Service) -> None:
        self._place, self._service = place, service

    def names(self) -> list[str]:
        """Return the names of all models that can be named here, sorted, whoever made them."""
        if not self._is_there():
            return []
        names = self._read(read_names, self._service.read_names)
        return [name for name in names if is_name(name)]

    def model(self, name: str) -> Registered | None:
        """Return a model as MLflow keeps it, or None where there is none of that name."""
        if not (self._is_there() and is_name(name)):
            return None
        return self._read(
            lambda database: read_model(database, name), lambda: self._service.read_model(name)
        )

    def known(self, name: str) -> Registered:
        """Return a model that has a version of Ordain's.

        Raises:
            UsageError: there is none of that name; the message has the nearest.
        """
        model = self.model(name)
        if model is not None and self.versions(model):
            return model
        if model is not None and model.entries:
            raise UsageError(
                f"no version of '{name}' was registered by Ordain\n"
                f"  Fix: ordain register RUN --name {name}"
            )
        raise no_model(name, self.names(), self._place)

    def versions(self, model: Registered | None) -> list[ModelVersion]:
        """Return the versions of Ordain's that a model has, newest first; none of no model."""
        if model is None:
            return []
        return [self._version(model, one) for one in model.entries if one.tags.get(DIGEST)]

    def _version(self, model: Registered, entry: Entry) -> ModelVersion:
        return version_of(
            model.name,
            entry.version,
            entry.tags,
            bundle=place_of_bundle(self._place.models, model.name, entry.tags[DIGEST]),
            aliases=tuple(sorted(a for a, held in model.aliases.items() if held == entry.version)),
            created=entry.created,
            note=entry.note,
            mlflow_run=entry.mlflow_run,
            source=entry.source,
        )

    def _is_there(self) -> bool:
        return self._place.database is None or self._place.database.exists()

    def _read(self, quickly: Callable[[Path], R], by_mlflow: Callable[[], R]) -> R:
        if self._place.database is None:
            return by_mlflow()
        try:
            return quickly(self._place.database)
        except UnknownTablesError:
            return by_mlflow()
