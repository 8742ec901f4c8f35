"""Explain a model: what it rests on, and why single rows got their answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import OrdainError, UsageError
from ordain.data.splitter import TRAIN
from ordain.data.table import Table
from ordain.evaluation.explain.counterfactual import Goal
from ordain.evaluation.explain.explaining import require_outputs
from ordain.evaluation.explain.explanation import Asked, Explanation
from ordain.evaluation.subject import Subject
from ordain.pipeline.inputs import as_rows
from ordain.pipeline.known import known_of, rows_of_run, run_of
from ordain.store.explain import (
    explain_subject,
    places_of,
    require_rows,
    sampled,
    subject_to_explain,
)
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.subject import subject_of

MAX_KNOWN_ROWS = 20_000
"""Training rows that neighbours are looked for among."""


def explain(
    bundle: str | Path | Model,
    data: Any = None,
    *,
    row: int | Sequence[int] | None = None,
    output: str | None = None,
    immutable: Collection[str] = (),
    wanted: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    n_counterfactuals: int = 3,
    n_neighbours: int = 5,
    changes: Mapping[str, Any] | None = None,
    home: Path | str | None = None,
) -> Explanation:
    """Return why a model answers as it does, over all rows or for the rows named.

    Args:
        bundle: a bundle folder, a run, a registered version such as `churn@champion`, or a model.
        data: a reference or a data frame; by default the test rows of the run. The target may be
            missing, but importance needs it.
        row: a row, or several, counted from 0: of the data given, else of the table that the run
            read, as `errors` and the report number it; None explains the model over all.
        output: name of the output; all by default.
        immutable: inputs that counterfactuals may not change.
        wanted: class that counterfactuals lead to; by default any other.
        at_least: number that counterfactuals reach, for a number.
        at_most: highest number that counterfactuals may give.
        n_counterfactuals: ways to another answer that are looked for at most.
        n_neighbours: known rows most like a row; of the training rows where the bundle stands in
            its run, else of the rows given.
        changes: values by input, to ask the rows again with: what if it were so.
        home: the work folder; `ORDAIN_HOME` or `.ordain` by default.

    Raises:
        UsageError: a row, output, input or class that is not there; no rows.
        DataError: an input column is missing, or there are no rows.
    """
    model = bundle if isinstance(bundle, Model) else load(bundle, home=home)
    require_outputs([f.name for f in model.document.output_features], output)
    places = places_of(row)
    if changes and not places:
        raise UsageError("changes are asked about of a row\n  Fix: name it: row=0, or --row 0")
    given = _of_run if data is None else _of_data
    subject, n_rows, notes = given(model, data, places, home)
    reference, more = _reference(model, home) if n_neighbours and places else (None, ())
    return explain_subject(
        model,
        subject,
        n_rows=n_rows,
        places=places,
        output=output,
        asked=Asked(
            goal=Goal(wanted, at_least, at_most),
            immutable=tuple(immutable),
            n_counterfactuals=n_counterfactuals,
            n_neighbours=n_neighbours,
            changes=dict(changes or {}),
        ),
        reference=reference,
        notes=(*notes, *more),
    )


def _of_data(
    model: Model, data: Any, places: Sequence[int], home: Path | str | None
) -> tuple[Subject, int, tuple[str, ...]]:
    """Return the subject of rows that are given, how many there are, and notes."""
    del home
    from ordain.data import open_source, read_table

    table = read_table(open_source(as_rows(data)))
    require_rows(places, table.n_rows)
    model.require(table.schema.names())
    frame, ids = _picked(model, table, places)
    subject, notes = subject_to_explain(model, frame, ids, n_rows=table.n_rows, places=places)
    return subject, table.n_rows, notes


def _of_run(
    model: Model, data: Any, places: Sequence[int], home: Path | str | None
) -> tuple[Subject, int, tuple[str, ...]]:
    """Return the same of the rows of the run that its metrics are of."""
    del data
    table, ids, told = rows_of_run(model, places, home)
    at = sampled(len(ids), np.searchsorted(ids, places).tolist(), seed=model.document.seed)
    frame = table.rows(ids[at])
    subject, notes = subject_to_explain(model, frame, ids[at], n_rows=len(ids), places=places)
    return subject, len(ids), (f"explained by the {told}", *notes)


def _picked(
    model: Model, table: Table, places: Sequence[int]
) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """Return an even sample of a table that holds the rows named, and their positions.

    Columns that the model does not read are left out, unless its config computes with any.
    """
    data = model.document.data
    targets = [feature.column for feature in model.document.output_features]
    wanted = {*model.input_columns, *targets}
    if not (data.where or data.columns):
        names = [name for name in table.schema.names() if name in wanted]
        table = replace(table, frame=table.frame.select(names))
    ids = sampled(table.n_rows, places, seed=model.document.seed)
    if model.depends_on_order or len(ids) == table.n_rows:
        return table.frame.collect(), np.arange(table.n_rows)
    return table.rows(ids), ids


def _reference(model: Model, home: Path | str | None) -> tuple[Subject | None, tuple[str, ...]]:
    """Return the training rows of a model's run; None where they cannot be read again."""
    run = run_of(model)
    if run is None:
        return None, ("neighbours are looked for among the rows given",)
    try:
        frame, ids = known_of(run, home=home).rows(TRAIN, MAX_KNOWN_ROWS)
    except OrdainError as error:
        why = error.message.partition("\n")[0]
        return None, (f"neighbours are looked for among the rows given, since {why}",)
    subject = subject_of(model, frame, is_judged=False, row_ids=ids, name=TRAIN)
    return subject, (f"neighbours are training rows of run {run.reference}",)
