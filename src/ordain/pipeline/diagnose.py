"""Diagnose a run: what holds the model back, and what to try.

What costs no training comes first: gaps between the sets, noise, upkeep of the inputs, damages.
Then models learn again while the budget lasts: on parts of the rows, on old windows of time, and
with the patches that were found, to measure what they bring on validation rows. Ctrl-C keeps what
is done. The findings go into the run folder: `diagnosis.json` and a file a patch in `patches/`.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ordain.core.errors import UsageError
from ordain.core.events import Listener
from ordain.core.files import write_json
from ordain.evaluation.diagnosis.record import Diagnosis
from ordain.pipeline.diagnosis import Work, deciding_metric, looked_at
from ordain.pipeline.patches import FOLDER, patched, unified, write_patch
from ordain.pipeline.relearning import learned_again
from ordain.pipeline.reopen import (
    Pace,
    find_run,
    prepared_of,
    reopen,
    stages_of,
)
from ordain.pipeline.train import Options, interruptible
from ordain.store.loading import load
from ordain.store.run_summary import DIAGNOSIS

BUDGET_SECONDS = 60.0


def diagnose(
    run: str,
    *,
    budget: float = BUDGET_SECONDS,
    data: Any = None,
    home: Path | str | None = None,
    listeners: tuple[Listener, ...] = (),
    handle_interrupt: bool = False,
) -> Diagnosis:
    """Return what holds a run's model back, with patches of its config.

    Args:
        run: as `Runs.find` takes it.
        budget: seconds to spend; what does not fit is left out, and told.
        data: the rows, where they have moved.
        home: the work folder.
        listeners: told of every event.
        handle_interrupt: end with what is done at Ctrl-C.

    Raises:
        UsageError: no such run, it has no bundle, or its rows were a frame that is not given again.
        DataError: the rows cannot be read any more.
    """
    found = find_run(run, home)
    stages = stages_of(home, listeners, seconds=budget)
    with interruptible(stages.stop, Options(Path(), handle_interrupt=handle_interrupt)):
        again = reopen(found, stages, data)
        model = load(found.bundle)
        prepared = prepared_of(again, stages)
        metrics = {
            feature.name: deciding_metric(model, feature.name, feature.type)
            for feature in model.document.output_features
        }
        work = Work(again, model, stages, prepared, Pace(), metrics)
        if not again.is_same:
            work.notes.append(
                "the rows, or the steps of this version, have changed since the run: sets are not "
                "those it was trained with"
            )
        outputs = looked_at(work)
        outputs = learned_again(work, outputs)
    diagnosis = Diagnosis(
        run=found.reference,
        outputs=outputs,
        seconds=round(stages.clock.elapsed, 3),
        left_out=tuple(dict.fromkeys(work.left_out)),
        notes=tuple(work.notes),
    )
    return _kept(diagnosis, found.folder)


def _kept(diagnosis: Diagnosis, folder: Path) -> Diagnosis:
    """Write the findings and patches into a run folder, and say where."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    text = (folder / "written.yaml").read_text(encoding="utf-8")
    files, diffs = {}, {}
    for finding in diagnosis.findings:
        for patch in finding.patches:
            if patch.name in files:
                continue
            files[patch.name] = str(write_patch(patch, folder / FOLDER))
            try:
                diffs[patch.name] = unified(text, patched(text, patch), "config.yaml")
            except UsageError as error:
                diffs[patch.name] = f"# {error.message.splitlines()[0]}\n"
    kept = diagnosis.model_copy(update={"patches": files, "diffs": diffs})
    write_json(folder / DIAGNOSIS, kept.to_json())
    return kept
