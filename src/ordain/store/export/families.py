"""Scores of families whose answer is a formula: `baseline`, `linear`, `naive_bayes`, `gbm`.

They are read from the files that the families save, which are their format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.errors import BundleError
from ordain.core.files import read_json
from ordain.features.encoded import Kind
from ordain.models.family import Output, Problem
from ordain.store.export import trees
from ordain.store.export.algebra import Algebra, Floats, UnfitError, V
from ordain.store.export.cells import Cell

_LARGEST_LOG = 80.0
_TABLES = "baseline.safetensors"
_RAGGED = frozenset({Kind.BAG, Kind.TOKENS})
Tensors = Mapping[str, npt.NDArray[Any]]


def scores(
    algebra: Algebra[V],
    family: str,
    folder: Path,
    *,
    problem: Problem,
    cells: Mapping[str, Cell[V]],
) -> dict[str, V]:
    """Return the scores of every output as `FittedModel.predict` gives them.

    Args:
        algebra: what they are built with.
        family: type name.
        folder: of the family's files.
        problem: in its own order.
        cells: by name of the input.

    Raises:
        UnfitError: the family has no formula.
    """
    if family not in _WAYS:
        raise UnfitError(f"a `{family}` model has no formula that can be written down")
    return _WAYS[family](algebra, folder, problem, cells)


def tensors_of(path: Path) -> Tensors:
    """Return the arrays of a safetensors file."""
    from safetensors.numpy import load

    try:
        found: Tensors = load(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    return found


def booster_text(folder: Path, index: int) -> str:
    """Return the booster of an output as LightGBM wrote it."""
    return (folder / f"{index}.txt").read_text(encoding="utf-8")


def _baseline(
    algebra: Algebra[V], folder: Path, problem: Problem, cells: Mapping[str, Cell[V]]
) -> dict[str, V]:
    stored, tensors = read_json(folder / "baseline.json"), tensors_of(folder / _TABLES)
    entries = zip(problem.outputs, stored["tables"], strict=True)
    return {
        output.name: _of_group(algebra, entry, tensors[str(index)], cells)
        for index, (output, entry) in enumerate(entries)
    }


def _of_group(
    algebra: Algebra[V], entry: Mapping[str, Any], table: Floats, cells: Mapping[str, Cell[V]]
) -> V:
    """Return the row of a table [G, K] that a cell's group names."""
    if entry["column"] is None:
        return algebra.constant(table[0].tolist())
    cell = cells[entry["column"]]
    if entry["edges"] is None:
        return algebra.gather(cell.numbers, table)
    number = algebra.keep(_known_number(algebra, cell.numbers, range(1, cell.shape.width)))
    # A number that is equal to an edge is below it.
    above = [math.nextafter(edge, math.inf) for edge in entry["edges"]]
    found = algebra.gather(algebra.bins(number, above), table[1:])
    return algebra.where(algebra.is_missing(number), table[0], found)


def _linear(
    algebra: Algebra[V], folder: Path, problem: Problem, cells: Mapping[str, Cell[V]]
) -> dict[str, V]:
    stored, tensors = read_json(folder / "linear.json"), tensors_of(folder / "linear.safetensors")
    found = {}
    for index, output in enumerate(problem.outputs):
        raw = _weighed(algebra, problem, cells, tensors=tensors, index=index)
        link = stored.get("links", ["identity"] * len(problem.outputs))[index]
        found[output.name] = _finished(algebra, raw, "log" if link == "log" else output.type)
    return found


def _weighed(
    algebra: Algebra[V],
    problem: Problem,
    cells: Mapping[str, Cell[V]],
    *,
    tensors: Tensors,
    index: int,
) -> V:
    intercept = tensors[f"{index}.intercept"].astype(np.float64)
    by_dense = tensors[f"{index}.dense"].astype(np.float64)
    by_id = tensors[f"{index}.sparse"].astype(np.float64)
    told: list[V] = []
    dense = [cells[c.name].numbers for c in problem.inputs
             if c.shape.kind in {Kind.SCALAR, Kind.VECTOR}]  # fmt: skip
    if dense:
        block = algebra.join(dense)
        known = algebra.where(algebra.is_missing(block), tensors["centre"], block)
        told.append(algebra.affine(known, by_dense, intercept))
    else:
        told.append(algebra.constant(intercept.tolist()))
    start = 0
    for column in [c for c in problem.inputs if c.shape.kind is Kind.INDEX]:
        table = by_id[start : start + column.shape.cardinality]
        told.append(algebra.gather(cells[column.name].numbers, table))
        start += column.shape.cardinality
    texts = [c for c in problem.inputs if c.shape.kind in _RAGGED]
    for place, column in enumerate(texts):
        seen = tensors[f"bag.{place}"]
        places = _places(seen, int(tensors[f"bag.{place}.size"][0]))
        table, cell = by_id[start : start + len(seen)], cells[column.name]
        told.append(algebra.terms(cell.column, places, table, shape=cell.shape))
        start += len(seen)
    return _sum(algebra, told)


def _finished(algebra: Algebra[V], raw: V, form: str) -> V:
    if form == "category":
        return algebra.softmax(raw)
    if form == "log":
        return algebra.call("exp", algebra.clip(raw, -_LARGEST_LOG, _LARGEST_LOG))
    return expit(algebra, raw) if form == "binary" else raw


def expit(algebra: Algebra[V], x: V) -> V:
    """Return 1 / (1 + exp(-x)), without an overflow."""
    half = algebra.call("tanh", algebra.binary("*", x, 0.5))
    return algebra.binary("*", algebra.binary("+", half, 1.0), 0.5)


def _bayes(
    algebra: Algebra[V], folder: Path, problem: Problem, cells: Mapping[str, Cell[V]]
) -> dict[str, V]:
    stored = read_json(folder / "naive_bayes.json")
    tensors = tensors_of(folder / "naive_bayes.safetensors")
    found = {}
    for index, (output, entry) in enumerate(zip(problem.outputs, stored["outputs"], strict=True)):
        if entry["constant"]:
            found[output.name] = algebra.constant(entry["constant"])
            continue
        said = _said(
            algebra, problem, cells, tensors=tensors, index=index,
            is_presence=stored["is_presence"],
        )  # fmt: skip
        shares = algebra.softmax(said)
        is_category = output.type == "category"
        found[output.name] = shares if is_category else algebra.part(shares, 1)
    return found


def _said(
    algebra: Algebra[V],
    problem: Problem,
    cells: Mapping[str, Cell[V]],
    *,
    tensors: Tensors,
    index: int,
    is_presence: bool,
) -> V:
    parts = {key.partition(".")[2]: value for key, value in tensors.items()
             if key.startswith(f"{index}.")}  # fmt: skip
    told = [algebra.constant(parts["prior"].tolist())]
    numbers: list[V] = []
    level, text = 0, 0
    for column in problem.inputs:
        cell, shape = cells[column.name], column.shape
        if shape.kind in _RAGGED:
            places = _places(tensors[f"text.{text}"], shape.cardinality)
            told.append(
                algebra.terms(
                    cell.column, places, parts[f"terms.{text}"], shape=shape,
                    is_presence=is_presence, absent=parts[f"absent.{text}"],
                )
            )  # fmt: skip
            text += 1
        elif shape.kind is Kind.INDEX:
            table = parts["levels"][level : level + max(1, shape.cardinality)]
            told.append(algebra.gather(cell.numbers, table))
            level += max(1, shape.cardinality)
        elif shape.kind is Kind.VECTOR:
            numbers.append(cell.numbers)
        else:
            is_binary = shape.role == "binary"
            marks = range(0 if is_binary else 1, shape.width)
            for place in marks:
                mark = algebra.part(cell.numbers, place)
                told.append(_level(algebra, mark, parts["levels"][level : level + 3]))
                level += 3
            if not is_binary:
                numbers.append(_known_number(algebra, cell.numbers, marks))
    if numbers:
        told.append(_gaussian(algebra, algebra.join(numbers), parts))
    return _sum(algebra, told)


def _level(algebra: Algebra[V], mark: V, table: Floats) -> V:
    """Return what 0, 1 or neither says; the table's rows are those of neither, 0 and 1."""
    inside = algebra.where(algebra.is_missing(mark), 0.5, mark)
    at = algebra.bins(inside, [5e-324, 1.0, np.nextafter(1.0, 2.0)])
    return algebra.gather(at, np.stack([table[1], table[0], table[2], table[0]]))


def _known_number(algebra: Algebra[V], cell: V, marks: range) -> V:
    """Return a number, missing where a mark says that it was filled."""
    number = algebra.part(cell, 0)
    for place in marks:
        number = algebra.where(algebra.at_least(algebra.part(cell, place), 1.0), None, number)
    return number


def _gaussian(algebra: Algebra[V], numbers: V, parts: Mapping[str, Floats]) -> V:
    mean, variance = parts["mean"], parts["variance"]
    is_told = np.isfinite(variance)
    spread = np.where(is_told, variance, 1.0)
    squares = np.where(is_told, -0.5 / spread, 0.0)
    slopes = np.where(is_told, mean / spread, 0.0)
    heights = np.where(is_told, -0.5 * mean**2 / spread - 0.5 * np.log(spread), 0.0)
    z = algebra.binary("*", algebra.binary("-", numbers, parts["centre"]), parts["scale"])
    missing = algebra.is_missing(z)
    known = algebra.where(missing, 0.0, z)
    zero = np.zeros(mean.shape[1])
    return _sum(
        algebra,
        [
            algebra.affine(algebra.binary("*", known, known), squares, zero),
            algebra.affine(known, slopes, zero),
            algebra.affine(algebra.where(missing, 0.0, 1.0), heights, zero),
        ],
    )


def _gbm(
    algebra: Algebra[V], folder: Path, problem: Problem, cells: Mapping[str, Cell[V]]
) -> dict[str, V]:
    stored = read_json(folder / "gbm.json")
    parts = []
    for column in problem.inputs:
        value = cells[column.name].numbers
        if column.shape.kind is Kind.INDEX:
            ids = np.arange(column.shape.cardinality, dtype=np.float64)[:, None]
            number = algebra.gather(value, ids)
            value = algebra.where(algebra.at_least(number, 1.0), number, None)
        parts.append(algebra.keep(value))
    matrix = algebra.join(parts)
    found = {}
    for index, (output, entry) in enumerate(zip(problem.outputs, stored["outputs"], strict=True)):
        if entry["constant"]:
            found[output.name] = algebra.constant(entry["constant"])
            continue
        ensemble = trees.parse(booster_text(folder, index))
        found[output.name] = _of_sums(algebra, algebra.trees(matrix, ensemble), output, ensemble)
    return found


def _of_sums(algebra: Algebra[V], raw: V, output: Output, ensemble: trees.Ensemble) -> V:
    if output.type == "category":
        return algebra.softmax(raw)
    if ensemble.objective in trees.LOGARITHMS:
        return algebra.call("exp", raw)
    if output.type == "binary":
        return expit(algebra, algebra.binary("*", raw, ensemble.sigmoid))
    if ensemble.objective == "sqrt":
        raise UnfitError("trees of a square root cannot be exported")
    return raw


def _sum(algebra: Algebra[V], values: list[V]) -> V:
    total = values[0]
    for value in values[1:]:
        total = algebra.binary("+", total, value)
    return total


def _places(seen: npt.NDArray[Any], size: int) -> npt.NDArray[np.int32]:
    places = np.full(size + 1, len(seen), dtype=np.int32)
    places[seen] = np.arange(len(seen), dtype=np.int32)
    return places


_WAYS: dict[str, Callable[..., dict[str, Any]]] = {
    "baseline": _baseline,
    "linear": _linear,
    "naive_bayes": _bayes,
    "gbm": _gbm,
}
FORMULAS = frozenset(_WAYS)
