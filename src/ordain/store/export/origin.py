"""The run that a bundle comes from, wherever the bundle stands now.

A run's own bundle stands in its folder. The bundle of a registered version is a copy: the registry
names its run, and the run's bundle has the same digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ordain.store import bundle
from ordain.store.home import home
from ordain.store.registry import open_registry, parse
from ordain.store.runs import Run, Runs


@dataclass(frozen=True)
class Origin:
    """Where a bundle comes from.

    Attributes:
        run: reference of the run; empty where nothing names it.
        folder: of the run; None where it is gone, or holds another bundle by now.
    """

    run: str = ""
    folder: Path | None = None


def origin_of(folder: Path, reference: object, work_folder: str | None) -> Origin:
    """Return the run of a bundle.

    Args:
        folder: of the bundle.
        reference: by which it was found; of a registered version, the registry names the run.
        work_folder: where runs and registry are; `ORDAIN_HOME` or `.ordain` by default.
    """
    own = Run(folder.absolute().parent)
    if _is_run(own):
        return Origin(own.reference, own.folder)
    named = _registered_run(reference, work_folder)
    runs = Runs(home(work_folder))
    digest = bundle.digest(folder)
    for run in sorted(runs.all(), key=lambda run: run.reference != named):
        if (run.bundle / bundle.CHECKSUMS).exists() and bundle.digest(run.bundle) == digest:
            return Origin(named or run.reference, run.folder)
    return Origin(named)


def _is_run(run: Run) -> bool:
    return (run.folder / "status.json").exists()


def _registered_run(reference: object, work_folder: str | None) -> str:
    if not isinstance(reference, str) or Path(reference).exists():
        return ""
    asked = parse(reference)
    registry = open_registry(work_folder)
    if asked is None or not (asked.is_sure or registry.has(asked.name)):
        return ""
    return registry.find(asked).lineage.run
