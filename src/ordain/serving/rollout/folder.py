"""Where a deployment is kept: what is applied, what was, who changed it, and what servers counted.

    deployments/<name>/
      state.json            the generation that counts
      generations/7.json    every generation
      audit.jsonl           one line a change
      live/<worker>.json    counts of a worker, written about once a second

Changes are made under a lock and written whole: a killed process leaves the old generation or the
new one. The audit line is written before the change that it tells of.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from ordain.core.diagnostics import nearest
from ordain.core.errors import StoreError, UsageError
from ordain.core.files import atomic_file, lock, store_errors, try_lock
from ordain.serving.rollout.applied import Applied
from ordain.serving.rollout.tally import Snapshot, from_json, to_json

STALE_SECONDS = 10.0
"""Age of a snapshot from which its worker counts as gone."""
FORGET_SECONDS = 3600.0
"""Age of a snapshot from which a server that starts deletes it."""
_FOLDER = "deployments"


@dataclass(frozen=True)
class DeploymentFolder:
    """The folder of one deployment; safe for any number of processes at once."""

    home: Path
    name: str

    @property
    def path(self) -> Path:
        """The folder, which need not be there."""
        return self.home / _FOLDER / self.name

    def stamp(self) -> tuple[int, int]:
        """Return what changes when another generation is applied; cheap enough to ask often."""
        try:
            found = (self.path / "state.json").stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def read(self) -> Applied | None:
        """Return the generation that counts; None where nothing was ever applied.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._read(self.path / "state.json")

    def generation(self, number: int) -> Applied:
        """Return a generation by its number.

        Raises:
            UsageError: there is none of that number.
        """
        found = self._read(self.path / "generations" / f"{number}.json")
        if found is None:
            current = self.read()
            newest = 0 if current is None else current.generation
            raise UsageError(
                f"the deployment '{self.name}' has no generation {number}\n"
                f"  Possible: {f'1 to {newest}' if newest else 'none'}; ordain deploy --audit"
            )
        return found

    def change(self, make: Callable[[Applied | None], Change | None]) -> Applied | None:
        """Apply the next generation, made from the one that counts; None where there is no change.

        Args:
            make: is given the generation that counts, under the lock.
        """
        with lock(self.path / ".lock"):
            change = make(self.read())
            if change is None:
                return None
            self._audit(change)
            data = msgspec.json.format(msgspec.json.encode(change.applied), indent=2)
            number = change.applied.generation
            for name in (f"generations/{number}.json", "state.json"):
                with atomic_file(self.path / name) as file:
                    file.write(data)
        return change.applied

    def _audit(self, change: Change) -> None:
        applied = change.applied
        line = {
            "at": applied.at,
            "action": change.action,
            "generation": applied.generation,
            "by": applied.by,
            "changes": list(change.told),
            "why": change.why,
        }
        path = self.path / "audit.jsonl"
        text = json.dumps(line, ensure_ascii=False) + "\n"
        with store_errors(path), path.open("ab+") as file:
            # A line that a killed process tore must not swallow this one.
            if file.tell() and _last_byte(file) != b"\n":
                text = f"\n{text}"
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def audit(self) -> list[dict[str, Any]]:
        """Return the lines of the audit, oldest first; one that a killed process tore is left out.

        A line whose change never came has ``is_done`` false.
        """
        path = self.path / "audit.jsonl"
        if not path.exists():
            return []
        with store_errors(path):
            text = path.read_text(encoding="utf-8", errors="replace")
        lines: list[dict[str, Any]] = []
        for written in text.splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(written))
        for line in lines:
            made = self._read(self.path / "generations" / f"{line['generation']}.json")
            line["is_done"] = made is not None and made.at == line["at"]
        return lines

    @contextlib.contextmanager
    def watch(self, name: str) -> Iterator[bool]:
        """Give whether this process is the one that does a chore, of all workers, meanwhile."""
        with store_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with try_lock(self.path / f".{name}") as is_free:
            yield is_free

    def write_snapshot(self, snapshot: Snapshot) -> None:
        """Write a worker's counts; they need not survive a power cut."""
        path = self.path / "live" / f"{snapshot.worker}.json"
        with store_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(".tmp")
            temporary.write_bytes(to_json(snapshot))
            temporary.replace(path)

    def snapshots(self) -> list[Snapshot]:
        """Return what all workers have counted, those that ended too."""
        found = []
        for path in sorted((self.path / "live").glob("*.json")):
            with contextlib.suppress(FileNotFoundError):
                if (snapshot := from_json(path.read_bytes())) is not None:
                    found.append(snapshot)
        return found

    def forget_workers(self, applied: Applied, *, now: float | None = None) -> None:
        """Delete the counts of workers that ended long ago, but for those of trials that run."""
        now = time.time() if now is None else now
        running = {model.trial for model in applied.models.values() if model.trial}
        for snapshot in self.snapshots():
            is_old = now - snapshot.at > FORGET_SECONDS
            if is_old and not any(trial.id in running for trial in snapshot.trials.values()):
                (self.path / "live" / f"{snapshot.worker}.json").unlink(missing_ok=True)

    def _read(self, path: Path) -> Applied | None:
        try:
            with store_errors(path):
                data = path.read_bytes()
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        try:
            return msgspec.json.decode(data, type=Applied)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{path} is not a deployment that this version reads: {error}\n"
                "  Fix: apply it again with `ordain deploy DEPLOYMENT`"
            ) from error


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


@dataclass(frozen=True)
class Change:
    """A generation to be applied.

    Attributes:
        applied: the generation.
        action: ``deploy``, ``rollback``, ``halt``, ``resume`` or ``follow``.
        told: what changes, in words.
        why: given by whoever does it.
    """

    applied: Applied
    action: str
    told: Sequence[str]
    why: str = ""


def deployments(home: Path) -> list[str]:
    """Return the names of the deployments of a work folder that were ever applied, sorted."""
    return sorted(path.parent.name for path in (home / _FOLDER).glob("*/state.json"))


def find_folder(home: Path, name: str | None = None) -> DeploymentFolder:
    """Return the deployment of a name, or the only one there is.

    Raises:
        UsageError: there is none, none of the name, or several and no name is given.
    """
    known = deployments(home)
    if name is None and len(known) == 1:
        return DeploymentFolder(home, known[0])
    if name in known:
        return DeploymentFolder(home, str(name))
    if not known:
        raise UsageError(
            f"nothing is deployed in {home}\n  Fix: ordain deploy DEPLOYMENT.yaml, or --home FOLDER"
        )
    if name is None:
        raise UsageError(f"there are several deployments: {', '.join(known)}; name one of them")
    close = nearest(name, known)
    hint = f" Did you mean '{close}'?" if close else ""
    raise UsageError(f"there is no deployment '{name}'.{hint} Known: {', '.join(known)}.")


def is_live(snapshot: Snapshot, *, now: float | None = None) -> bool:
    """Return whether the worker of a snapshot still counts."""
    return (time.time() if now is None else now) - snapshot.at < STALE_SECONDS


def live_of(snapshots: Sequence[Snapshot]) -> Mapping[str, Snapshot]:
    """Return the snapshots of workers that still count, by worker."""
    now = time.time()
    return {one.worker: one for one in snapshots if is_live(one, now=now)}
