"""Trace: one row through every step of a model, with the values at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from ordain.config.document import Document, InputFeature, OutputFeature
from ordain.evaluation.sample import THRESHOLD
from ordain.features.feature import Encoding
from ordain.features.step import Step
from ordain.store.model import Model
from ordain.store.problem import labels_of

MOST_NUMBERS = 8
"""Numbers of a cell that are shown; a longer one is told by its first."""


@dataclass(frozen=True)
class CellTrace:
    """One column of a row, from its raw cell to numbers."""

    feature: str
    column: str
    type: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class OutputTrace:
    """One output of a row, from the scores of the model to the answer."""

    output: str
    type: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, repr=False)
class Trace:
    """One row through every step.

    Attributes:
        row: position of the row in the data, from 0.
        cells: of each input, in the order of the config.
        inside: numbers of the model on the way, such as what each encoder gives.
        outputs: of each output.
    """

    row: int
    cells: tuple[CellTrace, ...]
    inside: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[OutputTrace, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """Columns: part (input, inside, output), name, step, value (as text), why."""
        rows = [
            ("input", cell.feature, step.name, shown(step.value), step.why)
            for cell in self.cells
            for step in cell.steps
        ]
        rows += [
            ("inside", name, "length", shown(value), "of what the encoder gives")
            for name, value in self.inside.items()
        ]
        rows += [
            ("output", output.output, step.name, shown(step.value), step.why)
            for output in self.outputs
            for step in output.steps
        ]
        return pl.DataFrame(rows, schema=["part", "name", "step", "value", "why"], orient="row")

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "row": self.row,
            "inputs": {c.feature: {"column": c.column, "type": c.type, **_steps(c.steps)}
                       for c in self.cells},
            "inside": dict(self.inside),
            "outputs": {o.output: {"type": o.type, **_steps(o.steps)} for o in self.outputs},
        }  # fmt: skip

    def __repr__(self) -> str:
        return f"Trace(row {self.row}: {len(self.cells)} inputs, {len(self.outputs)} outputs)"

    def _repr_html_(self) -> str:
        return str(self.frame._repr_html_())


def trace_row(model: Model, rows: pl.DataFrame, place: int, *, row: int | None = None) -> Trace:
    """Return the trace of one row through a model.

    Args:
        model: to follow the row through.
        rows: raw rows, without derived columns; more than the row only where cells depend on
            neighbours.
        place: of the row among them.
        row: position of the row in the data; by default its place.

    Raises:
        DataError: an input column is missing.
    """
    whole = model.with_derived(rows)
    encoded = {name: column.rows(place, place + 1) for name, column in model.encoded(whole).items()}
    raw = model.fitted.predict(encoded)
    answer = model.predict(rows).row(place, named=True)
    inside = {name: float(value[0]) for name, value in model.fitted.inside(encoded).items()}
    return Trace(
        row=place if row is None else row,
        cells=trace_cells(model.document, model.encodings, whole, place),
        inside=inside,
        outputs=tuple(
            OutputTrace(feature.name, feature.type, _answer(model, feature, raw, answer))
            for feature in model.document.output_features
        ),
    )


def trace_cells(
    document: Document,
    encodings: Mapping[str, Encoding],
    rows: pl.DataFrame,
    place: int,
    *,
    with_outputs: bool = False,
) -> tuple[CellTrace, ...]:
    """Return the steps of each input of a row, and of each output where that is asked.

    Args:
        document: with features settled.
        encodings: by feature name.
        rows: with derived columns.
        place: of the row among them.
        with_outputs: whether to follow the truth too.
    """
    raw = rows.row(place, named=True)
    features: tuple[InputFeature | OutputFeature, ...] = document.inputs
    if with_outputs:
        features = (*features, *document.output_features)
    return tuple(
        CellTrace(
            feature.name,
            feature.column,
            feature.type,
            (
                _read(document, feature.column, raw[feature.column]),
                *feature.preprocessing.steps(raw[feature.column], encodings[feature.name], raw),
            ),
        )
        for feature in features
    )


def shown(value: Any) -> str:
    """Return a value of a step as short text."""
    if value is None:
        return "-"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(one)}" for name, one in value.items())
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], list):  # noqa: PLR2004
        ids, weights = value
        pairs = [f"{i}: {w:.3g}" for i, w in zip(ids, weights, strict=True)]
        return _listed(pairs)
    if isinstance(value, list | tuple):
        return _listed([shown(one) for one in value])
    return str(value)


def _listed(items: list[str]) -> str:
    more = len(items) - MOST_NUMBERS
    return ", ".join(items[:MOST_NUMBERS]) + (f" ... {more} more" if more > 0 else "")


def _read(document: Document, column: str, value: Any) -> Step:
    expression = document.data.columns.get(column)
    if expression is not None:
        return Step("derived", value, f"{column} = {expression}")
    return Step("read", value, f"column `{column}`")


def _answer(
    model: Model, feature: OutputFeature, raw: Mapping[str, Any], answer: Mapping[str, Any]
) -> tuple[Step, ...]:
    """Return the steps from an output's raw score to its answer."""
    encoding, name = model.encodings[feature.name], feature.name
    labels, score = labels_of(encoding), raw[name]
    made = model.decisions.get(name)
    told = [Step("score", _labelled(score, labels), _of_scores(feature.type))]
    if made is not None and made.calibration is not None:
        score = made.calibrated(score)
        told.append(Step("calibrated", _labelled(score, labels), f"by {made.calibration.method}"))
    if feature.type == "number":
        decoded = feature.preprocessing.decode(score, encoding, name)[f"{name}_prediction"][0]
        told.append(Step("decoded", decoded, "in the unit of the column"))
    elif feature.type == "binary":
        threshold = getattr(encoding, "threshold", THRESHOLD)
        is_over = float(score[0]) >= threshold
        told.append(
            Step(
                "decided",
                labels[int(is_over)],
                f"{float(score[0]):.6g} is {'at least' if is_over else 'under'} the threshold "
                f"{threshold:.6g}",
            )
        )
    else:
        told.append(Step("decided", labels[int(np.argmax(score[0]))], "the most probable class"))
    if made is not None and made.answer_from is not None:
        told.append(Step("answered", answer.get(f"{name}_is_answered"),
                         f"answered from a probability of {made.answer_from:.6g} on"))  # fmt: skip
    own = {key: value for key, value in answer.items() if key.startswith(f"{name}_")}
    told.append(Step("answer", own, "what `predict` gives"))
    return tuple(told)


def _of_scores(type_name: str) -> str:
    if type_name == "number":
        return "of the model, in the scale it was taught in"
    return "probability, as the model gives it"


def _labelled(score: Any, labels: tuple[str, ...]) -> Any:
    if score.ndim == 1:
        return float(score[0])
    return dict(zip(labels, (float(one) for one in score[0]), strict=True))


def _steps(steps: tuple[Step, ...]) -> dict[str, Any]:
    return {"steps": [{"step": s.name, "value": _plain(s.value), "why": s.why} for s in steps]}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
