"""What a user means by BUNDLE: a folder, a registered version, or a run."""

from __future__ import annotations

from pathlib import Path

from ordain.core.errors import UsageError
from ordain.store import bundle
from ordain.store.home import home
from ordain.store.runs import Runs


def bundle_folder(
    reference: str | Path, work_folder: Path | str | None = None, registry: str | None = None
) -> Path:
    """Return the bundle folder of a path, a registered version or a run.

    Args:
        reference: a folder; `churn@champion` or `churn/3`, also after `models:/`; a run's name, id,
            or ``latest``.
        work_folder: `ORDAIN_HOME` or `.ordain` by default.
        registry: URI of it; `ORDAIN_REGISTRY_URI` by default, else the work folder's own.

    Raises:
        UsageError: none of these; says what was looked for.
        BundleError: the bundle of a registered version is gone, damaged, or another.
    """
    folder = Path(reference)
    for candidate in (folder, folder / "bundle"):
        if (candidate / bundle.CHECKSUMS).exists():
            return candidate
    if folder.exists():
        return folder
    registered = _registered(str(reference), work_folder, registry)
    if registered is not None:
        return registered
    try:
        run = Runs(home(work_folder)).find(str(reference))
    except UsageError as error:
        raise UsageError(
            f"'{reference}' is neither a bundle folder nor a run: {error.message}"
            f"{_registered_as(str(reference), work_folder, registry)}"
        ) from error
    if not run.bundle.exists():
        raise UsageError(
            f"run {run.reference} has no bundle: it is {run.status['state']}\n"
            f"  Fix: ordain train --resume {run.reference}"
        )
    return run.bundle


def other_meaning(reference: str, work_folder: Path | str | None = None) -> str:
    """Return a line that says what else a run's name may mean: a registered model; else nothing."""
    if Path(reference).exists():
        return ""
    also = _registered_as(reference, work_folder, None)
    return f"`{reference}` is taken as the newest run of that name.{also}" if also else ""


def _registered_as(name: str, work_folder: Path | str | None, registry: str | None) -> str:
    """Return how to write a model of that name which is registered here; empty where none is."""
    from ordain.store.registry import open_registry
    from ordain.store.registry.reference import is_name

    opened = open_registry(work_folder, registry)
    if not is_name(name) or opened.place.is_server or not opened.has(name):
        return ""
    return f"\n  Or, of the registered model: {name}@champion, or {name}/VERSION"


def _registered(
    reference: str, work_folder: Path | str | None, registry: str | None
) -> Path | None:
    """Return the bundle of a registered version; None where the reference means none."""
    from ordain.store.registry.reference import parse

    asked = parse(reference)
    if asked is None:
        return None
    from ordain.store.registry import open_registry

    opened = open_registry(work_folder, registry)
    # `churn/2026` may be the start of a run's id.
    if not asked.is_sure and not opened.has(asked.name):
        return None
    return opened.fetch(opened.find(asked)).bundle
