"""MLflow: all writing, and reading where it is a server.

It is imported on the first call, and never told to send anything to anybody but the registry.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
import socket
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from ordain.core.errors import MissingExtraError, StoreError, UsageError
from ordain.core.files import TEMPORARY_PREFIX, atomic_file, lock
from ordain.store.registry.bundles import FOLDER
from ordain.store.registry.faults import code_of, explained, unreachable
from ordain.store.registry.place import Place
from ordain.store.registry.reading import DELETED, Entry, Registered
from ordain.store.runs import remove

SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true"}
"""What MLflow is told, whatever the environment says: nobody but the registry is sent anything."""
DEFAULTS = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""What it is told where the environment says nothing: its own patience is of minutes."""
REACH_SECONDS = 5.0
EXPERIMENT = "ordain-models"
_LOCK = ".mlflow.lock"
_FRESH = f"{TEMPORARY_PREFIX}mlflow-"
_PAGE = 200
_NOT_OF_A_METRIC = re.compile(r"[^A-Za-z0-9_./ -]")


class Service:
    """The MLflow client of a registry, with errors that a user can act on."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def read_model(self, name: str) -> Registered | None:
        """Return a model with its versions, or None where there is none of that name."""
        with self._errors():
            try:
                model = self._client.get_registered_model(name)
            except Exception as error:
                if code_of(error) == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
            found = _pages(self._client.search_model_versions, filter_string=f"name='{name}'")
            entries = [_entry(one) for one in found if one.current_stage != DELETED]
        entries.sort(key=lambda entry: entry.version, reverse=True)
        aliases = {alias: int(version) for alias, version in dict(model.aliases).items()}
        return Registered(name, entries, aliases, dict(model.tags))

    def read_names(self) -> list[str]:
        """Return the names of all models, sorted."""
        with self._errors():
            return sorted(one.name for one in _pages(self._client.search_registered_models))

    def add_model(self, name: str) -> None:
        """Add a model, where it is not there yet."""
        with self._errors():
            try:
                self._client.create_registered_model(name)
            except Exception as error:
                if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                    raise

    def add_version(
        self, name: str, *, source: str, tags: Mapping[str, str], note: str, run: str | None = None
    ) -> int:
        """Add a version with all that is known of it, in one write; return its number."""
        with self._errors():
            made = self._client.create_model_version(
                name,
                source=source,
                run_id=run,
                tags=dict(tags),
                description=note or None,
                await_creation_for=0,
            )
        return int(made.version)

    def delete_version(self, name: str, version: int, *, run: str | None) -> None:
        """Delete a version; MLflow's run with its artifacts goes into the bin of `mlflow gc`."""
        with self._errors():
            self._client.delete_model_version(name, str(version))
            if run is not None:
                self._client.delete_run(run)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        with self._errors():
            self._client.set_registered_model_alias(name, alias, str(version))

    def set_tag(self, name: str, key: str, value: str) -> None:
        """Set a tag of a model."""
        with self._errors():
            self._client.set_registered_model_tag(name, key, value)

    def upload(
        self, bundle: Path, *, name: str, tags: Mapping[str, str], metrics: Mapping[str, float]
    ) -> tuple[str, str]:
        """Send a bundle as the artifact of a new run of MLflow's; return the run and the source."""
        with self._errors():
            client = self._client
            run = client.create_run(self._experiment(), tags=dict(tags), run_name=name)
            client.log_artifacts(run.info.run_id, str(bundle), artifact_path=FOLDER)
            for metric, value in metrics.items():
                client.log_metric(run.info.run_id, _NOT_OF_A_METRIC.sub("_", metric), value)
            client.set_terminated(run.info.run_id)
        return run.info.run_id, f"{run.info.artifact_uri}/{FOLDER}"

    def download(self, run: str, target: Path, *, file: str = "") -> None:
        """Fetch the bundle of a run of MLflow's, or a file of it, to a place that is free yet."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._errors(), tempfile.TemporaryDirectory(dir=target.parent) as temporary:
            got = self._client.download_artifacts(
                run, f"{FOLDER}/{file}" if file else FOLDER, temporary
            )
            Path(got).rename(target)

    @cached_property
    def _client(self) -> Any:
        if self.place.database is None:
            _require_reachable(self.place)
        else:
            _prepare_database(self.place.database)
        return _open(self.place.uri)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(EXPERIMENT))
        except Exception as error:
            if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            return str(self._client.get_experiment_by_name(EXPERIMENT).experiment_id)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn what MLflow and the libraries under it raise into errors with a remedy."""
        try:
            _ = self._client  # its import sets how loud it is
            with _quiet():
                yield
        except (StoreError, UsageError, MissingExtraError):
            raise
        except Exception as error:
            known = explained(error, self.place)
            if known is None:
                raise
            raise known from error


def _open(uri: str) -> Any:
    """Return an MLflow client of its own: a user's tracking URI stays what it is.

    Raises:
        MissingExtraError: MLflow is not installed.
    """
    os.environ.update(SILENT)
    for key, value in DEFAULTS.items():
        os.environ.setdefault(key, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries that MLflow imports
            tracking = importlib.import_module("mlflow.tracking")
            for name in ("sqlalchemy", "alembic"):
                importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError.for_package(
            "mlflow-skinny" if (error.name or "").startswith("mlflow") else str(error.name),
            extra="registry",
            purpose="registering models",
        ) from error
    with _quiet():
        return tracking.MlflowClient(tracking_uri=uri, registry_uri=uri)


def _prepare_database(database: Path) -> None:
    """Make the tables of a SQLite file that is not there yet; nobody sees them half made."""
    if database.exists():
        return
    with lock(database.parent / _LOCK):
        if database.exists():
            return
        for left in database.parent.glob(f"{_FRESH}*"):
            remove(left)
        with tempfile.TemporaryDirectory(dir=database.parent, prefix=_FRESH) as folder:
            fresh = Path(folder) / database.name
            _open(f"sqlite:///{fresh}").search_registered_models(max_results=1)
            with atomic_file(database) as file:
                file.write(fresh.read_bytes())


def _require_reachable(place: Place) -> None:
    """Refuse at once a server that is not there: MLflow would try for minutes."""
    parts = urlsplit(place.uri)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    assert parts.hostname is not None, "`place_of` has checked it"
    if parts.scheme in getproxies():
        return  # a proxy may see what this machine does not
    try:
        socket.create_connection((parts.hostname, port), timeout=REACH_SECONDS).close()
    except OSError as error:
        raise unreachable(place, error.strerror or str(error)) from error


def _entry(found: Any) -> Entry:
    return Entry(
        version=int(found.version),
        created=(found.creation_timestamp or 0) / 1000,
        note=found.description or "",
        source=found.source or "",
        mlflow_run=found.run_id or None,
        tags=dict(found.tags),
    )


def _pages(search: Any, **which: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=_PAGE, page_token=token, **which)
        yield from page
        token = page.token
        if not token:
            return


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's reports of its progress, and of how libraries do with each other, to itself."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
