"""Upkeep: what each input costs to have, beside what it brings.

Cost: the time to encode a row and the bytes of an encoded one. Benefit: permutation importance.
"""

from __future__ import annotations

import time

from ordain.evaluation.explain.importance import ImportanceTable, permutation_importance
from ordain.evaluation.judgement import Record
from ordain.evaluation.subject import Subject
from ordain.features.encoded import EncodedColumn

N_ROWS = 2_000
N_TURNS = 5
USELESS_SHARE = 0.01
"""Of all importance, under which an input that cannot be told from nothing is useless."""


class Upkeep(Record):
    """What one input costs, and what it brings to an output."""

    input: str
    type: str
    microseconds: float
    """To encode one row of many."""
    n_bytes: float
    """Of an encoded row."""
    increase: float
    """Of the mean loss when it is shuffled."""
    low: float
    """Of the 95% interval of the increase."""
    high: float
    share: float
    """Of the importance of all inputs."""
    is_useless: bool
    """Whether shuffling it changes nothing that can be told, and next to nothing at all."""


def measure_upkeep(
    subject: Subject, *, n_rows: int = N_ROWS
) -> dict[str, tuple[tuple[Upkeep, ...], ImportanceTable]]:
    """Return the upkeep of each input by output, the least worth first, with the importance.

    Args:
        subject: rows that were not learned from.
        n_rows: rows at most.
    """
    part = subject.sample(n_rows, "upkeep")
    seconds, sizes = {}, {}
    for column in part.columns:
        taken = []
        for _ in range(N_TURNS):
            started = time.perf_counter()
            encoded = part.encode(column.name, part.frame[column.column], part.frame)
            taken.append(time.perf_counter() - started)
        # The first turn warms caches, and others share the machine: the least is the column's own.
        seconds[column.name] = min(taken)
        sizes[column.name] = _bytes(encoded)
    n = max(1, len(part))
    found = {}
    for output, table in permutation_importance(part, n_rows=n_rows).items():
        rows = [
            Upkeep(
                input=one.input,
                type=one.type,
                microseconds=seconds[one.input] / n * 1e6,
                n_bytes=sizes[one.input] / n,
                increase=one.increase,
                low=one.low,
                high=one.high,
                share=one.share,
                is_useless=one.low <= 0 and one.share < USELESS_SHARE,
            )
            for one in reversed(table.inputs)
        ]
        found[output] = (tuple(rows), table)
    return found


def _bytes(column: EncodedColumn) -> int:
    arrays = (column.values, column.offsets, column.weights)
    return sum(int(array.nbytes) for array in arrays if array is not None)
