"""Fitted features on disk: `features.json` and, where there are arrays, `features.safetensors`.

The same encodings give the same bytes. Nothing but data is stored; loading runs no code of a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt
from pydantic import ValidationError

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import BundleError, StoreError, UsageError
from ordain.core.files import read_json, write_json
from ordain.features.feature import FEATURES, Encoding

JSON_FILE, ARRAYS_FILE = "features.json", "features.safetensors"
_SEPARATOR = "\x1f"


def save_encodings(folder: Path, encodings: Mapping[str, Encoding]) -> None:
    """Write encodings by column name.

    Raises:
        StoreError: the folder cannot be written.
    """
    write_json(folder / JSON_FILE, {name: to_json(item) for name, item in encodings.items()})
    arrays = {
        f"{name}{_SEPARATOR}{key}": array
        for name, item in encodings.items()
        for key, array in item.arrays.items()
    }
    if arrays:
        write_arrays(folder / ARRAYS_FILE, {key: arrays[key] for key in sorted(arrays)})


def load_encodings(folder: Path) -> dict[str, Encoding]:
    """Return what `save_encodings` wrote.

    Raises:
        BundleError: a file is missing, damaged, or names a type that is not known.
    """
    try:
        documents = read_json(folder / JSON_FILE)
    except StoreError as error:
        raise BundleError(error.message) from error
    arrays = _load_arrays(folder / ARRAYS_FILE)
    return {
        name: from_json(document, arrays=arrays.get(name, {}))
        for name, document in documents.items()
    }


def to_json(encoding: Encoding) -> dict[str, Any]:
    """Return an encoding as plain data, without its arrays, whose names stand under `arrays`."""
    document = encoding.model_dump(mode="json")
    if encoding.arrays:
        document["arrays"] = sorted(encoding.arrays)
    return document


def from_json(document: Mapping[str, Any], *, arrays: Mapping[str, npt.NDArray[Any]]) -> Encoding:
    """Return the encoding that `to_json` gave, with its arrays.

    Raises:
        BundleError: the document is of no known type, does not fit it, or lacks an array.
    """
    fields = {key: value for key, value in document.items() if key != "arrays"}
    missing = set(document.get("arrays", ())) - set(arrays)
    if missing:
        raise BundleError(f"{ARRAYS_FILE} lacks the arrays {', '.join(sorted(missing))}")
    try:
        fitted = FEATURES.get(str(fields.get("type"))).Fitted.model_validate(fields)
    except (UsageError, ValidationError) as error:
        raise BundleError(f"{JSON_FILE} holds an encoding that cannot be read: {error}") from error
    return fitted.with_arrays(arrays) if arrays else fitted


def _load_arrays(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    if not path.exists():
        return {}
    try:
        flat = read_arrays(path)
    except StoreError as error:
        raise BundleError(error.message) from error
    arrays: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for key, array in flat.items():
        name, _, part = key.rpartition(_SEPARATOR)
        arrays.setdefault(name, {})[part] = array
    return arrays
