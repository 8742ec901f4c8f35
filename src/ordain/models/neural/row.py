"""One row answered without a batch: NumPy alone where every part has a map for one row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.models.family import Input, Output
from ordain.models.neural.blocks.linear import RowFunction
from ordain.models.neural.packing import Columns, Group, pack

if TYPE_CHECKING:
    from ordain.models.neural.fitted import NeuralModel

RowPredictor = Callable[[Sequence[RowValue]], dict[str, Any]]
_FLOAT32_MAX = 80.0


def row_function(model: NeuralModel) -> RowPredictor:
    """Return the fastest function from one row's cells, in the order of the inputs, to scores."""
    return _numpy_function(model) or _torch_function(model)


def _numpy_function(model: NeuralModel) -> RowPredictor | None:
    network = model.network
    parts = [_row_of(encoder) for encoder in network.encoders]
    body = _row_of(network.combiner)
    heads = [_row_of(head) for head in network.heads]
    readers = [_cell_reader(group, model.problem.inputs) for group in model.layout.groups]
    finish = [_finisher(output, model) for output in model.problem.outputs]
    if body is None or None in parts or None in heads or None in readers:
        return None
    names = [output.name for output in model.problem.outputs]
    encoders = list(zip(readers, parts, strict=True))
    answers = list(zip(names, heads, finish, strict=True))

    def predict(cells: Sequence[RowValue]) -> dict[str, Any]:
        pieces = [part(read(cells)) for read, part in encoders]  # type: ignore[misc]
        hidden = body(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
        return {name: end(head(hidden)) for name, head, end in answers}  # type: ignore[misc]

    return predict


def _torch_function(model: NeuralModel) -> RowPredictor:
    columns = model.problem.inputs
    outputs = model.problem.outputs

    def predict(cells: Sequence[RowValue]) -> dict[str, Any]:
        row = {c.name: one_cell(c, cell) for c, cell in zip(columns, cells, strict=True)}
        with torch.inference_mode():
            raw = model.network.of_batch(pack(Columns(row, {}, None, 1), model.layout))
        scores = [model.scores_of(o, r.float())[0] for o, r in zip(outputs, raw, strict=True)]
        return {
            o.name: float(s) if s.ndim == 0 else s.tolist()
            for o, s in zip(outputs, scores, strict=True)
        }

    return predict


def one_cell(column: Input, cell: RowValue) -> EncodedColumn:
    """Return an encoded column of one row."""
    kind = column.shape.kind
    if kind is Kind.INDEX:
        return EncodedColumn(kind, np.array([cell], dtype=np.int32))
    if kind is Kind.TOKENS:
        ids = np.array(cell, dtype=np.int32)
        return EncodedColumn(kind, ids, np.array([0, len(ids)]))
    if kind is Kind.BAG:
        found, weights = cell  # type: ignore[misc]
        ids = np.array(found, dtype=np.int32)
        return EncodedColumn(
            kind, ids, np.array([0, len(ids)]), np.array(weights, dtype=np.float32)
        )
    return EncodedColumn(kind, np.array(cell, dtype=np.float32).reshape(1, -1))


def _row_of(module: torch.nn.Module) -> RowFunction | None:
    make = getattr(module, "row", None)
    return make() if callable(make) else None


CellReader = Callable[[Sequence[RowValue]], Any]


def _cell_reader(group: Group, inputs: Sequence[Input]) -> CellReader | None:
    """Return a function that takes a group's cells out of a row as one array."""
    places = [next(i for i, c in enumerate(inputs) if c.name == own.name) for own in group.inputs]
    if group.kind is Kind.INDEX:
        return lambda cells: np.array([cells[place] for place in places], dtype=np.int64)
    if group.kind is Kind.BAG:
        place = places[0]
        return lambda cells: cells[place]
    if group.kind is Kind.TOKENS:
        return None
    if all(column.shape.width == 1 for column in group.inputs):
        return lambda cells: np.array([cells[place] for place in places], dtype=np.float32).ravel()

    def read(cells: Sequence[RowValue]) -> np.ndarray:
        flat: list[float] = []
        for place in places:
            cell = cells[place]
            flat.extend(cell) if isinstance(cell, tuple) else flat.append(cell)  # type: ignore[arg-type]
        return np.array(flat, dtype=np.float32)

    return read


def _finisher(output: Output, model: NeuralModel) -> Callable[[np.ndarray], float | list[float]]:
    """Return a function from the raw scores [n_scores] of one row to its score."""
    heat = model.temperatures.get(output.name, 1.0)
    if output.type == "number":
        low, high = output.bounds or (-math.inf, math.inf)
        return lambda raw: min(max(float(raw[0]), low), high)
    if output.shape.kind is not Kind.INDEX:
        return lambda raw: _sigmoid(float(raw[0]) / heat)

    def softmax(raw: np.ndarray) -> list[float]:
        powers = np.exp((raw - raw.max()) / np.float32(heat))
        return (powers / powers.sum()).tolist()  # type: ignore[no-any-return]

    return softmax


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-min(x, _FLOAT32_MAX)))
    power = math.exp(max(x, -_FLOAT32_MAX))
    return power / (1.0 + power)
