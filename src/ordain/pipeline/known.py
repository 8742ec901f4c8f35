"""The rows of a run, read again: those it learned from and those it was judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import UsageError
from ordain.core.events import Events, Listener
from ordain.data.table import Table
from ordain.evaluation.evaluate import deciding_set
from ordain.pipeline.blueprint import Blueprint
from ordain.pipeline.cache import Cache
from ordain.pipeline.opening import open_config, split_rows
from ordain.pipeline.splits import Split
from ordain.pipeline.stages import Stages
from ordain.pipeline.train import original
from ordain.store.explain import require_kept, sampled
from ordain.store.home import home as work_folder
from ordain.store.home import prepare_home
from ordain.store.model import Model
from ordain.store.runs import Run


@dataclass(frozen=True)
class Known:
    """A run's rows and how they were split, from its own inputs."""

    run: Run
    blueprint: Blueprint
    split: Split
    split_key: str
    stages: Stages

    def rows(self, name: str, n_rows: int) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
        """Return at most `n_rows` rows of a set, drawn evenly, and their places in the table."""
        ids = np.sort(np.asarray(self.split.rows(name)))
        ids = ids[sampled(len(ids), (), seed=self.blueprint.document.seed, most=n_rows)]
        return self.blueprint.rows.table.rows(ids), ids


def known_of(
    run: Run, *, home: Path | str | None = None, listeners: tuple[Listener, ...] = ()
) -> Known:
    """Return the rows of a run, read again from where it had them.

    Raises:
        UsageError: they were a data frame.
        DataError: they are not there any more.
    """
    folder = work_folder(home)
    prepare_home(folder)
    stages = Stages(Cache(folder / "cache"), Events(*listeners))
    config, given = original(run)
    opened = open_config(stages, config, given)
    blueprint = opened.blueprint
    split, key = split_rows(stages, blueprint)
    return Known(run, blueprint, split, key, stages)


def run_of(model: Model) -> Run | None:
    """Return the run that a model's bundle still stands in, or None."""
    if model.path is None or not (model.path.parent / "inputs.json").exists():
        return None
    return Run(model.path.parent)


def rows_of_run(
    model: Model, rows: Sequence[int], home: Path | str | None = None
) -> tuple[Table, npt.NDArray[np.int64], str]:
    """Return the table a model's run has read, and the rows of it that decide, ascending.

    Args:
        model: opened from a run's bundle.
        rows: of the table, that must be among them.
        home: the work folder.

    Returns:
        Table, rows of the deciding set, and what that set is called.

    Raises:
        UsageError: the bundle does not stand in its run, or a row is not among those that decide.
    """
    run = run_of(model)
    if run is None:
        raise UsageError(
            "no rows are given, and the bundle does not stand in its run\n"
            "  Fix: name rows with --dataset FILE"
        )
    known = known_of(run, home=home)
    name = deciding_set(known.split.sizes)
    ids = np.sort(np.asarray(known.split.rows(name)))
    require_kept(rows, ids, name=name, run=run.reference)
    return known.blueprint.rows.table, ids, f"{name} rows of run {run.reference}"
