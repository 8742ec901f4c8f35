"""Findings of an explanation as sentences."""

from __future__ import annotations

from ordain.evaluation.explain.dependence import Dependence
from ordain.evaluation.verdict import format_value

MOVES = 0.01
"""A probability that moves by less hardly moves; of a number, the share of its size."""
TURNS = 0.25
"""Share of the whole way that a second turn must take to be told."""


def dependence_in_words(found: Dependence) -> str:
    """Return how the answer moves with an input, such as 'rises from 0.06 at 17 to 0.31 at 53'."""
    means = list(found.mean)
    low, high = (means.index(extreme(means)) for extreme in (min, max))
    way = means[high] - means[low]
    size = 1.0 if found.label else max(map(abs, means), default=0.0)
    if way <= MOVES * size:
        return f"hardly moves: {_mean(found, low)} to {_mean(found, high)}"
    if not found.is_ordered:
        return f"lowest for {_at(found, low)}, highest for {_at(found, high)}"
    first, last = sorted((low, high))
    verb, back = ("rises", "falls") if low < high else ("falls", "rises")
    text = f"{verb} from {_at(found, first)} to {_at(found, last)}"
    if abs(means[0] - means[first]) > TURNS * way:
        text = f"{back} from {_at(found, 0)} to {_at(found, first)}, then {verb} to " + _at(
            found, last
        )
    if abs(means[-1] - means[last]) > TURNS * way:
        text += f", then {back} to {_at(found, len(means) - 1)}"
    return text


def _at(found: Dependence, place: int) -> str:
    value = found.values[place]
    if isinstance(value, str):
        return f"'{value}' ({_mean(found, place)})"
    told = format_value(value)
    return f"{_mean(found, place)} at {told.rstrip('0').rstrip('.') if '.' in told else told}"


def _mean(found: Dependence, place: int) -> str:
    mean = found.mean[place]
    return f"{mean:.2f}" if found.label else format_value(mean)
