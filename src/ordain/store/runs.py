"""Run folders: one for each execution of a config on data.

runs/<name>/<id>/
    config.yaml      the filled config: every default, every inferred value
    written.yaml     the config as it was written
    inputs.json      where the rows came from
    lock.json        all that decides the bytes
    status.json      state, seconds by stage, tags and notes
    events.jsonl     what happened
    metrics.json     this model and its baselines
    findings.json    slices, importance, errors, checks, gates
    summary.json     all that the report says; `ordain report` draws it again
    findings.json    slices, checks, errors, gates and all else beside the metrics
    predictions.parquet  truth and scores of the rows that judged, at most 50,000
    report.html      the same for people
    checkpoints/     while training
    bundle/          the model as data
"""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.core.diagnostics import nearest
from ordain.core.errors import StoreError, UsageError
from ordain.core.files import TEMPORARY_PREFIX, read_json, store_error, write_json

LEFTOVER_SECONDS = 3600
"""Age from which on a half-written file is nobody's."""
RUNNING, FINISHED, FAILED, INTERRUPTED = "running", "finished", "failed", "interrupted"


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        name: of the experiment, from the config.
        id: unique within the experiment, sorts by time.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.folder.parent.name

    @property
    def id(self) -> str:
        """Identifier within the experiment."""
        return self.folder.name

    @property
    def reference(self) -> str:
        """What a user writes where a command asks for RUN."""
        return f"{self.name}/{self.id}"

    @property
    def bundle(self) -> Path:
        """Folder of the bundle, there once the run has finished."""
        return self.folder / "bundle"

    @property
    def status(self) -> dict[str, Any]:
        """State and what is known of it; a dead process's `running` reads `interrupted`."""
        path = self.folder / "status.json"
        status: dict[str, Any] = read_json(path) if path.exists() else {"state": FAILED}
        if status["state"] == RUNNING and not _is_alive(status.get("process")):
            status["state"] = INTERRUPTED
        return status

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics of the model and its baselines; empty if the run did not get so far."""
        path = self.folder / "metrics.json"
        return read_json(path) if path.exists() else {}

    @property
    def lock(self) -> dict[str, Any]:
        """The lock; empty if the run did not get so far."""
        path = self.folder / "lock.json"
        return read_json(path) if path.exists() else {}

    def claim(self) -> None:
        """Say that this process is at work on the run."""
        self.update(state=RUNNING, process=_process(), error=None)

    def update(self, **values: Any) -> None:
        """Change entries of the status."""
        path = self.folder / "status.json"
        status = read_json(path) if path.exists() else {}
        # Sorted, so that a diff shows what has changed and nothing else.
        write_json(path, dict(sorted({**status, **values}.items())))


class Runs:
    """All runs of a work folder."""

    def __init__(self, home: Path) -> None:
        self.root = home / "runs"

    def create(self, name: str, *, key: str) -> Run:
        """Make the folder of a new run, safe for any number of processes at once."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        base = self.root / _safe(name)
        for attempt in range(10_000):
            suffix = f"-{attempt}" if attempt else ""
            folder = base / f"{stamp}-{key[:6]}{suffix}"
            try:
                base.mkdir(parents=True, exist_ok=True)
                folder.mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                raise store_error(error.errno or 0, folder) from error
            run = Run(folder)
            try:
                run.update(
                    state=RUNNING,
                    key=key,
                    process=_process(),
                    started=round(time.time(), 3),
                    tags=[],
                    note="",
                )
            except StoreError:
                folder.rmdir()
                raise
            return run
        raise StoreError(f"{base}: too many runs in one second")

    def clear_leftovers(self, own: Run) -> None:
        """Delete what killed processes have left half written: all of an own run, old of others."""
        for path in own.folder.rglob(f"{TEMPORARY_PREFIX}*"):
            remove(path)
        for path in self.root.glob(f"*/*/{TEMPORARY_PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > LEFTOVER_SECONDS:
                    remove(path)

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        return sorted(self._iterate(), key=lambda run: (run.id, run.name), reverse=True)

    def find(self, reference: str) -> Run:
        """Return the run a user means: a folder, ``name/id``, an id, its start, a name, `latest`.

        A name alone means its newest run; a registered version, as ``churn@champion``, the run that
        it was registered from.

        Raises:
            UsageError: no such run, or several fit; the message lists what there is.
        """
        folder = Path(reference)
        if (folder / "status.json").exists():
            return Run(folder)
        if folder.name == "bundle" and (folder.parent / "status.json").exists():
            return Run(folder.parent)
        reference = _run_of_version(reference, self.root.parent)
        runs = self.all()
        if not runs:
            raise UsageError(f"there are no runs in {self.root}\n  Fix: ordain train CONFIG")
        if reference == "latest":
            return runs[0]
        exact = [run for run in runs if reference in {run.reference, run.id, run.name}]
        if exact:
            return exact[0]
        starts = [
            r for r in runs if r.id.startswith(reference) or r.reference.startswith(reference)
        ]
        if len(starts) == 1:
            return starts[0]
        if starts:
            shown = ", ".join(run.reference for run in starts[:5])
            raise UsageError(
                f"'{reference}' fits {len(starts)} runs: {shown}\n  Fix: write more of it"
            )
        close = nearest(reference, [run.reference for run in runs] + [run.name for run in runs])
        hint = f" Did you mean '{close}'?" if close else ""
        raise UsageError(f"there is no run '{reference}'.{hint}\n  Fix: ordain runs list")

    def finished(self, key: str) -> Run | None:
        """Return the newest finished run with a key, or None."""
        for run in self.all():
            status = run.status
            if status.get("key") == key and status["state"] == FINISHED and run.bundle.exists():
                return run
        return None

    def _iterate(self) -> Iterator[Run]:
        for path in self.root.glob("*/*/status.json"):
            yield Run(path.parent)


def _run_of_version(reference: str, home: Path) -> str:
    """Return the run that a registered version comes from; other references as they are."""
    from ordain.store.registry.reference import parse

    asked = parse(reference)
    if asked is None or not asked.is_sure:
        return reference
    from ordain.store.registry import open_registry

    run = open_registry(home).find(asked).lineage.run
    if not run:
        raise UsageError(
            f"{asked} was registered without its run\n  Fix: name a run of: ordain runs list"
        )
    return run


def remove(path: Path) -> None:
    """Delete a file or a folder, where it is still there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def summary_line(run: Run) -> dict[str, Any]:
    """Return a run as one flat record, for tables."""
    status, metrics = run.status, run.metrics
    return {
        "run": run.reference,
        "state": status["state"],
        "model": status.get("model", ""),
        "started": status.get("started"),
        "seconds": status.get("seconds_total"),
        "tags": status.get("tags", []),
        "note": status.get("note", ""),
        "metrics": flatten_metrics(metrics.get("metrics", {}).get("test", {})),
    }


def flatten_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``{output.metric: value}``."""
    return {
        f"{output}.{metric}": value
        for output, values in metrics.items()
        for metric, value in values.items()
    }


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"


def _process() -> dict[str, Any]:
    import psutil

    process = psutil.Process()
    return {"pid": process.pid, "created": process.create_time()}


def _is_alive(process: Mapping[str, Any] | None) -> bool:
    import psutil

    if not process:
        return False
    try:
        return bool(psutil.Process(process["pid"]).create_time() == process["created"])
    except psutil.Error:
        return False
