"""Explain a model over rows in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ordain.core.errors import DataError, UsageError
from ordain.core.randomness import generator
from ordain.evaluation.explain.counterfactual import Counterfactual, Goal
from ordain.evaluation.explain.explaining import (
    explain_output,
    explain_row,
    require_outputs,
    weights_of,
)
from ordain.evaluation.explain.explanation import Asked, Explanation, RowExplanation
from ordain.evaluation.sample import Array
from ordain.evaluation.subject import Subject
from ordain.store.model import Model
from ordain.store.subject import subject_of
from ordain.store.what_if import what_if

MAX_ROWS = 10_000
"""Rows that explanations rest on at most; of more an even sample is taken, which is said."""


def explain_frame(
    model: Model,
    rows: pl.DataFrame,
    *,
    row: int | Sequence[int] | None,
    output: str | None,
    asked: Asked,
) -> Explanation:
    """Return why a model answers as it does, over rows or for some of them; see `Model.explain`."""
    places = places_of(row)
    require_rows(places, rows.height)
    ids = sampled(rows.height, places, seed=model.document.seed)
    if model.depends_on_order:
        ids = np.arange(rows.height)
    subject, notes = subject_to_explain(model, rows[ids], ids, n_rows=rows.height, places=places)
    return explain_subject(
        model, subject, n_rows=rows.height, places=places, output=output, asked=asked, notes=notes
    )


def explain_subject(
    model: Model,
    subject: Subject,
    *,
    n_rows: int,
    places: Sequence[int],
    output: str | None,
    asked: Asked,
    reference: Subject | None = None,
    notes: tuple[str, ...] = (),
) -> Explanation:
    """Return the explanation of a model over a subject, or of the rows at some positions.

    Args:
        model: that the subject was made of.
        subject: whose `row_ids` number the rows, ascending.
        n_rows: rows that were given.
        places: numbers of the rows to explain; none explains the model over all.
        output: name of the output, or None for all.
        asked: what is wanted of a row.
        reference: see `explain_row`.
        notes: what is known already.
    """
    outputs = require_outputs([f.name for f in model.document.output_features], output)
    if not places:
        found = {name: explain_output(subject, name) for name in outputs}
        return Explanation(found, n_rows=n_rows, n_used=len(subject), notes=notes)
    if asked.goal != Goal() and len(outputs) > 1:
        raise UsageError(
            f"the model has {len(outputs)} outputs, and an answer is wanted of one\n"
            f"  Fix: say which: --output {outputs[0]}"
        )
    assert subject.row_ids is not None, "rows that are given are counted"
    known = subject if reference is None else reference
    weights = {name: weights_of(known, name) for name in outputs if asked.n_neighbours}
    rows = tuple(
        explain_row(
            subject,
            name,
            int(place),
            asked=asked,
            reference=reference,
            weights=weights.get(name),
        )
        for place in np.searchsorted(subject.row_ids, places)
        for name in outputs
    )
    rows, unusual = _asked_again(model, subject, rows, asked)
    more = (*_uncalibrated(model, rows), *_silent(model, outputs, asked), *unusual)
    return Explanation({}, rows, n_rows=n_rows, n_used=len(subject), notes=(*notes, *more))


def _asked_again(
    model: Model, subject: Subject, rows: tuple[RowExplanation, ...], asked: Asked
) -> tuple[tuple[RowExplanation, ...], tuple[str, ...]]:
    """Return the rows with their answers after the changes asked about, and what is unusual."""
    if not asked.changes:
        return rows, ()
    assert subject.row_ids is not None, "rows that are given are counted"
    found: dict[int, dict[str, Counterfactual]] = {}
    notes: dict[str, None] = {}
    for row in dict.fromkeys(one.row for one in rows):
        place = int(np.searchsorted(subject.row_ids, row))
        cells = subject.frame[place : place + 1]
        found[row], unusual = what_if(model, cells, asked.changes, row_id=row)
        notes |= dict.fromkeys(unusual)
    told = tuple(one.model_copy(update={"what_if": found[one.row].get(one.output)}) for one in rows)
    return told, tuple(notes)


def subject_to_explain(
    model: Model, rows: pl.DataFrame, ids: Array, *, n_rows: int, places: Sequence[int]
) -> tuple[Subject, tuple[str, ...]]:
    """Return the subject of a sample of rows, and what must be known of it.

    Args:
        model: to explain.
        rows: the sample.
        ids: positions of its rows among those given.
        n_rows: how many were given.
        places: positions of rows to explain, or none.
    """
    targets = [feature.column for feature in model.document.output_features]
    absent = [name for name in targets if name not in rows.columns]
    is_judged = not places and not absent
    subject = subject_of(model, rows, is_judged=is_judged, row_ids=ids)
    notes = []
    if len(ids) < n_rows:
        notes.append(f"of {n_rows:,} rows a sample of {len(ids):,} was taken")
    if not places and absent:
        shown = ", ".join(f"`{name}`" for name in absent)
        notes.append(f"importance needs the truth, and {shown} is not in the data")
    elif not places and len(subject) == 1:
        notes.append("importance needs more than one row")
    return subject, tuple(notes)


def places_of(row: int | Sequence[int] | None) -> list[int]:
    """Return the positions of rows asked for; none where the model is asked about."""
    if row is None:
        return []
    return [int(one) for one in np.atleast_1d(np.asarray(row, dtype=np.int64))]


def require_rows(places: Sequence[int], n_rows: int) -> None:
    """Check that rows are there.

    Raises:
        DataError: there is no row at all.
        UsageError: a row is not among them.
    """
    if n_rows == 0:
        raise DataError("the data holds no rows\n  Fix: give rows with --dataset")
    for place in places:
        if not 0 <= place < n_rows:
            count = "1 row" if n_rows == 1 else f"{n_rows:,} rows"
            raise UsageError(
                f"there is no row {place}: the data holds {count}, counted from 0\n"
                f"  Possible: 0 to {n_rows - 1}"
            )


def require_kept(places: Sequence[int], ids: Array, *, name: str, run: str) -> None:
    """Check that rows of a run's table stand in one of its sets.

    Args:
        places: rows of the table, counted from 0.
        ids: rows of the table that the set holds.
        name: of the set.
        run: its reference.

    Raises:
        UsageError: a row is in another set, or in none; the message names a few that are there.
    """
    if lost := [place for place in places if place not in ids]:
        few = ", ".join(str(one) for one in ids[:5])
        raise UsageError(
            f"row {lost[0]} is none of the {len(ids):,} {name} rows of run {run}; rows have the "
            "number they have in the table the run read, counted from 0\n"
            f"  Possible: {few}{' and so on' if len(ids) > 5 else ''}\n"  # noqa: PLR2004
            f"  Fix: take a row that `ordain errors {run}` names, or name the data: --dataset FILE"
        )


def sampled(n_rows: int, places: Sequence[int], *, seed: int, most: int = MAX_ROWS) -> Array:
    """Return positions of at most `most` of some rows, drawn evenly, and those named; ascending."""
    if n_rows <= most:
        return np.arange(n_rows)
    ids = generator(seed, "explain", "rows").choice(n_rows, most, replace=False)
    return np.union1d(ids, np.array(places, dtype=np.int64))


def _uncalibrated(model: Model, rows: Sequence[RowExplanation]) -> tuple[str, ...]:
    mended = {name for name, made in model.decisions.items() if made.calibration is not None}
    names = sorted({row.output for row in rows if row.scale == "log_odds"} & mended)
    shown = ", ".join(f"`{name}`" for name in names)
    return (f"what inputs add to {shown} is told before calibration",) if names else ()


def _silent(model: Model, outputs: Sequence[str], asked: Asked) -> tuple[str, ...]:
    """Return notes for what was asked and has nothing to say."""
    notes = []
    numbers = [f.name for f in model.document.output_features
               if f.name in outputs and f.type == "number"]  # fmt: skip
    if asked.n_counterfactuals and numbers and asked.goal == Goal():
        notes.append(
            f"what would change `{numbers[0]}` is told where it is said to what: --at-least, "
            "--at-most"
        )
    if asked.n_counterfactuals and all(f.type == "text" for f in model.document.inputs):
        notes.append("counterfactuals change no texts, and the model reads nothing else")
    return tuple(notes)
