"""Explanation by example: the known rows that are most like a row, as the model reads them.

Rows are compared by their encoded inputs: numbers by how many standard deviations they differ
(at most three), words by whether they are the same, texts by the angle between their bags of
terms. Each input counts by its importance where that is known, else all count alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Subject
from ordain.features.encoded import EncodedColumn, Kind

FAR = 3.0
"""Standard deviations from which numbers count as wholly different."""


class Neighbour(Record):
    """A known row that is like the one explained."""

    row: int
    """Position in the reference rows."""
    distance: float
    """0: the same in every input; 1: different in all."""
    truth: str | float | None
    """What the output was."""
    values: dict[str, Any]
    """Inputs of the row as they were read."""


def nearest_rows(
    reference: Subject,
    subject: Subject,
    row: int,
    *,
    output: str,
    n_rows: int = 5,
    weights: Mapping[str, float] | None = None,
) -> tuple[Neighbour, ...]:
    """Return the reference rows nearest to one row, the nearest first.

    Args:
        reference: known rows, such as those of training.
        subject: holds the row to explain.
        row: position of the row in the subject.
        output: whose truth is told beside each.
        n_rows: how many.
        weights: of the inputs, such as their importance; those that are not there count nothing.
    """
    names = [column.name for column in subject.columns]
    given = {name: max(0.0, (weights or {}).get(name, 0.0 if weights else 1.0)) for name in names}
    total = sum(given.values())
    if total == 0:
        given, total = dict.fromkeys(names, 1.0), float(len(names))
    distance = np.zeros(len(reference))
    for name in names:
        if given[name]:
            own = subject.encoded[name].rows(row, row + 1)
            distance += given[name] / total * _distances(reference.encoded[name], own)
    count = min(n_rows, len(reference))
    nearest = np.argsort(distance, kind="stable")[:count]
    target = reference.targets[output]
    columns = [column.column for column in subject.columns]
    shown = reference.frame.select(columns)[nearest].to_dicts()
    return tuple(
        Neighbour(
            row=int(place if reference.row_ids is None else reference.row_ids[place]),
            distance=float(distance[place]),
            truth=_truth(target, int(place)),
            values={name: _plain(value) for name, value in values.items()},
        )
        for place, values in zip(nearest, shown, strict=True)
    )


def _distances(column: EncodedColumn, own: EncodedColumn) -> npt.NDArray[np.float64]:
    """Return how far each row's cell is from one cell, from 0 to 1 [N]."""
    if column.kind == Kind.INDEX:
        return np.asarray(column.values != own.values[0], dtype=np.float64)
    if column.kind in {Kind.TOKENS, Kind.BAG}:
        return 1.0 - _cosine(column, own)
    values = np.nan_to_num(np.asarray(column.values, dtype=np.float64).reshape(len(column), -1))
    cell = np.nan_to_num(np.asarray(own.values, dtype=np.float64).reshape(1, -1))
    spread = values.std(axis=0)
    spread[spread == 0] = 1.0
    steps = np.abs(values - cell) / spread
    return np.asarray(np.minimum(steps, FAR).mean(axis=1) / FAR)


def _cosine(column: EncodedColumn, own: EncodedColumn) -> npt.NDArray[np.float64]:
    assert column.offsets is not None, "texts are ragged"
    ids, weights = _terms(own)
    known = {int(i): float(w) for i, w in zip(ids, weights, strict=True)}
    table = np.zeros(max(int(column.values.max(initial=0)), int(ids.max(initial=0))) + 1)
    for place, weight in known.items():
        table[place] = weight
    given = (
        np.ones(len(column.values))
        if column.weights is None
        else np.asarray(column.weights, dtype=np.float64)
    )
    row = np.repeat(np.arange(len(column)), np.diff(column.offsets))
    product = np.bincount(row, given * table[column.values], minlength=len(column))
    length = np.sqrt(np.bincount(row, np.square(given), minlength=len(column)))
    norm = length * np.sqrt(np.square(weights).sum())
    return np.asarray(np.divide(product, norm, out=np.zeros(len(column)), where=norm > 0))


def _terms(own: EncodedColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    if own.weights is not None:
        return own.values, np.asarray(own.weights, dtype=np.float64)
    ids, counts = np.unique(own.values, return_counts=True)
    return ids, counts.astype(np.float64)


def _truth(target: Any, place: int) -> str | float | None:
    if not target.is_judged[place]:
        return None
    value = target.truth[place]
    return target.labels[int(value)] if target.labels else float(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
