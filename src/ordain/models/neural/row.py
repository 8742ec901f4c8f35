"""One row, or some, answered without a batch of torch: by NumPy where every part tells its map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.models.family import Input
from ordain.models.neural.blocks.mlp import told_of
from ordain.models.neural.light import TENSOR, Maps, RowPredictor
from ordain.models.neural.maps import Told
from ordain.models.neural.packing import Columns, pack

if TYPE_CHECKING:
    from ordain.models.neural.fitted import NeuralModel


def maps_of(model: NeuralModel) -> Maps | None:
    """Return the functions of a network's parts by NumPy; None where one has no exact map."""
    told = told_network(model)
    return None if told is None else Maps.of(_changed(told, _array), model.problem,
                                             model.temperatures)  # fmt: skip


def told_network(model: NeuralModel) -> Told | None:
    """Return the maps of all parts, with the tensors they learned; None where one has none."""
    network, groups = model.network, model.layout.groups
    encoders = [told_of(encoder) for encoder in network.encoders]
    body = told_of(network.combiner)
    heads = [told_of(head) for head in network.heads]
    is_whole = body is not None and None not in encoders and None not in heads
    if not is_whole or any(group.kind is Kind.TOKENS for group in groups):
        return None
    return {
        "groups": [
            {"kind": group.kind.value, "inputs": [column.name for column in group.inputs]}
            for group in groups
        ],
        "encoders": encoders,
        "body": body,
        "heads": heads,
    }


def named_network(model: NeuralModel) -> Told | None:
    """Return the same with the names of the saved weights in the place of tensors."""
    told = told_network(model)
    if told is None:
        return None
    names = {_memory(tensor): name for name, tensor in model.network.state_dict().items()}
    try:
        return _changed(told, lambda tensor: {TENSOR: names[_memory(tensor)]})  # type: ignore[no-any-return]
    except KeyError:  # a part made a tensor of its own
        return None


def torch_function(model: NeuralModel) -> RowPredictor:
    """Return the function from one row's cells to its scores by torch."""
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


def arrays_of(told: Told) -> Told:
    """Return a map with arrays in the place of tensors."""
    return _changed(told, _array)  # type: ignore[no-any-return]


def _changed(told: Any, change: Callable[[Tensor], Any]) -> Any:
    """Return a map with every tensor changed."""
    if isinstance(told, Tensor):
        return change(told)
    if isinstance(told, Mapping):
        return {key: _changed(value, change) for key, value in told.items()}
    return [_changed(one, change) for one in told] if isinstance(told, list) else told


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def _memory(tensor: Tensor) -> tuple[int, tuple[int, ...]]:
    return tensor.data_ptr(), tuple(tensor.shape)
