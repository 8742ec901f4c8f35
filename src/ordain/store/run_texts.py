"""A run as a few small text files, to be committed beside the code.

    config.yaml     the filled config: every default, every inferred value
    lock.json       data fingerprint, split, seed, package versions, machine, commit
    metrics.json    this model and its baselines
    run.json        which run, its tags and note, what it took, its warnings
    README.md       the model card

No weights, no rows and no path. Equal runs give equal files but for `run.json`, and keys stand in
one order, so that a difference in version control is a difference of the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ordain.core.errors import UsageError
from ordain.core.files import write_json, write_text
from ordain.store.runs import Run

TEXTS = {"config.yaml": "config.yaml", "bundle/README.md": "README.md"}
TOLD = ("state", "model", "tags", "note", "verdict", "warnings", "account", "seconds")


def export_run(run: Run, folder: Path) -> list[Path]:
    """Write the files of a run into a folder, over those of an earlier export; return them.

    Raises:
        UsageError: the run has not finished, or the target is no folder.
        StoreError: the folder cannot be written.
    """
    if not run.bundle.exists():
        raise UsageError(
            f"run {run.reference} has no bundle: it is {run.status['state']}\n"
            f"  Fix: ordain train --resume {run.reference}"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file\n  Fix: name a folder to write to")
    written = []
    for source, target in TEXTS.items():
        write_text(folder / target, (run.folder / source).read_text(encoding="utf-8"))
        written.append(folder / target)
    status = run.status
    told = {"run": run.reference, **{key: status[key] for key in TOLD if key in status}}
    for name, content in (("lock", run.lock), ("metrics", run.metrics), ("run", told)):
        write_json(folder / f"{name}.json", in_key_order(content))
        written.append(folder / f"{name}.json")
    return written


def in_key_order(value: Any) -> Any:
    """Return plain data with the keys of every mapping sorted."""
    if isinstance(value, dict):
        return {key: in_key_order(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [in_key_order(item) for item in value]
    return value
