"""What a model tells of its learning, as series that can be drawn.

A history has one mapping an epoch, round or candidate. These of its keys are read:

| key | meaning |
| --- | --- |
| `epoch`, `round`, `step` | where on the x axis; the first that is there |
| `output` | which output the mapping is about, if only one |
| `losses` | value by set; `metric` names what they are, by default `loss` |
| `metrics`, `train_metrics` | value by output and metric, on validation and training rows |
| `train_loss`, `validation_loss` ... | the same, flat: set and quantity in the name |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AXES = ("epoch", "round", "iteration", "step")
SETS = {
    "training": "train",
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "test": "test",
}
"""How sets are spelled in flat names, and which set is meant."""


def axis_of(family: str) -> str:
    """Return what a family's learning is counted in, where its history calls that otherwise."""
    return "trees" if family == "gbm" else ""


@dataclass
class Series:
    """One quantity over the course of learning.

    Attributes:
        title: the quantity, with its output where there are several.
        axis: what is counted on the x axis.
        sets: points (x, value) by set.
    """

    title: str
    axis: str
    sets: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


def series_of(history: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Return every quantity with at least one value, in the order they are first met."""
    found: dict[tuple[str, str], Series] = {}
    axis = next((name for name in AXES if history and name in history[0]), "epoch")
    points = [
        (place, row.get(axis, place), *value)
        for place, row in enumerate(history, start=1)
        for value in _values(row)
    ]
    has_many = len({output for *_, output, _, _, _ in points if output}) > 1
    for _, x, output, quantity, set_name, value in points:
        key = (output if has_many else "", quantity)
        title = f"{quantity} of {output}" if has_many and output else quantity
        series = found.setdefault(key, Series(title, axis))
        series.sets.setdefault(set_name, []).append((float(x), value))
    return list(found.values())


def _values(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    """Yield output, quantity, set and value for every number of a mapping."""
    output = str(row.get("output", ""))
    for set_name, value in (row.get("losses") or {}).items():
        if _is_number(value) and set_name in SETS:
            yield output, str(row.get("metric") or "loss"), SETS[set_name], value
    for key, set_name in (("train_metrics", "train"), ("metrics", "validation")):
        for name, values in (row.get(key) or {}).items():
            for metric, value in (values if isinstance(values, Mapping) else {}).items():
                if _is_number(value):
                    yield name, metric, set_name, value
    for name, value in row.items():
        set_name, quantity = _set_of(name)
        if set_name and _is_number(value):
            yield output, quantity, set_name, value


def _set_of(name: str) -> tuple[str, str]:
    """Split `validation_loss` or `loss_validation` into set and quantity."""
    for word, set_name in SETS.items():
        if name.startswith(f"{word}_"):
            return set_name, name[len(word) + 1 :]
        if name.endswith(f"_{word}"):
            return set_name, name[: -len(word) - 1]
    return "", name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
