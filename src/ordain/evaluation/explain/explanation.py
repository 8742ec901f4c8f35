"""Why a model answers as it does: for all rows, and for single ones, as records and as frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from pydantic import Field

from ordain.core.diagnostics import nearest
from ordain.core.errors import DataError, UsageError
from ordain.evaluation.explain.attribution import attribute
from ordain.evaluation.explain.counterfactual import (
    Change,
    Counterfactual,
    Goal,
    counterfactuals,
    require_inputs,
)
from ordain.evaluation.explain.dependence import Dependence, Interaction, dependence, interactions
from ordain.evaluation.explain.highlight import Piece, highlight
from ordain.evaluation.explain.importance import ImportanceTable, permutation_importance
from ordain.evaluation.explain.neighbours import Neighbour, nearest_rows
from ordain.evaluation.explain.words import dependence_in_words
from ordain.evaluation.judgement import Record
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.subject import Subject, Target
from ordain.models.attribution import Attribution

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

N_DEPENDENCES = 6
N_INTERACTING = 5
N_WEIGHING_ROWS = 500


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


def explain_output(subject: Subject, output: str) -> OutputExplanation:
    """Return what an output rests on over the rows of a subject.

    Raises:
        DataError: there are no rows.
    """
    if not len(subject):
        raise DataError("there are no rows to explain by\n  Fix: give rows with `--dataset`")
    table = permutation_importance(subject).get(output)
    ordered = (
        [one.input for one in table.inputs]
        if table is not None
        else [column.name for column in subject.columns]
    )
    types = {column.name: column.type for column in subject.columns}
    able = [name for name in ordered if types[name] != "text"]
    drawn = [dependence(subject, output, name) for name in able[:N_DEPENDENCES]]
    return OutputExplanation(
        output=output,
        importance=table,
        dependence=tuple(one for one in drawn if one is not None),
        interactions=interactions(subject, output, able[:N_INTERACTING]),
    )


def explain_row(
    subject: Subject,
    output: str,
    place: int,
    *,
    asked: Asked,
    reference: Subject | None = None,
    weights: Mapping[str, float] | None = None,
) -> RowExplanation:
    """Return why a row of a subject got its answer.

    Args:
        subject: holds the row; the values of its rows are what counterfactuals try.
        output: name of the output.
        place: of the row in the subject.
        asked: what is wanted.
        reference: known rows that neighbours are looked for in; by default the subject's others.
        weights: of the inputs, for neighbours; see `weights_of`.

    Raises:
        UsageError: as `counterfactuals`.
    """
    alone = subject.take(np.array([place]))
    target = alone.targets[output]
    found = attribute(alone, output)
    label = _followed(target)
    values = found.values[0] if found.values.ndim == 2 else found.values[0, :, label]  # noqa: PLR2004
    given = dict(zip(found.inputs, values, strict=True))
    cells = {c.name: alone.frame[c.column][0] for c in subject.columns}
    contributions = [
        Contribution(input=name, cell=_plain(cells[name]), value=float(value))
        for name, value in given.items()
    ]
    return RowExplanation(
        output=output,
        row=_row_id(subject, place),
        answer=_spoken(target),
        probability=_probability(target),
        threshold=target.threshold if target.type == "binary" else None,
        label=target.labels[label] if target.labels else "",
        scale=found.scale,
        method=found.method,
        base=_of_class(found.base, label),
        margin=_of_class(found.margin[0], label),
        contributions=tuple(sorted(contributions, key=lambda one: -abs(one.value))),
        pieces=_pieces(alone, output, found, label=label, given=given),
        counterfactuals=_flips(subject, output, place, asked),
        has_sought=_is_sought(subject, output, asked),
        neighbours=_neighbours(
            subject, output, place, n_rows=asked.n_neighbours, reference=reference, weights=weights
        ),
    )


def require_outputs(subject_outputs: Sequence[str], wanted: str | None) -> list[str]:
    """Return the outputs asked for, all where none is named.

    Raises:
        UsageError: there is no such output; says which there are.
    """
    if wanted is None:
        return list(subject_outputs)
    if wanted not in subject_outputs:
        close = nearest(wanted, list(subject_outputs))
        hint = f" Did you mean `{close}`?" if close else ""
        raise UsageError(
            f"the model has no output `{wanted}`.{hint}\n  Possible: {', '.join(subject_outputs)}"
        )
    return [wanted]


def _flips(subject: Subject, output: str, place: int, asked: Asked) -> tuple[Counterfactual, ...]:
    require_inputs(subject, asked.immutable)
    if not _is_sought(subject, output, asked):
        return ()
    found = counterfactuals(
        subject,
        output,
        place,
        goal=asked.goal,
        immutable=asked.immutable,
        n_wanted=asked.n_counterfactuals,
    )
    named = _row_id(subject, place)
    return tuple(one.model_copy(update={"row": named}) for one in found)


def _row_id(subject: Subject, place: int) -> int:
    return place if subject.row_ids is None else int(subject.row_ids[place])


def _is_sought(subject: Subject, output: str, asked: Asked) -> bool:
    is_open = subject.targets[output].type == "number" and asked.goal == Goal()
    can_change = any(
        column.type != "text" and column.name not in asked.immutable for column in subject.columns
    )
    return asked.n_counterfactuals > 0 and can_change and not is_open


def weights_of(known: Subject, output: str) -> dict[str, float] | None:
    """Return the importance of inputs, or None where nothing is known to matter."""
    table = permutation_importance(known, n_rows=N_WEIGHING_ROWS, n_repeats=1).get(output)
    if table is None or not any(one.share for one in table.inputs):
        return None
    return {one.input: one.share for one in table.inputs}


def _neighbours(
    subject: Subject,
    output: str,
    place: int,
    *,
    n_rows: int,
    reference: Subject | None,
    weights: Mapping[str, float] | None,
) -> tuple[Neighbour, ...]:
    known = reference
    if known is None:
        known = subject.take(np.flatnonzero(np.arange(len(subject)) != place))
    if not (n_rows and len(known)):
        return ()
    return nearest_rows(known, subject, place, output=output, n_rows=n_rows, weights=weights)


def _pieces(
    alone: Subject, output: str, found: Attribution, *, label: int, given: dict[str, Any]
) -> dict[str, tuple[Piece, ...]]:
    texts = [column.name for column in alone.columns if column.type == "text"]
    return {
        name: highlight(
            alone, output, name, 0, label=label, scale=found.scale, value=given.get(name)
        )
        for name in texts
    }


def _followed(target: Target) -> int:
    return (
        int(target.scores[0].argmax())
        if target.type == "category"
        else int(target.type == "binary")
    )


def _spoken(target: Target) -> str | float:
    if target.type == "number":
        return float(target.scores[0])
    return target.labels[int(predicted_class(target)[0])]


def _probability(target: Target) -> float | None:
    if target.type == "number":
        return None
    place = int(predicted_class(target)[0])
    if target.type == "category":
        return float(target.scores[0, place])
    return float(target.scores[0] if place else 1 - target.scores[0])


def _of_class(value: Any, label: int) -> float:
    return float(value[label]) if np.ndim(value) else float(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame({name: [] for name in columns})
    return pl.DataFrame(list(rows), infer_schema_length=None)
