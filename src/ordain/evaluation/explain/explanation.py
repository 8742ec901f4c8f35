"""Why a model answers as it does: for all rows, and for single ones, as records and as frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl
from pydantic import Field

from ordain.evaluation.explain.counterfactual import (
    Change,
    Counterfactual,
    Goal,
)
from ordain.evaluation.explain.dependence import Dependence, Interaction
from ordain.evaluation.explain.highlight import Piece
from ordain.evaluation.explain.importance import ImportanceTable
from ordain.evaluation.explain.neighbours import Neighbour
from ordain.evaluation.explain.words import dependence_in_words
from ordain.evaluation.judgement import Record

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Contribution(Record):
    """What one input of a row adds to the answer."""

    input: str
    cell: Any
    """As it was read."""
    value: float


class RowExplanation(Record):
    """Why one row got its answer."""

    output: str
    row: int
    """Position in the rows given, from 0."""
    answer: str | float
    probability: float | None
    """Of the answer; None for a number."""
    threshold: float | None = None
    """Of a binary output: the probability of the positive class from which it is the answer."""
    label: str
    """Class that the contributions speak for: the positive one, or the answer; empty for a number.
    """
    scale: str
    """Of base, margin and contributions; see `Attribution`."""
    method: str
    base: float
    margin: float
    contributions: tuple[Contribution, ...]
    """The largest first; with the base they come to the margin."""
    pieces: dict[str, tuple[Piece, ...]] = Field(default_factory=dict)
    """Words of each text input with what they add."""
    counterfactuals: tuple[Counterfactual, ...] = ()
    has_sought: bool = False
    """Whether counterfactuals were looked for."""
    what_if: Counterfactual | None = None
    """The answer with the changes that were asked about; None where none were."""
    neighbours: tuple[Neighbour, ...] = ()


class OutputExplanation(Record):
    """What an output rests on, over all rows."""

    output: str
    importance: ImportanceTable | None
    """None where no row has a truth to judge by, or there is one row only."""
    dependence: tuple[Dependence, ...]
    """Of the inputs that matter most, texts left out."""
    interactions: tuple[Interaction, ...]
    """Of pairs of these, the strongest first."""


@dataclass(frozen=True)
class Asked:
    """What is wanted of the explanation of a row.

    Attributes:
        goal: of the counterfactuals.
        immutable: inputs that they may not change.
        n_counterfactuals: 0 for none.
        n_neighbours: 0 for none.
        changes: values by input to ask the row again with; none for not asking.
    """

    goal: Goal = field(default_factory=Goal)
    immutable: Collection[str] = ()
    n_counterfactuals: int = 3
    n_neighbours: int = 5
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Explanation:
    """What `ordain.explain` returns; each property is a Polars frame.

    Attributes:
        outputs: over all rows, by output; empty where rows were asked for.
        rows: the rows asked for, for each output.
        n_rows: rows that were given.
        n_used: rows that the explanation rests on.
        notes: what must be known of it, such as that a sample was taken.
    """

    outputs: dict[str, OutputExplanation]
    rows: tuple[RowExplanation, ...] = ()
    n_rows: int = 0
    n_used: int = 0
    notes: tuple[str, ...] = ()

    @property
    def importance(self) -> pl.DataFrame:
        """output, input, type, increase, low, high, share; the most important first."""
        return _frame(
            [
                {"output": table.output, **one.model_dump()}
                for item in self.outputs.values()
                if (table := item.importance) is not None
                for one in table.inputs
            ],
            ("output", "input", "type", "increase", "low", "high", "share"),
        )

    @property
    def dependence(self) -> pl.DataFrame:
        """output, label, input, value (as text), mean, share."""
        return _frame(
            [
                {"output": name, "label": one.label, "input": one.input, "value": str(value),
                 "mean": mean, "share": share}
                for name, item in self.outputs.items()
                for one in item.dependence
                for value, mean, share in zip(one.values, one.mean, one.shares, strict=True)
            ],
            ("output", "label", "input", "value", "mean", "share"),
        )  # fmt: skip

    @property
    def interactions(self) -> pl.DataFrame:
        """output, first, second, strength (0 to 1)."""
        return _frame(
            [
                {"output": name, "first": one.inputs[0], "second": one.inputs[1],
                 "strength": one.strength}
                for name, item in self.outputs.items()
                for one in item.interactions
            ],
            ("output", "first", "second", "strength"),
        )  # fmt: skip

    @property
    def attributions(self) -> pl.DataFrame:
        """output, row, label, input, cell (as text), value; the largest of a row first."""
        return _frame(
            [
                {"output": item.output, "row": item.row, "label": item.label, "input": one.input,
                 "cell": _text(one.cell), "value": one.value}
                for item in self.rows
                for one in item.contributions
            ],
            ("output", "row", "label", "input", "cell", "value"),
        )  # fmt: skip

    @property
    def words(self) -> pl.DataFrame:
        """output, row, input, text, start, value; in the order of the text."""
        return _frame(
            [
                {"output": item.output, "row": item.row, "input": name, **piece.model_dump()}
                for item in self.rows
                for name, pieces in item.pieces.items()
                for piece in pieces
            ],
            ("output", "row", "input", "text", "start", "value"),
        )

    @property
    def counterfactuals(self) -> pl.DataFrame:
        """output, row, way, input, before, after (as text), answer, probability."""
        return _frame(
            [
                {"output": item.output, "row": item.row, "way": way, "input": change.input,
                 "before": _text(change.before), "after": _text(change.after),
                 "answer": str(one.after), "probability": one.probability}
                for item in self.rows
                for way, one in enumerate(item.counterfactuals, start=1)
                for change in one.changes
            ],
            ("output", "row", "way", "input", "before", "after", "answer", "probability"),
        )  # fmt: skip

    @property
    def what_if(self) -> pl.DataFrame:
        """output, row, changes (in words), before, after, probability of the answer after."""
        return _frame(
            [
                {"output": item.output, "row": item.row, "changes": in_words(one.changes),
                 "before": str(one.before), "after": str(one.after),
                 "probability": one.probability}
                for item in self.rows
                if (one := item.what_if) is not None
            ],
            ("output", "row", "changes", "before", "after", "probability"),
        )  # fmt: skip

    @property
    def neighbours(self) -> pl.DataFrame:
        """output, row, neighbour, distance, truth (as text), then the inputs of the neighbour."""
        return _frame(
            [
                {"output": item.output, "row": item.row, "neighbour": one.row,
                 "distance": one.distance, "truth": _text(one.truth), **one.values}
                for item in self.rows
                for one in item.neighbours
            ],
            ("output", "row", "neighbour", "distance", "truth"),
        )  # fmt: skip

    @property
    def figures(self) -> dict[str, Figure]:
        """Plotly figures by what they show, such as `importance of churn`.

        Raises:
            ModuleNotFoundError: plotly is not installed.
        """
        from plotly.graph_objects import Figure

        from ordain.evaluation.explain.figures import figures_of

        return {title: Figure(drawn) for title, drawn in figures_of(self)}

    def sentences(self) -> list[str]:
        """Return how each output moves with its most important inputs."""
        return [
            f"{name}{f' ({one.label})' if one.label else ''} by `{one.input}`: "
            + dependence_in_words(one)
            for name, item in self.outputs.items()
            for one in item.dependence
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "n_rows": self.n_rows,
            "n_used": self.n_used,
            "outputs": {name: item.to_json() for name, item in self.outputs.items()},
            "rows": [item.to_json() for item in self.rows],
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        about = f"{len(self.rows)} rows" if self.rows else ", ".join(self.outputs)
        return f"Explanation({about}; {self.n_used} of {self.n_rows} rows)"

    def _repr_html_(self) -> str:
        shown = [self.importance, self.attributions, self.counterfactuals, self.neighbours]
        return "".join(frame._repr_html_() for frame in shown if frame.height)


def in_words(changes: Sequence[Change]) -> str:
    """Return changes as one line, such as ``age: 39 -> 60``."""
    return ", ".join(f"{one.input}: {one.before} -> {one.after}" for one in changes)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame({name: [] for name in columns})
    return pl.DataFrame(list(rows), infer_schema_length=None)
