"""Nearest neighbours as nodes: distances by one product, then `TopK`, then votes.

Coordinates lie on a grid, so that products add up without rounding and equal distances are equal
here too; `TopK` gives the first of equal rows, as the search does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ordain.core.files import read_json
from ordain.features.encoded import Kind
from ordain.models.family import Output, Problem
from ordain.store.export.algebra import Floats, UnfitError
from ordain.store.export.cells import Cell
from ordain.store.export.families import Tensors, tensors_of
from ordain.store.export.graph.nodes import Graph, Node

_GRID, _BOUND = 1024.0, 256.0
_LEAST = 1e-12
_NO_LEVEL = -7.0
_DOUBLE = 11


def neighbour_scores(
    graph: Graph, folder: Path, problem: Problem, cells: Mapping[str, Cell[Node]]
) -> dict[str, Node]:
    """Return the scores of every output as `FittedKnn.predict` gives them.

    Args:
        graph: that the nodes are added to.
        folder: of the family's files.
        problem: in its own order.
        cells: by name of the input.

    Raises:
        UnfitError: an input is a text.
    """
    texts = [c.name for c in problem.inputs if c.shape.kind in {Kind.BAG, Kind.TOKENS}]
    if texts:
        raise UnfitError(
            f"neighbours by the words of `{texts[0]}` have no graph\n"
            "  Possible: the formats `runtime` and `docker`"
        )
    stored = read_json(folder / "knn.json")
    tensors = tensors_of(folder / "knn.safetensors")
    squares = _squares(graph, problem, cells, tensors)
    most = min(max(entry["k"] for entry in stored["outputs"]), len(tensors["rows"]))
    distances, rows = _nearest(graph, squares, most)
    found = {}
    for place, (output, entry) in enumerate(zip(problem.outputs, stored["outputs"], strict=True)):
        k = min(int(entry["k"]), most)
        votes = _votes(graph, _first(graph, distances, k), stored["weights"])
        own = {key.partition(".")[2]: value for key, value in tensors.items()
               if key.startswith(f"{place}.")}  # fmt: skip
        doubt = max(0.0 if output.type == "number" else float(stored["smoothing"]), _LEAST)
        found[output.name] = _answer(
            graph, output, own, rows=_first(graph, rows, k), votes=votes, doubt=doubt
        )
    return found


def _squares(
    graph: Graph, problem: Problem, cells: Mapping[str, Cell[Node]], tensors: Tensors
) -> str:
    """Return the squared distances to all kept rows [N, M]."""
    dense: list[Node] = []
    levels: list[tuple[Node, bool]] = []
    for column in problem.inputs:
        cell, shape = cells[column.name].numbers, column.shape
        if shape.kind is Kind.VECTOR:
            dense.append(cell)
        elif shape.kind is Kind.INDEX:
            wide = Node(graph.node("Cast", cell.name, to=_DOUBLE))
            # An id of 0 is no level; here levels of numbers begin at 0.
            levels.append((graph.binary("-", wide, 1.0), True))
        else:
            is_binary = shape.role == "binary"
            if not is_binary:
                dense.append(graph.part(cell, 0))
            marks = range(0 if is_binary else 1, shape.width)
            levels += [(graph.part(cell, place), False) for place in marks]
    kept, kept_levels = tensors["dense"].astype(np.float64), tensors["levels"].astype(np.float64)
    norms = (kept**2).sum(axis=1) + (kept_levels > 0).sum(axis=1)
    likeness = graph.constant([0.0])
    length = graph.constant([0.0])
    if dense:
        own = _on_grid(graph, graph.join(dense), tensors)
        likeness = graph.affine(own, np.ascontiguousarray(kept.T), np.zeros(len(kept)))
        square = graph.binary("*", own, own)
        length = graph.affine(square, np.ones((kept.shape[1], 1)), np.zeros(1))
    for place, (level, is_index) in enumerate(levels):
        likeness = graph.binary("+", likeness, _equals(graph, level, kept_levels[:, place]))
        length = graph.binary("+", length, _is_known(graph, level, is_index=is_index))
    far = graph.binary("+", graph.binary("*", likeness, -2.0), length)
    return graph.clip(graph.binary("+", far, norms), 0.0, np.inf).name


def _on_grid(graph: Graph, x: Node, tensors: Tensors) -> Node:
    shifted = graph.binary("-", x, tensors["centre"])
    scaled = graph.binary("*", shifted, tensors["factor"])
    known = graph.where(graph.is_missing(scaled), 0.0, scaled)
    bounded = graph.binary("*", graph.clip(known, -_BOUND, _BOUND), _GRID)
    return graph.binary("/", Node(graph.node("Round", bounded.name), x.width), _GRID)


def _equals(graph: Graph, own: Node, kept: Floats) -> Node:
    """Return 1 where a level is known and that of a kept row [N, M]."""
    theirs = np.where(kept > 0, kept - 1, _NO_LEVEL)
    is_same = graph.node("Equal", own.name, graph.tensor(theirs.reshape(1, -1)))
    return Node(graph.node("Cast", is_same, to=_DOUBLE), len(kept))


def _is_known(graph: Graph, level: Node, *, is_index: bool) -> Node:
    if is_index:
        return graph.where(graph.at_least(level, 0.0), 1.0, 0.0)
    either = [Node(graph.node("Equal", level.name, graph.tensor(np.array([[value]]))))
              for value in (0.0, 1.0)]  # fmt: skip
    return graph.where(Node(graph.node("Or", *(one.name for one in either))), 1.0, 0.0)


def _nearest(graph: Graph, squares: str, k: int) -> tuple[str, str]:
    """Return distances [N, k] and rows [N, k], nearest first."""
    values, rows = graph.pair(
        "TopK", squares, graph.tensor(np.array([k])), axis=1, largest=0, sorted=1
    )
    return graph.node("Sqrt", values), rows


def _first(graph: Graph, x: str, k: int) -> str:
    return graph.node("Slice", x, *(graph.tensor(np.array([one])) for one in (0, k, 1)))


def _votes(graph: Graph, distances: str, weighting: str) -> str:
    """Return the vote of each neighbour [N, k]; those of a row add up to k."""
    zero, one = graph.tensor(np.array(0.0)), graph.tensor(np.array(1.0))
    if weighting == "uniform":
        return graph.node("Add", graph.node("Mul", distances, zero), one)
    axis = graph.tensor(np.array([1]))
    is_same = graph.node("Equal", distances, zero)
    near = graph.node("Div", one, graph.node("Where", is_same, one, distances))
    same = graph.node("Cast", is_same, to=_DOUBLE)
    has_same = graph.node("Greater", graph.node("ReduceMax", same, axis, keepdims=1), zero)
    votes = graph.node("Where", has_same, same, near)
    count = graph.node("ReduceSum", graph.node("Add", graph.node("Mul", votes, zero), one), axis)
    total = graph.node("ReduceSum", votes, axis, keepdims=1)
    return graph.node("Mul", votes, graph.node("Div", count, total))


def _answer(
    graph: Graph, output: Output, own: Mapping[str, Any], *, rows: str, votes: str, doubt: float
) -> Node:
    axis = graph.tensor(np.array([1]))
    weights = graph.node("Gather", graph.tensor(own["weights"].astype(np.float64)), rows)
    counted = graph.node("Mul", votes, weights)
    prior = own["prior"].astype(np.float64)
    truth = own["truth"].astype(np.float64)
    is_category = output.type == "category"
    table = np.eye(len(prior))[truth.astype(np.int64)] if is_category else truth[:, None]
    truths = graph.node("Gather", graph.tensor(table), rows, axis=0)
    wide = graph.node("Unsqueeze", counted, graph.tensor(np.array([2])))
    sums = Node(
        graph.node("ReduceSum", graph.node("Mul", truths, wide), axis, keepdims=0), table.shape[1]
    )
    total = Node(graph.node("ReduceSum", counted, axis, keepdims=1))
    return graph.binary(
        "/", graph.binary("+", sums, doubt * prior), graph.binary("+", total, doubt)
    )
