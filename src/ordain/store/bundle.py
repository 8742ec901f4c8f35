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

It holds no path and no time stamp: equal runs give equal bytes. It is refused whole where one
byte differs, a file is missing, or one was added. Every format that was ever released is read:
`tests/store/bundles` keeps a bundle of each.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ordain.core.errors import BundleError, StoreError
from ordain.core.files import read_json, write_json

FORMAT = 1
CHECKSUMS = "checksums.json"
GOLDEN = "golden.parquet"
GRAPH = "scores.onnx"
"""Stands beside a bundle, where ONNX Runtime answers in the place of PyTorch."""


def seal(folder: Path) -> None:
    """Write the checksums of everything in a folder that is being made."""
    files = {name: _sha256(folder / name) for name in _names(folder)}
    write_json(folder / CHECKSUMS, {"format": FORMAT, "files": files})


def verify(folder: Path) -> None:
    """Check every byte of a bundle.

    Raises:
        BundleError: not a bundle, another format, a file missing, added or changed.
    """
    if not folder.is_dir():
        raise BundleError(f"{folder}: no such folder\n  Fix: give the folder of a bundle, or a run")
    try:
        sealed: dict[str, Any] = read_json(folder / CHECKSUMS)
        files, version = sealed["files"], sealed["format"]
    except (StoreError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder} is not a bundle: `{CHECKSUMS}` is missing or unreadable"
        ) from error
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


def content(folder: Path) -> dict[str, str]:
    """Return file name to SHA-256, as sealed."""
    files: dict[str, str] = read_json(folder / CHECKSUMS)["files"]
    return files


def digest(folder: Path) -> str:
    """Return the SHA-256 of a bundle's checksums, which stands for all of it."""
    return _sha256(folder / CHECKSUMS)


def _names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(folder)) for path in found if path.name != CHECKSUMS)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
