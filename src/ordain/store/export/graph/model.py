"""A whole model as one graph: from rows to predictions, or from encoded columns to scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ordain.features.encoded import Kind
from ordain.models.family import Problem
from ordain.store import bundle
from ordain.store.export.answers import answer
from ordain.store.export.cells import Cell, cell_of, why_outside
from ordain.store.export.families import FORMULAS, scores
from ordain.store.export.graph.neighbours import neighbour_scores
from ordain.store.export.graph.nodes import Graph, Node
from ordain.store.export.interface import Given
from ordain.store.model import Model
from ordain.store.problem import build_problem

FAMILIES = FORMULAS | {"neural", "knn"}
_RAGGED = frozenset({Kind.BAG, Kind.TOKENS})


@dataclass(frozen=True)
class Made:
    """A graph.

    Attributes:
        model: of `onnx`.
        given: what it is fed, in order.
        outside: columns that are fed encoded, each with the reason.
        left_out: prediction columns that it does not give.
    """

    model: Any
    given: tuple[Given, ...]
    outside: dict[str, str]
    left_out: tuple[str, ...] = ()


def predictions_graph(model: Model) -> Made:
    """Return the graph from rows to prediction columns.

    Raises:
        UnfitError: a part of the model cannot be said in a graph.
        UsageError: PyTorch cannot turn the network into one.
    """
    graph, outside = Graph(), {}
    cells: dict[str, Cell[Node]] = {}
    for feature in sorted(model.document.inputs, key=lambda feature: feature.name):
        encoding = model.encodings[feature.name]
        reason = why_outside(feature, encoding)
        if not reason and getattr(encoding, "lowercase", False):
            reason = "labels are compared in lower case"
        if reason:
            outside[feature.column] = reason
            cells[feature.name] = _encoded(graph, feature.column, encoding.shape)
        else:
            cells[feature.name] = cell_of(graph, feature, encoding)
    problem = build_problem(model.document, model.encodings)
    left_out = answer(graph, model, _scores(graph, model, problem, cells))
    made = _finished(graph, model, doc="Rows to predictions, made by Ordain.")
    return Made(made, tuple(graph.given.values()), outside, tuple(left_out))


def scores_graph(model: Model) -> Made:
    """Return the graph from encoded columns to the scores of `FittedModel.predict`.

    Its outputs are named as the outputs of the config.

    Raises:
        UnfitError: the family has no graph.
        UsageError: PyTorch cannot turn the network into one.
    """
    graph = Graph()
    problem = build_problem(model.document, model.encodings)
    columns = {feature.name: feature.column for feature in model.document.inputs}
    cells = {
        column.name: _encoded(graph, columns[column.name], column.shape)
        for column in problem.inputs
    }
    found = _scores(graph, model, problem, cells)
    for output in problem.outputs:
        if output.type == "category":
            graph.raw_answer(output.name, found[output.name].name)
        else:
            graph.answer(output.name, found[output.name])
    made = _finished(graph, model, doc="Encoded columns to scores, made by Ordain.")
    outside = dict.fromkeys(columns.values(), "the graph begins with encoded columns")
    return Made(made, tuple(graph.given.values()), outside)


def _encoded(graph: Graph, column: str, shape: Any) -> Cell[Node]:
    value = None if shape.kind in _RAGGED else graph.encoded(column, shape)
    return Cell(column, shape, value)


def _scores(
    graph: Graph, model: Model, problem: Problem, cells: Mapping[str, Cell[Node]]
) -> dict[str, Node]:
    family = model.document.model_type.type
    assert model.path is not None, "an export begins with a bundle"
    if family == "neural":
        return _of_network(graph, model, cells)
    if family == "knn":
        return neighbour_scores(graph, model.path / "model", problem, cells)
    return scores(graph, family, model.path / "model", problem=problem, cells=cells)


def _of_network(graph: Graph, model: Model, cells: Mapping[str, Cell[Node]]) -> dict[str, Node]:
    from ordain.store.export.network import network_of, onnx_of, tensors_of

    fitted = network_of(model)
    tensors = tensors_of(fitted)
    proto = onnx_of(fitted)
    wanted = {value.name for value in proto.graph.input}
    inputs = {
        given.name: _fed(graph, given, cells) for given in tensors.given if given.name in wanted
    }
    names = graph.graft(proto, inputs)
    found = {}
    for output, name in zip(fitted.problem.outputs, names, strict=True):
        wide = graph.node("Cast", name, to=_DOUBLE)
        if output.type == "category":
            found[output.name] = Node(wide, output.shape.cardinality)
        else:
            found[output.name] = Node(graph.node("Unsqueeze", wide, graph.tensor(np.array([1]))))
    return found


_FLOAT, _INT64, _DOUBLE = 1, 7, 11


def _fed(graph: Graph, given: Given, cells: Mapping[str, Cell[Node]]) -> str:
    """Return the tensor that the network reads under a name."""
    if given.column:
        return graph.feed(given)
    if not given.columns:
        empty = graph.constant([0.0])
        cut = graph.node("Slice", empty.name, *(graph.tensor(np.array([n])) for n in (0, 0, 1)))
        return graph.node("Cast", cut, to=_FLOAT if given.name == "numbers" else _INT64)
    joined = graph.join([cells[name].numbers for name in given.columns])
    return graph.node("Cast", joined.name, to=_FLOAT if given.name == "numbers" else _INT64)


def _finished(graph: Graph, model: Model, *, doc: str) -> Any:
    facts = {
        "inputs": json.dumps([one.to_json() for one in graph.given.values()], ensure_ascii=False),
        "name": model.document.name,
        "model_type": model.document.model_type.type,
    }
    if model.path is not None:
        facts["bundle"] = bundle.digest(model.path)
    return graph.model(doc=doc, facts={f"ordain.{key}": value for key, value in facts.items()})
