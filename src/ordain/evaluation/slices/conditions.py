"""Conditions on one column, of which a search makes slices.

Each of a column's commoner values, every range between fifteen borders that part its rows evenly, a
missing cell; a column of texts gives topics (`topics.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ordain.evaluation.slices.topics import Topics, topics_of
from ordain.evaluation.slices.values import (
    Mask,
    borders_of,
    is_ordered,
    literal,
    missing_rows,
    quoted,
    rows_between,
    shown,
    sql_between,
)
from ordain.evaluation.subject import Subject

MAX_VALUES = 15
N_PARTS = 16

Holds = Callable[[pl.Series], Mask]


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        column: of the frame.
        name: in words.
        where: in SQL; empty for a topic.
        holds: says for which cells of the column it holds [N].
        rows: the same of the rows it was made from [N].
    """

    column: str
    name: str
    where: str
    holds: Holds
    rows: Mask


def conditions_of(subject: Subject) -> list[Condition]:
    """Return the conditions on every input of a subject, columns in the order of the config."""
    types = {column.column: column.type for column in subject.columns}
    return [
        condition
        for name, type_name in types.items()
        for condition in (
            _topics(subject.frame[name], seed=subject.seed)
            if type_name == "text"
            else _conditions(subject.frame[name])
        )
    ]


def _topics(texts: pl.Series, *, seed: int) -> Iterator[Condition]:
    topics = topics_of(texts, seed=seed)
    for place, name in enumerate(topics.names if topics else ()):
        assert topics is not None, "it has names"
        yield Condition(texts.name, name, "", _of_topic(topics, place), topics.group == place)


def _of_topic(topics: Topics, place: int) -> Holds:
    return lambda texts: np.asarray(topics.of(texts) == place)


def _conditions(series: pl.Series) -> Iterator[Condition]:
    name, missing = series.name, missing_rows(series)
    if missing.any():
        yield Condition(
            name, f"{name} is missing", f"{quoted(name)} is null", missing_rows, missing
        )
    known = series.filter(~pl.Series(missing))
    if not len(known) or known.dtype.is_nested():
        return
    is_range = is_ordered(series) and known.n_unique() > MAX_VALUES
    for said, where, holds in _ranges(known) if is_range else _values(known):
        yield Condition(name, said, where, holds, holds(series))


def _values(known: pl.Series) -> Iterator[tuple[str, str, Holds]]:
    name = known.name
    counts = known.value_counts().sort(["count", name], descending=[True, False])
    for value in counts.to_series(0).head(MAX_VALUES).to_list():
        yield f"{name} = {shown(value)}", f"{quoted(name)} = {literal(value)}", _equal_to(value)


def _equal_to(value: object) -> Holds:
    return lambda series: (series == value).fill_null(value=False).to_numpy()


def _ranges(known: pl.Series) -> Iterator[tuple[str, str, Holds]]:
    """Yield every range between borders but the one that holds all."""
    edges = [None, *borders_of(known, N_PARTS), None]
    for low, high in itertools.combinations(edges, 2):
        if low is None and high is None:
            continue
        bounds = ((">=", low), ("<", high))
        said = [f"{known.name} {sign} {shown(edge)}" for sign, edge in bounds if edge is not None]
        yield " and ".join(said), sql_between(known.name, low, high), _between(low, high)


def _between(low: object | None, high: object | None) -> Holds:
    return lambda series: rows_between(series, low, high)
