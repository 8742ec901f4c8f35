"""Rows on which two runs differ: those that one judges better than the other, and worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.evaluation.losses import predicted_class, row_losses
from ordain.evaluation.pairs import flipped_rows
from ordain.evaluation.scores import SetScores, sample_of
from ordain.evaluation.subject import Target
from ordain.pipeline.comparison import Flipped, Flips
from ordain.pipeline.shared_rows import Shared
from ordain.store.model import Model

N_EXAMPLES = 5


def flips_of(run: str, first: Target, other: Target, shared: Shared, model: Model) -> Flips:
    """Return how many rows a run judges better and worse than the first, with the clearest few.

    Args:
        run: that the flips are of.
        first: truth and scores of the run that is the reference.
        other: truth and scores of this run, over the same labels.
        shared: the rows.
        model: of the first run; its inputs are shown.
    """
    rows = np.flatnonzero(first.is_judged)
    if not len(rows):
        return Flips(run=run, better=0, worse=0, same=0)
    samples = [
        sample_of(
            one.type,
            SetScores(one.truth[rows], one.scores[rows], threshold=one.threshold),
            one.scores[rows],
            None,
            labels=one.labels,
        )
        for one in (other, first)
    ]
    better, worse = (np.asarray(found) for found in flipped_rows(*samples))
    change = row_losses(other.take(rows)) - row_losses(first.take(rows))
    order = np.argsort(change, kind="stable")
    n_better, n_worse = int(better.sum()), int(worse.sum())
    gained = rows[order[better[order]]][:N_EXAMPLES]
    lost = rows[order[::-1][worse[order[::-1]]]][:N_EXAMPLES]
    by_row = dict(zip(rows.tolist(), change.tolist(), strict=True))
    return Flips(
        run=run,
        better=n_better,
        worse=n_worse,
        same=len(rows) - n_better - n_worse,
        examples_better=_examples(gained, first, other, shared, model=model, change=by_row),
        examples_worse=_examples(lost, first, other, shared, model=model, change=by_row),
    )


def _examples(
    rows: npt.NDArray[np.int64],
    first: Target,
    other: Target,
    shared: Shared,
    *,
    model: Model,
    change: Mapping[int, float],
) -> tuple[Flipped, ...]:
    columns = [name for name in model.input_columns if name in shared.frame.columns]
    cells = shared.frame.select(columns)[rows].to_dicts()
    before, after = (_answers(one.take(rows)) for one in (first, other))
    truth = _named(first.truth[rows], first.labels)
    return tuple(
        Flipped(
            row=int(shared.row_ids[row]),
            truth=truth[place],
            before=before[place],
            after=after[place],
            change=change[int(row)],
            values={name: _plain(value) for name, value in cells[place].items()},
        )
        for place, row in enumerate(rows.tolist())
    )


def _answers(target: Target) -> list[str | float]:
    values = target.scores if target.type == "number" else predicted_class(target)
    return _named(values, target.labels)


def _named(values: npt.NDArray[Any], labels: tuple[str, ...]) -> list[str | float]:
    if labels:
        return [labels[int(value)] for value in values]
    return [float(value) for value in values]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
