"""What a user means by BUNDLE: a folder, or a run."""

from __future__ import annotations

from pathlib import Path

from ordain.core.errors import UsageError
from ordain.store import bundle
from ordain.store.home import home
from ordain.store.runs import Runs


def bundle_folder(reference: str | Path, work_folder: str | None = None) -> Path:
    """Return the bundle folder of a path or a run, of this work folder or of the usual one.

    Raises:
        UsageError: neither a bundle nor a run with one; says what was looked for.
    """
    folder = Path(reference)
    for candidate in (folder, folder / "bundle"):
        if (candidate / bundle.CHECKSUMS).exists():
            return candidate
    if folder.exists():
        return folder
    try:
        run = Runs(home(work_folder)).find(str(reference))
    except UsageError as error:
        raise UsageError(
            f"'{reference}' is neither a bundle folder nor a run: {error.message}"
        ) from error
    if not run.bundle.exists():
        raise UsageError(
            f"run {run.reference} has no bundle: it is {run.status['state']}\n"
            f"  Fix: ordain train --resume {run.reference}"
        )
    return run.bundle
