"""One error for whatever is wrong with the files of a fitted model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ordain.core.errors import BundleError, OrdainError


@contextlib.contextmanager
def loading(folder: Path, what: str) -> Iterator[None]:
    """Turn what a missing, damaged or foreign file raises in the block into one error.

    Args:
        folder: that is read.
        what: stands in it, for the message.

    Raises:
        BundleError: with the folder and the cause; one that the block raises stays as it is.
    """
    try:
        yield
    except BundleError:
        raise
    except (OrdainError, KeyError, TypeError, OSError, ValueError) as error:
        raise BundleError(f"{folder}: the {what} cannot be read: {error}") from error
