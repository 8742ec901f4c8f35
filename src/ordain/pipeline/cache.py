"""The cache of stages: immutable artefacts named by what made them.

An artefact is a folder ``<root>/<stage>/<key>/`` whose key is the digest of everything that can
change its content. It appears whole or not at all, is never written again, and may be deleted at
any time. `artefact.json` inside holds the parts of the key, so that a miss can say which part
changed, and a digest of each file, so that the content can be verified.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.core.errors import StoreError
from ordain.core.files import (
    TEMPORARY_PREFIX,
    atomic_folder,
    boot_id,
    lock,
    read_json,
    write_json,
)
from ordain.core.hashing import checksum_file, digest_json

MANIFEST = "artefact.json"


@dataclass(frozen=True)
class Request:
    """What a stage is asked for.

    Attributes:
        stage: such as ``encode``.
        subject: what it is about within the stage, such as a column name; empty if nothing.
        parts: everything that can change the result, plain JSON, by a name a user understands.
        scope: of what a miss is explained by: earlier artefacts of the same experiment; no part of
            the key.
    """

    stage: str
    subject: str
    parts: Mapping[str, Any]
    scope: str = ""

    @property
    def key(self) -> str:
        """Digest that names the artefact."""
        return digest_json({"stage": self.stage, "parts": self.parts})


@dataclass(frozen=True)
class Artefact:
    """A finished folder.

    Attributes:
        is_reused: whether it was there already.
        reason: why it was computed: the parts of the key that changed, or ``first time``.
        seconds: it took to compute or to find.
    """

    request: Request
    folder: Path
    is_reused: bool
    reason: str
    seconds: float


@dataclass(frozen=True)
class Entry:
    """A line of `ordain cache list`."""

    stage: str
    subject: str
    key: str
    size_bytes: int
    created: float
    folder: Path


class Cache:
    """Artefacts under one folder, safe for any number of processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._manifests_read: dict[Path, dict[str, Any]] = {}
        self._newest: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}

    def find(self, request: Request) -> Path | None:
        """Return the folder of a finished artefact, or None."""
        folder = self._folder(request)
        if not (folder / MANIFEST).exists():
            return None
        if self._is_torn(folder):
            self.remove(folder)
            return None
        return folder

    def obtain(self, request: Request, build: Callable[[Path], None]) -> Artefact:
        """Return the artefact, filled by `build(folder)` if it is not there.

        Two processes that want the same artefact: one builds, the other waits and reuses.
        """
        started = time.perf_counter()
        if (folder := self.find(request)) is not None:
            return Artefact(request, folder, True, "", time.perf_counter() - started)
        reason = self.why_missing(request)
        folder = self._folder(request)
        with lock(self.root / "locks" / f"{request.stage}-{request.key}"):
            if (folder / MANIFEST).exists():
                return Artefact(request, folder, True, "", time.perf_counter() - started)
            with atomic_folder(folder, is_flushed=boot_id() is None) as temporary:
                build(temporary)
                manifest = _manifest(request, temporary, started)
                write_json(temporary / MANIFEST, manifest)
        self._newest_of(request.stage)[request.subject, request.scope] = manifest
        return Artefact(request, folder, False, reason, time.perf_counter() - started)

    def seconds(self, request: Request) -> float | None:
        """Return how long a finished artefact took to make; None where it is not there."""
        path = self._folder(request) / MANIFEST
        return float(read_json(path)["seconds"]) if path.exists() else None

    def why_missing(self, request: Request) -> str:
        """Return which parts differ from the newest artefact of the same subject and scope."""
        newest = self._newest_of(request.stage).get((request.subject, request.scope))
        if newest is None:
            return "first time"
        return "changed: " + ", ".join(changed_parts(newest["parts"], request.parts))

    def _newest_of(self, stage: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the newest manifest of each subject; listed once, for a run asks for hundreds."""
        if stage not in self._newest:
            newest: dict[tuple[str, str], dict[str, Any]] = {}
            for _, manifest in self._all(stage):
                name = (manifest["subject"], manifest.get("scope", ""))
                if name not in newest or manifest["created"] > newest[name]["created"]:
                    newest[name] = manifest
            self._newest[stage] = newest
        return self._newest[stage]

    def entries(self) -> list[Entry]:
        """Return every artefact, oldest first."""
        found = [
            Entry(
                manifest["stage"],
                manifest["subject"],
                folder.name,
                sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()),
                manifest["created"],
                folder,
            )
            for folder, manifest in self._all()
        ]
        return sorted(found, key=lambda entry: entry.created)

    def verify(self) -> list[str]:
        """Return one line for each artefact whose files differ from what was written."""
        faults: list[str] = []
        for folder, manifest in self._all():
            faults.extend(_damage(folder, manifest))
        return faults

    def clear(self, stage: str | None = None) -> int:
        """Delete artefacts of one stage, or all; return the bytes freed."""
        freed = 0
        for entry in self.entries():
            if stage in {None, entry.stage}:
                freed += entry.size_bytes
                shutil.rmtree(entry.folder, ignore_errors=True)
        if stage is None:
            for leftover in self.root.glob(f"*/{TEMPORARY_PREFIX}*"):
                shutil.rmtree(leftover, ignore_errors=True)
        return freed

    def remove(self, folder: Path) -> None:
        """Delete one artefact."""
        shutil.rmtree(folder, ignore_errors=True)

    def _is_torn(self, folder: Path) -> bool:
        """Return whether a power cut took what had not reached the disk.

        Artefacts are not flushed one by one, which would take longer than most stages. What was
        made before the machine last started is compared with its digests before it is reused.
        """
        manifest = read_json(folder / MANIFEST)
        if manifest.get("boot") == boot_id():
            return False
        if any(True for _ in _damage(folder, manifest)):
            return True
        write_json(folder / MANIFEST, {**manifest, "boot": boot_id()}, indent=None)
        return False

    def _folder(self, request: Request) -> Path:
        return self.root / request.stage / request.key

    def _all(self, stage: str = "*") -> Iterator[tuple[Path, dict[str, Any]]]:
        for path in self.root.glob(f"{stage}/*/{MANIFEST}"):
            if path.parent.name.startswith(TEMPORARY_PREFIX):
                continue
            # An artefact is never written again; a run asks for hundreds, each time among all.
            manifest = self._manifests_read.get(path)
            if manifest is None:
                try:
                    manifest = self._manifests_read[path] = read_json(path)
                except StoreError:
                    continue  # another process is deleting it
            yield path.parent, manifest


def changed_parts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of the key parts that differ, at most eight."""
    names = [name for name, _, _ in _differences("", before, after)]
    return names[:8] + (["..."] if len(names) > 8 else [])  # noqa: PLR2004


def _differences(prefix: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            name = f"{prefix}.{key}" if prefix else str(key)
            yield from _differences(name, before.get(key), after.get(key))
    elif before != after:
        yield prefix, before, after


def _damage(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.exists():
            yield f"{path}: missing"
        elif checksum_file(path) != expected:
            yield f"{path}: content differs from what was written"


def _manifest(request: Request, folder: Path, started: float) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "stage": request.stage,
        "subject": request.subject,
        "scope": request.scope,
        "parts": request.parts,
        "files": {str(path.relative_to(folder)): checksum_file(path) for path in files},
        "boot": boot_id(),
        "created": time.time(),
        "seconds": round(time.perf_counter() - started, 3),
    }
