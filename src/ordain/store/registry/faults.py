"""What a user can do about an error of MLflow's, or of the libraries under it."""

from __future__ import annotations

import importlib.metadata
import re

from ordain.core.errors import StoreError
from ordain.core.files import error_number, store_error
from ordain.store.registry.place import Place

_REFUSED = re.compile(r"\b40[13]\b")
_ANSWERED = re.compile(r"failed with error code (\d+)")
_OTHER_TABLES = ("out-of-date database schema", "Can't locate revision")
_LIBRARIES = ("mlflow", "sqlalchemy", "sqlite3", "requests")


def explained(error: Exception, place: Place) -> StoreError | None:
    """Return the error that a user gets; None for a mistake of the code."""
    text = str(error).replace(place.uri, str(place))  # which may hold a password
    first = text.strip().partition("\n")[0][:300]
    if any(told in text for told in _OTHER_TABLES):
        return _of_other_tables(place)
    if place.is_server and (told := _of_server(error, text, first, place=place)) is not None:
        return told
    if number := error_number(error):
        return store_error(number, place.database or place.models)
    if type(error).__module__.startswith(_LIBRARIES):
        return StoreError(f"the registry {place}: {first}")
    return None


def unreachable(place: Place, reason: str) -> StoreError:
    """Return the error of a server that is not there."""
    return StoreError(
        f"the registry {place} cannot be reached: {reason}\n"
        "  Fix: start the MLflow server, or name another one with ORDAIN_REGISTRY_URI or --registry"
    )


def code_of(error: Exception) -> str:
    """Return MLflow's name of an error; no text for an error of others."""
    return str(getattr(error, "error_code", ""))


def _of_other_tables(place: Place) -> StoreError:
    version = importlib.metadata.version("mlflow-skinny")
    return StoreError(
        f"the registry {place} was written by another version of MLflow ({version} is installed)\n"
        f"  Fix: install that version; or copy the file, then: mlflow db upgrade {place.uri}"
    )


def _of_server(error: Exception, text: str, first: str, *, place: Place) -> StoreError | None:
    if code_of(error) in {"UNAUTHENTICATED", "PERMISSION_DENIED"} or _REFUSED.search(first):
        return StoreError(
            f"the registry {place} refuses: {first}\n"
            "  Fix: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN"
        )
    if "Max retries exceeded" in text or type(error).__name__ in {"ConnectionError", "Timeout"}:
        return unreachable(place, "it does not answer")
    if answered := _ANSWERED.search(first):
        return StoreError(
            f"the registry {place} answers with HTTP {answered[1]}\n"
            "  Fix: check that this is the address of an MLflow server; its own log says more"
        )
    return None
