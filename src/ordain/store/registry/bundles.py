"""Bundles of registered versions: kept under their digest, checked before they are used.

    models/<name>/<digest>/bundle

The digest is of the bundle's own list of checksums, and so of all its bytes. It stands in the
registry: a bundle that was exchanged for another, whole in itself, is refused as well.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from ordain.core.errors import BundleError
from ordain.core.files import TEMPORARY_PREFIX, atomic_folder, store_errors
from ordain.store import bundle
from ordain.store.runs import remove
from ordain.store.signatures import merge_signatures

FOLDER = "bundle"
_LENGTH = 32
"""Characters of the digest that name a folder: 128 bits."""


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of a bundle's list of checksums.

    Raises:
        BundleError: there is none.
    """
    try:
        return bundle.digest(folder)
    except OSError as error:
        raise BundleError(
            f"{folder} is not a bundle: `{bundle.CHECKSUMS}` is missing or unreadable"
        ) from error


def place_of_bundle(models: Path, name: str, digest: str) -> Path:
    """Return the folder of a bundle, whether it is there or not.

    Raises:
        BundleError: the digest is none, as it was changed in the registry.
    """
    if len(digest) < _LENGTH or not digest.isalnum():
        raise BundleError(f"'{digest}' is no digest of a bundle; the version of {name} is refused")
    return models / name / digest[:_LENGTH] / FOLDER


def keep(source: Path, target: Path, digest: str) -> None:
    """Copy a bundle to its place, where it is not there whole already; its signatures are added.

    Raises:
        BundleError: the copy is not what the digest says.
    """
    put(target, digest, lambda folder: shutil.copytree(source, folder))
    merge_signatures(source, target)


def put(target: Path, digest: str, make: Callable[[Path], object]) -> None:
    """Have a bundle made at its place, where it is not there whole already.

    Args:
        target: its place.
        digest: what it must be.
        make: makes it in the folder given, which is not there yet.

    Raises:
        BundleError: it is not what the digest says.
    """
    if target.exists():
        try:
            check(target, digest)
        except BundleError:
            remove(target.parent)
        else:
            return
    with atomic_folder(target.parent) as temporary:
        with store_errors(target):
            make(temporary / FOLDER)
        check(temporary / FOLDER, digest)


def check(folder: Path, digest: str) -> None:
    """Check every byte of a bundle, and that it is the one that was registered.

    Raises:
        BundleError: it is damaged, or another.
    """
    check_digest(folder, digest)
    bundle.verify(folder)


def check_digest(folder: Path, digest: str) -> None:
    """Check that a bundle is the one that was registered, by its list of checksums alone.

    Raises:
        BundleError: it is another.
    """
    if digest_of(folder) != digest:
        raise BundleError(
            f"{folder} is not the bundle that was registered: its digest is another; it "
            "is refused\n  Fix: put back a copy of the folder, or register the run again"
        )


def clear_leftovers(folder: Path) -> None:
    """Delete what killed processes have left half written; call it with the model's lock held."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        remove(path)
