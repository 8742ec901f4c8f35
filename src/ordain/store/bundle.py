"""A bundle: a model as data, in one folder.

    config.yaml         the filled config
    features.json       fitted encodings (and features.safetensors, their large arrays)
    signature.json      columns that go in and come out, with their types
    lock.json           data fingerprint, split, seed, package versions, machine, commit
    metrics.json        this model and its baselines
    golden.parquet      rows with the predictions they gave when the bundle was made
    README.md           the model card
    model/              weights: safetensors, booster text, JSON
    checksums.json      SHA-256 of every other file, and the version of this format
    signed_by.json      signatures of checksums.json, once there is one: not among the checksums

It holds no path, and no time stamp but those of signatures: equal runs give equal bytes. It is
refused whole where one byte differs, a file is missing, or one was added. Every format that was
ever released is read: `tests/store/bundles` keeps a bundle of each.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ordain.core.errors import BundleError, StoreError
from ordain.core.files import read_json, store_errors, write_json
from ordain.store.signatures import SIGNED_BY, read_signatures

FORMAT = 1
CHECKSUMS = "checksums.json"
GOLDEN = "golden.parquet"
GRAPH = "scores.onnx"
"""Stands beside a bundle, where ONNX Runtime answers in the place of PyTorch."""


def seal(folder: Path) -> None:
    """Write the checksums of everything in a folder that is being made."""
    files = {name: _sha256(folder / name) for name in _names(folder)}
    write_json(folder / CHECKSUMS, {"format": FORMAT, "files": files})


def verify(folder: Path) -> str:
    """Check every byte of a bundle; return the digest of the checksums they were checked against.

    Signatures are only read here; `signing.require_trusted` checks them.

    Raises:
        BundleError: not a bundle, another format, a file missing, added or changed, or signatures
            that are none.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder\n  Fix: give the folder of a bundle, or a run")
    files, version, found = _sealed(folder)
    if type(version) is not int or not 1 <= version <= FORMAT:
        is_newer = type(version) is int and version > FORMAT
        fix = "pip install --upgrade ordain" if is_newer else "copy the bundle again"
        raise BundleError(
            f"{folder} has bundle format {version}; this version reads formats up to {FORMAT}\n"
            f"  Fix: {fix}"
        )
    present = set(_names(folder))
    for name in sorted(present | set(files)):
        if name not in present:
            raise BundleError(f"{folder}: `{name}` is missing; the bundle is refused")
        if name not in files:
            raise BundleError(
                f"{folder}: `{name}` was added after the bundle was made; it is refused"
            )
        if _sha256(folder / name) != files[name]:
            raise BundleError(
                f"{folder}: `{name}` differs from what was written; the bundle is refused\n"
                f"  Fix: copy the bundle again, or make it again with: ordain reproduce RUN"
            )
    read_signatures(folder)
    return found


def _sealed(folder: Path) -> tuple[dict[str, Any], Any, str]:
    """Return the checksums, the version of the format, and the digest of the file they stand in."""
    try:
        with store_errors(folder / CHECKSUMS):
            require_file(folder / CHECKSUMS)
            raw = (folder / CHECKSUMS).read_bytes()
        sealed = json.loads(raw)
        files, version = dict(sealed["files"]), sealed["format"]
    except (StoreError, BundleError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BundleError(
            f"{folder} is not a bundle: `{CHECKSUMS}` is missing or unreadable"
        ) from error
    return files, version, hashlib.sha256(raw).hexdigest()


def content(folder: Path) -> dict[str, str]:
    """Return file name to SHA-256, as sealed."""
    files: dict[str, str] = read_json(folder / CHECKSUMS)["files"]
    return files


def digest(folder: Path) -> str:
    """Return the SHA-256 of a bundle's checksums, which stands for all of it."""
    return _sha256(folder / CHECKSUMS)


def graph_beside(folder: Path) -> Path | None:
    """Return the graph that `export` wrote beside a bundle, which answers in its place, if any."""
    graph = folder.resolve().parent / GRAPH
    return graph if graph.exists() else None


def digest_of_graph(folder: Path) -> str | None:
    """Return the SHA-256 of the graph beside a bundle; None without one."""
    graph = graph_beside(folder)
    return None if graph is None else _sha256(graph)


def _names(folder: Path) -> list[str]:
    """Return the names of whatever is not a folder of its own: links and pipes are foreign too."""
    found = (
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    )
    return sorted(name for name in found if name not in {CHECKSUMS, SIGNED_BY})


def _sha256(path: Path) -> str:
    require_file(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_file(path: Path) -> None:
    """Refuse what is there and no regular file: reading a pipe would wait for ever.

    Raises:
        BundleError: it is a pipe, a socket, a device, a folder, or a link to nothing.
    """
    if (path.is_symlink() or path.exists()) and not path.is_file():
        raise BundleError(f"{path} is no regular file; it is refused")
