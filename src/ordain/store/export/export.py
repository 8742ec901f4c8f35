"""The way in: a run or bundle becomes a file or folder that another system runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ordain.core.diagnostics import nearest
from ordain.core.errors import OrdainError, StoreError, UsageError
from ordain.core.files import store_errors
from ordain.data.spill import scratch_folder
from ordain.store.export.checking import Difference, check_rows, compare
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.origin import origin_of
from ordain.store.find import bundle_folder
from ordain.store.loading import load
from ordain.store.model import Model


@dataclass(frozen=True)
class Exported:
    """What was written, and how it was found to answer.

    Attributes:
        format: type name.
        path: file or folder.
        difference: from the bundle's answers.
        tolerance: that was allowed.
        notes: what is outside of it or left out.
        facts: of the format.
        n_bytes: of all files.
        seconds: of writing and checking.
    """

    format: str
    path: Path
    difference: Difference
    tolerance: float
    notes: tuple[str, ...]
    facts: Mapping[str, Any]
    n_bytes: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return what `export --json` prints."""
        return {
            "format": self.format,
            "output": str(self.path),
            "rows_checked": self.difference.n_rows,
            "largest_difference": self.difference.largest,
            "labels_changed": self.difference.n_labels,
            "tolerance": self.tolerance,
            "notes": list(self.notes),
            "bytes": self.n_bytes,
            "seconds": round(self.seconds, 3),
            **self.facts,
        }


def export(
    reference: str | Path | Model,
    output: str | Path,
    *,
    format: str,  # noqa: A002 - the word of the command
    options: Mapping[str, Any] | None = None,
    home: str | None = None,
) -> Exported:
    """Write a model in another format, checked against its own answers as it is made.

    Args:
        reference: a bundle folder, a registered version, a run, or a model that has a bundle.
        output: file or folder to make; nothing may stand there.
        format: ``onnx``, ``torch_export``, ``torchscript``, ``safetensors``, ``docker``,
            ``mlflow``, ``sql``, ``runtime``, ``handover``, or one that is registered.
        options: of the format.
        home: the work folder that runs and versions are looked for in.

    Raises:
        UsageError: an unknown format or option, one that does not fit the model, or a path that is
            taken.
        MissingExtraError: a package that the format needs is not installed.
        StoreError: it cannot be written, or answers otherwise than the bundle.
    """
    started = time.perf_counter()
    target = Path(output)
    chosen = _format(format, options or {})
    _check_target(chosen, target)
    chosen.require_packages()
    model = reference if isinstance(reference, Model) else load(bundle_folder(reference, home))
    if model.path is None:
        raise StoreError("this model has no bundle yet; train it with `ordain.train`")
    _check_family(chosen, model)
    with store_errors(target), scratch_folder(target.absolute().parent) as scratch:
        made = scratch / target.name
        written = chosen.write_from(model, made, origin_of(model.path, reference, home))
        difference = _checked(chosen, model, made, written)
        n_bytes = _flush(made)
        made.rename(target)
    return Exported(
        chosen.type, target, difference, chosen.allowed, written.notes, written.facts, n_bytes,
        time.perf_counter() - started,
    )  # fmt: skip


def _format(name: str, options: Mapping[str, Any]) -> ExportFormat:
    cls = EXPORTS.get(name)
    try:
        return cls.model_validate({**options, "type": cls.type_name()})
    except ValidationError as error:
        known = [key for key in cls.model_fields if key != "type"]
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(map(str, fault["loc"]))
            close = nearest(key, known)
            hint = f" Did you mean `{close}`?" if close else ""
            lines.append(
                f"`{key}` is not an option of `{name}`.{hint}"
                if fault["type"] == "extra_forbidden"
                else f"`{key}` of `{name}`: {fault['msg']}"
            )
        raise UsageError("\n".join([*lines, f"Options: {', '.join(known)}."])) from error


def _check_target(chosen: ExportFormat, target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise UsageError(f"{target} exists already\n  Fix: name a path where nothing stands")
    if not target.absolute().parent.is_dir():
        raise UsageError(
            f"{target} cannot be written: there is no folder '{target.absolute().parent}'\n"
            f"  Fix: mkdir -p {target.absolute().parent}"
        )
    suffix = chosen.suffix
    if suffix and target.suffix != suffix and not (chosen.takes_both and not target.suffix):
        raise UsageError(
            f"`{chosen.type}` writes a file that ends in '{suffix}', and not '{target.name}'\n"
            f"  Fix: --output {target.with_suffix(suffix)}"
        )


def _check_family(chosen: ExportFormat, model: Model) -> None:
    family = model.document.model_type.type
    if not chosen.families or family in chosen.families:
        return
    fitting = [
        name
        for name in EXPORTS.names()
        if not EXPORTS.get(name).families or family in EXPORTS.get(name).families
    ]
    raise UsageError(
        f"a `{family}` model does not fit the format `{chosen.type}`, which takes "
        f"{', '.join(sorted(chosen.families))}\n  Possible for it: {', '.join(fitting)}"
    )


def _checked(chosen: ExportFormat, model: Model, made: Path, written: Written) -> Difference:
    rows = check_rows(model)
    try:
        answers = chosen.answers(model, made, rows)
    except (OrdainError, OSError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StoreError(
            f"the export cannot be run, so that it is refused: {reason[:300]}"
        ) from error
    left_out = written.facts.get("left_out", ())
    return compare(model, rows, answers, tolerance=chosen.allowed, left_out=left_out)


def _flush(made: Path) -> int:
    """Bring all files to the disk; return their size in bytes."""
    total = 0
    for path in [made, *made.rglob("*")] if made.is_dir() else [made]:
        if path.is_file():
            total += path.stat().st_size
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return total
