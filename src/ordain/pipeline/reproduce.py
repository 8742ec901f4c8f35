"""Train a run again and compare the bytes of the two bundles."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.core.errors import UsageError
from ordain.core.events import Listener
from ordain.pipeline.train import Options, execute, original
from ordain.store import bundle
from ordain.store.home import home as work_folder
from ordain.store.lock import lock_differences
from ordain.store.runs import Run, Runs

STAGE_KEYS = frozenset({"key", "split", "fit"})


@dataclass(frozen=True)
class Verdict:
    """Whether a run came out the same.

    Attributes:
        files: of the bundle that differ.
        causes: what of the lock differs: data, versions, machine, code.
        metrics: those that differ, with both values.
    """

    run: str
    is_same: bool
    files: tuple[str, ...]
    causes: tuple[str, ...]
    metrics: tuple[str, ...]

    @property
    def text(self) -> str:
        """The verdict for a person."""
        if self.is_same:
            return f"{self.run}: the same, byte for byte."
        lines = [f"{self.run}: not the same."]
        lines += [f"  differs: {name}" for name in self.files]
        lines += [f"  metric {line}" for line in self.metrics]
        lines += [f"  cause: {line}" for line in self.causes] or [
            "  cause: nothing in the lock differs"
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return what `reproduce --json` prints."""
        return {
            "run": self.run,
            "same": self.is_same,
            "files": list(self.files),
            "causes": list(self.causes),
            "metrics": list(self.metrics),
        }


def reproduce(
    reference: str,
    data: Any = None,
    *,
    home: Path | str | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Verdict:
    """Train a run again, from the rows on and without the cache, and compare.

    Raises:
        UsageError: no such run, or its rows were a data frame that is not given again.
        DataError: the rows cannot be read any more.
    """
    run = Runs(work_folder(home)).find(reference)
    if not run.bundle.exists():
        raise UsageError(f"run {run.reference} has no bundle: it is {run.status['state']}")
    config, given = original(run, data)
    with tempfile.TemporaryDirectory(prefix="ordain-reproduce-") as folder:
        options = Options(home=Path(folder), force=True, listeners=listeners)
        again = execute(config, given, options).run
        verdict = compare(run, again)
    when = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    run.update(reproduced={"same": verdict.is_same, "when": when})
    return verdict


def compare(before: Run, after: Run) -> Verdict:
    """Return how the bundles of two runs differ."""
    first, second = bundle.content(before.bundle), bundle.content(after.bundle)
    files = tuple(name for name in sorted({*first, *second}) if first.get(name) != second.get(name))
    return Verdict(
        run=before.reference,
        is_same=not files,
        files=files,
        causes=_causes(before.lock, after.lock),
        metrics=tuple(
            lock_differences(before.metrics.get("metrics", {}), after.metrics.get("metrics", {}))
        ),
    )


def _causes(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """Return what differs in two locks, as people read it.

    The keys of stages are digests of the rest: that they differ says something only where nothing
    else does.
    """
    told = [
        {name: value for name, value in lock.items() if name not in STAGE_KEYS}
        for lock in (before, after)
    ]
    found = lock_differences(*told)
    if not found and before != after:
        found = ["the steps of this version of ordain compute otherwise than those of the run"]
    return tuple(found)
