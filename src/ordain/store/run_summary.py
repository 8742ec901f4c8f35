"""The summary of a run, kept in its folder so that a report can be drawn again.

runs/<name>/<id>/summary.json holds a `RunSummary` without loss, apart from numbers that are not
finite, which become null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ordain.core.errors import StoreError
from ordain.core.files import read_json, write_json
from ordain.evaluation.diagnosis.record import Diagnosis
from ordain.evaluation.summary import RunSummary
from ordain.store.runs import INTERRUPTED, Run

FILE = "summary.json"
DIAGNOSIS = "diagnosis.json"
"""What a diagnosis of the run writes; it takes the place of the first look."""


def write_summary(run: Run, summary: RunSummary) -> None:
    """Write the summary into the run folder, atomically.

    Raises:
        StoreError: the file cannot be written.
    """
    write_json(run.folder / FILE, _finite(summary.to_json()), indent=None)


def read_summary(run: Run) -> RunSummary:
    """Return the summary of a finished run, with what `ordain diagnose` has found since.

    Raises:
        StoreError: the run has none: it did not get so far, or an older version made it.
    """
    path = run.folder / FILE
    if not path.is_file():
        state = run.status["state"]
        fix = "train it again"
        if state == INTERRUPTED:
            fix = f"ordain train --resume {run.reference}"
        raise StoreError(
            f"the run {run.reference} ({state}) has no {FILE}, which the end of a training writes\n"
            f"  Fix: {fix}"
        )
    summary = RunSummary.model_validate(read_json(path))
    diagnosed = run.folder / DIAGNOSIS
    if not diagnosed.is_file():
        return summary
    return summary.model_copy(update={"diagnosis": Diagnosis.model_validate(read_json(diagnosed))})


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
