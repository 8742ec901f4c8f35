"""Permutation importance: how much worse the model gets when an input is shuffled.

The loss of every row (`losses.py`) is compared with its mean loss under one shuffle or more of the
input among the rows; the mean of the differences is the importance, and their spread over the rows
gives its interval. Inputs that say the same thing share their importance: shuffling one
leaves the other to answer. Where the split keeps entities together, their rows count as one in the
interval.
Source: Breiman 2001; Fisher, Rudin and Dominici 2019.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ordain.core.randomness import generator
from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import NAMES, Floats, row_losses
from ordain.evaluation.subject import Encoded, Subject, Target

N_ROWS = 2_000
N_REPEATS = 1
Z = 1.959963984540054


class Importance(Record):
    """How much an output needs one input."""

    input: str
    type: str
    increase: float
    """Of the mean loss of the rows when the input is shuffled."""
    low: float
    """Of the 95% interval of the increase."""
    high: float
    share: float
    """Of the increases of all inputs that have one above zero."""


class ImportanceTable(Record):
    """The inputs of one output, the most important first."""

    output: str
    loss: str
    """What the loss is called."""
    base: float
    """Mean loss with all inputs as they are."""
    n_rows: int
    n_repeats: int
    inputs: tuple[Importance, ...]


def permutation_importance(
    subject: Subject, *, n_rows: int = N_ROWS, n_repeats: int = N_REPEATS
) -> dict[str, ImportanceTable]:
    """Return the importance of every input for every output that has rows to judge.

    Args:
        subject: at most `n_rows` of its rows are used, drawn evenly.
        n_rows: see above.
        n_repeats: shuffles of each input.
    """
    part = subject.sample(n_rows, "importance")
    if len(part) < 2:  # noqa: PLR2004 - one row cannot be shuffled
        return {}
    base = {name: row_losses(target) for name, target in part.targets.items()}
    increases: dict[str, dict[str, Floats]] = {name: {} for name in base}
    for column in part.columns:
        total = {name: np.zeros(len(part)) for name in base}
        for repeat in range(n_repeats):
            random = generator(subject.seed, "importance", column.name, str(repeat))
            shuffled = _shuffled(part.encoded, column.name, random.permutation(len(part)))
            for name, scores in part.score(shuffled).items():
                total[name] += row_losses(replace(part.targets[name], scores=scores))
        for name, losses in base.items():
            increases[name][column.name] = total[name] / n_repeats - losses
    types = {column.name: column.type for column in part.columns}
    return {
        name: _table(
            part.targets[name],
            losses,
            increases[name],
            types=types,
            n_repeats=n_repeats,
            groups=part.groups,
        )
        for name, losses in base.items()
        if not np.isnan(losses).all()
    }


def _shuffled(encoded: Encoded, name: str, order: npt.NDArray[np.int64]) -> Encoded:
    return {**encoded, name: encoded[name].take(order)}


def _table(
    target: Target,
    losses: Floats,
    increases: dict[str, Floats],
    *,
    types: dict[str, str],
    n_repeats: int,
    groups: npt.NDArray[np.int64] | None,
) -> ImportanceTable:
    known = ~np.isnan(losses)
    means = {name: float(values[known].mean()) for name, values in increases.items()}
    total = sum(max(value, 0.0) for value in means.values())
    found = []
    for name, values in increases.items():
        reach = Z * _error(values[known], None if groups is None else groups[known])
        found.append(
            Importance(
                input=name,
                type=types[name],
                increase=means[name],
                low=means[name] - reach,
                high=means[name] + reach,
                share=max(means[name], 0.0) / total if total > 0 else 0.0,
            )
        )
    found.sort(key=lambda item: -item.increase)
    return ImportanceTable(
        output=target.name,
        loss=NAMES[target.type],
        base=float(losses[known].mean()),
        n_rows=int(known.sum()),
        n_repeats=n_repeats,
        inputs=tuple(found),
    )


def _error(values: Floats, groups: npt.NDArray[np.int64] | None) -> float:
    """Return the standard error of a mean; rows of a group are added up first."""
    parts = values - values.mean()
    if groups is not None:
        parts = np.bincount(np.unique(groups, return_inverse=True)[1], parts)
    n_units = len(parts)
    if n_units < 2:  # noqa: PLR2004 - one unit has no spread
        return 0.0
    return math.sqrt(float(parts @ parts) * n_units / (n_units - 1)) / len(values)
