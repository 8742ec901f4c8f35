"""Arrays in a file: safetensors, which holds data only, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import StoreError
from ordain.core.files import atomic_file, store_errors

Array = npt.NDArray[Any]


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays; the same arrays give the same bytes.

    Raises:
        StoreError: the disk is full, or the folder may not be written.
    """
    from safetensors.numpy import save

    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    with atomic_file(path) as file:
        file.write(content)


def read_arrays(path: Path) -> dict[str, Array]:
    """Return what `write_arrays` wrote.

    Raises:
        StoreError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with store_errors(path):
        content = path.read_bytes()
    try:
        arrays: dict[str, Array] = load(content)
    except SafetensorError as error:
        raise StoreError(f"{path} is damaged: {error}") from error
    return arrays
