"""Dependence: what the model answers as one input is moved and all others stay.

Every row is asked again with the input set to each value of a grid (numbers: up to 12 quantiles of
the rows; words: the 12 commonest): the mean of the answers is the partial dependence, the answers
of single rows are the ICE curves. Two inputs moved together tell how far they interact: the
H statistic is the share of the joint effect's variance that the two alone do not explain.
Sources: Friedman 2001; Goldstein et al. 2015; Friedman and Popescu 2008.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Column, Encoded, Subject, Target
from ordain.features.encoded import EncodedColumn

N_ROWS = 300
N_CURVES = 20
N_POINTS = 12
N_WORDS = 12
N_INTERACTION_ROWS = 200
N_INTERACTION_POINTS = 6
_ROWS_A_CALL = 20_000


class Dependence(Record):
    """How an answer moves with one input.

    The answer is the probability of `label` for classes, and the prediction for a number.
    """

    output: str
    label: str = ""
    input: str
    is_ordered: bool
    """Whether the values are numbers, so that a line may join them."""
    values: tuple[float | str, ...]
    mean: tuple[float, ...]
    """Of the answers of all rows, by value."""
    curves: tuple[tuple[float, ...], ...]
    """Answers of single rows, by value."""
    shares: tuple[float, ...]
    """Of the rows that have the value, or are nearest to it."""
    n_rows: int


class Interaction(Record):
    """How far two inputs act together."""

    inputs: tuple[str, str]
    strength: float
    """0: each acts by itself; 1: only together."""
    label: str = ""
    """Class whose probability is followed; empty for a number."""
    values: tuple[tuple[float | str, ...], ...] = ()
    """Values of each of the two that were tried."""
    mean: tuple[tuple[float, ...], ...] = ()
    """Of the answers of all rows, by the value of the first and of the second."""


def dependence(
    subject: Subject,
    output: str,
    name: str,
    *,
    label: int | None = None,
    n_rows: int = N_ROWS,
) -> Dependence | None:
    """Return the partial dependence of an output on an input; None for texts and empty columns.

    Args:
        subject: at most `n_rows` of its rows are asked.
        output: name of the output.
        name: of the input feature.
        label: class whose probability is followed; by default the commonest among the answers.
        n_rows: see above.
    """
    column = next(column for column in subject.columns if column.name == name)
    values = grid_of(subject.frame[column.column], column.type, N_POINTS, N_WORDS)
    if values is None:
        return None
    part = subject.sample(n_rows, "dependence")
    target = part.targets[output]
    label = _followed(target) if label is None else label
    answers = np.stack(
        [answer_of(found, label) for found in _moved(part, column, values, output)], axis=1
    )
    is_ordered = values.dtype.is_numeric()
    return Dependence(
        output=output,
        label=target.labels[label] if target.labels else "",
        input=name,
        is_ordered=is_ordered,
        values=_spelled(values),
        mean=tuple(float(value) for value in answers.mean(axis=0)),
        curves=tuple(tuple(map(float, row)) for row in answers[:N_CURVES]),
        shares=_shares(part.frame[column.column], values),
        n_rows=len(part),
    )


def interactions(
    subject: Subject,
    output: str,
    names: Sequence[str],
    *,
    label: int | None = None,
    n_rows: int = N_INTERACTION_ROWS,
    n_points: int = N_INTERACTION_POINTS,
) -> tuple[Interaction, ...]:
    """Return how far each pair of the inputs named acts together, the strongest first.

    Args:
        subject: at most `n_rows` of its rows are asked.
        output: name of the output.
        names: of the inputs; texts among them are left out.
        label: class whose probability is followed, as in `dependence`.
        n_rows: see above.
        n_points: values of each input that are tried; pairs times rows times its square is what
            the model answers.
    """
    part = subject.sample(n_rows, "interactions")
    columns = [column for column in subject.columns if column.name in set(names)]
    followed = _followed(part.targets[output]) if label is None else label
    grids = {
        column.name: values
        for column in columns
        if (values := grid_of(part.frame[column.column], column.type, n_points, n_points))
        is not None
    }
    able = [column for column in columns if column.name in grids]
    alone = {
        column.name: _effect(_moved(part, column, grids[column.name], output), followed)
        for column in able
    }
    labels = part.targets[output].labels
    found = []
    for one, other in itertools.combinations(able, 2):
        means = _joint(part, (one, other), grids, output=output, label=followed)
        joint = means - means.mean()
        rest = joint - alone[one.name][:, None] - alone[other.name][None, :]
        total = float(np.sum(np.square(joint)))
        strength = float(np.sum(np.square(rest))) / total if total > 1e-12 else 0.0  # noqa: PLR2004
        found.append(
            Interaction(
                inputs=(one.name, other.name),
                strength=min(1.0, strength) ** 0.5,
                label=labels[followed] if labels else "",
                values=(_spelled(grids[one.name]), _spelled(grids[other.name])),
                mean=tuple(tuple(map(float, row)) for row in means),
            )
        )
    return tuple(sorted(found, key=lambda item: -item.strength))


def grid_of(column: pl.Series, type_name: str, n_points: int, n_words: int) -> pl.Series | None:
    """Return the values to try for an input: quantiles of numbers, the commonest words.

    None for a text, or where no cell is there.
    """
    known = column.drop_nulls()
    if column.dtype.is_float():
        known = known.filter(known.is_finite())
    if not len(known) or type_name == "text":
        return None
    is_date = type_name == "date" and known.dtype == pl.String  # in the form of ISO 8601, mostly
    if (_is_ordered(known.dtype) or is_date) and known.n_unique() > n_words:
        ordered = known.sort()
        places = np.unique(np.linspace(0, len(ordered) - 1, n_points).round().astype(int))
        return ordered.gather(places).unique(maintain_order=True)
    counts = (
        known.alias("value").value_counts(name="n").sort(["n", "value"], descending=[True, False])
    )
    values = counts["value"].head(n_words)
    return values.sort() if _is_ordered(known.dtype) else values


def set_input(encoded: Encoded, name: str, one: EncodedColumn, n_rows: int) -> Encoded:
    """Return the inputs with one of them the same in all rows; `one` has one row."""
    return {**encoded, name: one.take(np.zeros(n_rows, dtype=np.int64))}


def answer_of(scores: npt.NDArray[Any], label: int) -> npt.NDArray[np.float64]:
    """Return the followed answer [N]: of a class, of the positive class, or the number."""
    return np.asarray(scores if scores.ndim == 1 else scores[:, label], dtype=np.float64)


def _followed(target: Target) -> int:
    """Return the class to follow: the positive one, or the commonest of the answers."""
    if target.type != "category":
        return 1 if target.type == "binary" else 0
    return int(np.bincount(target.scores.argmax(axis=1), minlength=len(target.labels)).argmax())


def _moved(part: Subject, column: Column, values: pl.Series, output: str) -> list[Any]:
    """Return the answers [N] of the rows with an input set to each value.

    Several values are asked at once: a family's answer costs more by the call than by the row.
    """
    encoded, n_rows = part.encode(column.name, values, None), len(part)
    n_together = max(1, _ROWS_A_CALL // max(1, n_rows))
    found: list[Any] = []
    for first in range(0, len(values), n_together):
        places = np.arange(first, min(first + n_together, len(values)))
        rows = np.tile(np.arange(n_rows), len(places))
        inputs = {name: one.take(rows) for name, one in part.encoded.items()}
        inputs[column.name] = encoded.take(np.repeat(places, n_rows))
        found += np.split(part.score(inputs)[output], len(places))
    return found


def _effect(answers: list[Any], label: int) -> npt.NDArray[np.float64]:
    means = np.array([answer_of(found, label).mean() for found in answers])
    return np.asarray(means - means.mean())


def _joint(
    part: Subject,
    pair: tuple[Column, Column],
    grids: dict[str, pl.Series],
    *,
    output: str,
    label: int,
) -> npt.NDArray[np.float64]:
    one, other = pair
    first, second = (part.encode(column.name, grids[column.name], None) for column in pair)
    # All cells of the grid are asked at once, as in `_moved`.
    n_rows, shape = len(part), (len(first), len(second))
    rows = np.tile(np.arange(n_rows), shape[0] * shape[1])
    cells = np.repeat(np.indices(shape).reshape(2, -1), n_rows, axis=1)
    inputs = {name: column.take(rows) for name, column in part.encoded.items()}
    inputs |= {one.name: first.take(cells[0]), other.name: second.take(cells[1])}
    answers = answer_of(part.score(inputs)[output], label)
    return np.asarray(answers.reshape(*shape, n_rows).mean(axis=2))


def _spelled(values: pl.Series) -> tuple[float | str, ...]:
    is_ordered = values.dtype.is_numeric()
    return tuple(float(value) if is_ordered else str(value) for value in values.to_list())


def _shares(column: pl.Series, values: pl.Series) -> tuple[float, ...]:
    known = column.drop_nulls()
    if known.dtype.is_float():
        known = known.filter(known.is_finite())
    if not len(known):
        return tuple(0.0 for _ in range(len(values)))
    if _is_ordered(values.dtype):
        points, own = (one.to_physical().cast(pl.Float64).to_numpy() for one in (values, known))
        place = np.searchsorted((points[1:] + points[:-1]) / 2, own)
        counts = np.bincount(place, minlength=len(points))
        return tuple(float(count) / len(known) for count in counts)
    counts_of = dict(known.alias("value").value_counts(name="n").iter_rows())
    return tuple(counts_of.get(value, 0) / len(known) for value in values.to_list())


def _is_ordered(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype.is_temporal()
