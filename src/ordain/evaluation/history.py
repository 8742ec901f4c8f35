"""What a model tells of its learning, as series that can be drawn.

A history has one mapping an epoch, round or candidate. These of its keys are read:

| key | meaning |
| --- | --- |
| `regularization`, `k` | the setting that was tried; where it differs it is the x axis |
| `epoch`, `round`, `step` | else where on the x axis; the first that is there |
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
SETTINGS = ("regularization", "k")
"""Of which a family tries several, a mapping each; they are laid out by factors."""
LOSSES = ("loss", "l2", "deviance", "perplexity")
"""Words in the names of quantities that are minimised."""
SQUARES = frozenset({"mean_squared_error", "squared_error"})
"""Of a number: what is minimised by default."""
SETS = {
    "training": "train",
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "test": "test",
}
"""How sets are spelled in flat names, and which set is meant."""
ORDER = ("train", "validation", "test")


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

    @property
    def is_search(self) -> bool:
        """Whether each point is another model, not the same one later."""
        return self.axis in SETTINGS


@dataclass
class Panel:
    """Series that are drawn over each other, since they are of one kind.

    Attributes:
        title: the quantity, or what they have in common.
        axis: what is counted on the x axis, in words.
        series: the quantities, each with its sets.
    """

    title: str
    axis: str
    series: list[Series]

    @property
    def is_search(self) -> bool:
        """Whether each point is another model, not the same one later."""
        return self.series[0].is_search

    @property
    def is_loss(self) -> bool:
        """Whether all of it falls as the model learns."""
        return all(_kind(one.title.partition(" of ")[0]) == "loss" for one in self.series)

    @property
    def sets(self) -> set[str]:
        """The sets of rows that something was measured on."""
        return {name for one in self.series for name in one.sets}

    @property
    def lines(self) -> list[tuple[str, str, list[tuple[float, float]]]]:
        """Name, set and points of each line."""
        has_many = len({one.title for one in self.series}) > 1
        return [
            (f"{one.title.replace('_', ' ')}, {name}" if has_many else name, name, points)
            for one in self.series
            for name, points in sorted(one.sets.items(), key=lambda item: ORDER.index(item[0]))
        ]


def panels_of(history: Sequence[Mapping[str, Any]], *, axis: str = "") -> list[Panel]:
    """Return what is drawn together: all losses of an output, and each other quantity by itself.

    Args:
        history: of learning.
        axis: what the x axis counts, where the history calls it otherwise.
    """
    found: dict[tuple[str, str], Panel] = {}
    for one in series_of(history):
        kind, _, output = one.title.partition(" of ")
        title = _kind(kind)
        words = _axis_in_words(history, one.axis) if one.is_search or not axis else axis
        panel = found.setdefault((title, output), Panel(title, words, []))
        panel.series.append(one)
    for (title, output), panel in found.items():
        if output:
            panel.title = f"{title} of {output}"
        elif len({one.title for one in panel.series}) == 1:
            panel.title = panel.series[0].title.replace("_", " ")
    return list(found.values())


def _kind(quantity: str) -> str:
    """Return what a quantity is drawn with: what is minimised, errors in one unit, or itself."""
    if quantity in SQUARES or any(word in quantity for word in LOSSES):
        return "loss"
    return "error" if quantity.endswith("_error") else quantity.replace("_", " ")


def _axis_in_words(history: Sequence[Mapping[str, Any]], axis: str) -> str:
    """Return what the x axis counts; of an epoch how many steps it has, where that is known."""
    if axis == "k":
        return "neighbours"
    first = history[0]
    epoch, step = first.get("epoch"), first.get("step")
    if axis == "epoch" and _is_number(epoch) and _is_number(step) and epoch:
        return f"epoch ({round(step / epoch):,} steps each)"
    return axis


def series_of(history: Sequence[Mapping[str, Any]]) -> list[Series]:
    """Return every quantity with at least one value, in the order they are first met."""
    found: dict[tuple[str, str], Series] = {}
    axis = _axis(history)
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
    for series in found.values():
        if series.is_search:  # in the order of trying a line would run to and fro
            series.sets = {name: sorted(points) for name, points in series.sets.items()}
    return list(found.values())


def _axis(history: Sequence[Mapping[str, Any]]) -> str:
    """Return the key that is laid out on the x axis."""
    for name in SETTINGS:
        if len({row.get(name) for row in history} - {None}) > 1:
            return name
    return next((name for name in AXES if history and name in history[0]), "epoch")


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
