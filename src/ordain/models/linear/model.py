"""A trained linear model: weights of each output, in the units of the encoded columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.core.arrays import read_arrays, write_arrays
from ordain.core.errors import BundleError
from ordain.core.files import read_json, write_json
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.features.feature import Scores
from ordain.models.attribution import Attribution
from ordain.models.family import FittedModel, Learned, Problem
from ordain.models.linear.attribution import Terms, additive
from ordain.models.linear.design import BLOCK_ROWS, Layout, bag_matrix, n_weights
from ordain.models.linear.solver import sigmoid, softmax
from ordain.models.loading import loading

FORMAT = 1
_FACTS, _WEIGHTS = "linear.json", "linear.safetensors"

_LARGEST = 80.0
"""Of a logarithm: its power still fits float32."""

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Weights:
    """Of one output with K scores.

    Attributes:
        intercept: [K].
        dense: [n_dense, K], for numbers as they are encoded (not scaled).
        sparse: [n_sparse, K].
    """

    intercept: Float64s
    dense: Float64s
    sparse: Float32s


class FittedLinear(FittedModel):
    """Weights, and the layout of what they weigh.

    Args:
        problem: whose inputs and outputs are answered.
        layout: of the inputs.
        centre: [n_dense]; stands in for NaN.
        weights: one an output, in the order of the problem.
        links: one an output: `log` where a score is the logarithm of the answer.
    """

    def __init__(
        self,
        problem: Problem,
        layout: Layout,
        centre: Float64s,
        weights: Sequence[Weights],
        *,
        links: Sequence[str] | None = None,
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.history = history or []
        self.facts = facts or {}
        self._problem, self._layout, self._centre = problem, layout, centre
        self._weights = tuple(weights)
        self._links = tuple(links or ["identity"] * len(self._weights))
        self._forms = [
            "log" if link == "log" else output.type
            for output, link in zip(problem.outputs, self._links, strict=True)
        ]

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output, float64; see the contract."""
        n_rows = len(next(iter(inputs.values()))) if inputs else 0
        raw = [np.empty((n_rows, len(w.intercept))) for w in self._weights]
        for start in range(0, n_rows, BLOCK_ROWS):
            place = slice(start, min(start + BLOCK_ROWS, n_rows))
            for out, scores in zip(raw, self._raw(inputs, place), strict=True):
                out[place] = scores
        outputs = zip(self._problem.outputs, self._forms, raw, strict=True)
        return {output.name: _finish(form, scores) for output, form, scores in outputs}

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        gather = _row_gatherer(self._problem, self._layout, self._centre)
        answers = [
            (output.name, w.intercept, w.dense, w.sparse, _ROW_FINISH[form])
            for output, form, w in zip(
                self._problem.outputs, self._forms, self._weights, strict=True
            )
        ]

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            dense, rows, shares = gather(cells)
            scores = {}
            for name, intercept, by_dense, by_sparse, finish in answers:
                raw = intercept + dense @ by_dense
                if rows:
                    raw = raw + np.array(shares) @ by_sparse[rows]
                scores[name] = finish(raw)
            return scores

        return predict_row

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return weights times cells, against the mean of the background."""
        place = next(i for i, o in enumerate(self._problem.outputs) if o.name == output)
        weights, form = self._weights[place], self._forms[place]
        return additive(
            self._layout,
            Terms(weights.intercept, weights.dense, weights.sparse, self._centre),
            inputs,
            background,
            names=[column.name for column in self._problem.inputs],
            scale={"number": "value", "log": "log"}.get(form, "log_odds"),
        )

    def learned(self) -> dict[str, Learned]:
        """Return how many weights of each output, its intercept apart, are not zero."""
        fix = "trainer: {regularization: 100}"
        found: dict[str, Learned] = {}
        for output, weights in zip(self._problem.outputs, self._weights, strict=True):
            count = int(np.count_nonzero(weights.dense) + np.count_nonzero(weights.sparse))
            found[output.name] = {"count": count, "what": "weights other than zero", "fix": fix}
        return found

    def save(self, folder: Path) -> None:
        """Write `linear.json` and `linear.safetensors`."""
        tensors: dict[str, npt.NDArray[Any]] = {"centre": self._centre}
        for index, weights in enumerate(self._weights):
            for name in ("intercept", "dense", "sparse"):
                tensors[f"{index}.{name}"] = getattr(weights, name)
        for index, (_, places) in enumerate(self._layout.bags):
            tensors[f"bag.{index}"] = np.flatnonzero(places[:-1] < n_weights(places))
            tensors[f"bag.{index}.size"] = np.array([len(places) - 1])
        write_arrays(folder / _WEIGHTS, tensors)
        write_json(
            folder / _FACTS,
            {
                "format": FORMAT,
                "outputs": [output.name for output in self._problem.outputs],
                "links": list(self._links),
            },
        )

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> FittedLinear:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, damaged, or of another problem.
        """
        with loading(folder, "`linear` weights"):
            stored, tensors = read_json(folder / _FACTS), read_arrays(folder / _WEIGHTS)
            layout = Layout.with_places(problem.inputs, _places(problem, tensors))
            weights = [
                Weights(*(tensors[f"{index}.{name}"] for name in ("intercept", "dense", "sparse")))
                for index in range(len(stored["outputs"]))
            ]
            _check(stored, layout, weights, problem=problem, folder=folder)
        return cls(problem, layout, tensors["centre"], weights, links=stored.get("links"))

    def _raw(self, inputs: Mapping[str, EncodedColumn], place: slice) -> list[Float64s]:
        layout, n_rows = self._layout, place.stop - place.start
        scores = [np.tile(weights.intercept, (n_rows, 1)) for weights in self._weights]
        pairs = list(zip(scores, self._weights, strict=True))
        if layout.dense:
            block = layout.dense_block(inputs, place)
            filled = np.where(np.isfinite(block), block, self._centre)
            for out, weights in pairs:
                np.add(out, filled @ weights.dense, out=out)
        starts = layout.starts()
        for (name, _), start in zip(layout.categories, starts, strict=False):
            ids = inputs[name].values[place]
            for out, weights in pairs:
                # Weights of id 0 are zero, as its column was while learning.
                np.add(out, weights.sparse[start + ids], out=out)
        for (name, places), start in zip(
            layout.bags, starts[len(layout.categories) :], strict=True
        ):
            n = n_weights(places)
            rows = inputs[name].rows(place.start, place.stop)
            matrix = bag_matrix(rows, places, np.float64)[:, :n]
            for out, weights in pairs:
                np.add(out, matrix @ weights.sparse[start : start + n], out=out)
        return scores


def _finish(form: str, scores: Float64s) -> Scores:
    if form == "category":
        return softmax(scores)
    if form == "log":
        return np.exp(np.clip(scores[:, 0], -_LARGEST, _LARGEST))
    return sigmoid(scores[:, 0]) if form == "binary" else scores[:, 0]


def _row_softmax(raw: Float64s) -> list[float]:
    powers = np.exp(raw - raw.max())
    result: list[float] = (powers / powers.sum()).tolist()
    return result


_ROW_FINISH: dict[str, Callable[[Float64s], float | list[float]]] = {
    "number": lambda raw: float(raw[0]),
    "log": lambda raw: math.exp(max(-_LARGEST, min(float(raw[0]), _LARGEST))),
    "binary": lambda raw: 0.5 * (1 + math.tanh(0.5 * float(raw[0]))),
    "category": _row_softmax,
}

_Gathered = tuple[Float64s, list[int], list[float]]


def _row_gatherer(
    problem: Problem, layout: Layout, centre: Float64s
) -> Callable[[Sequence[RowValue]], _Gathered]:
    """Return a function from one row's cells to its numbers, its sparse rows and their shares."""
    starts = layout.starts()
    category_starts = dict(zip((name for name, _ in layout.categories), starts, strict=False))
    bag_starts = starts[len(layout.categories) :]
    bags = {
        name: (places.tolist(), start)
        for (name, places), start in zip(layout.bags, bag_starts, strict=True)
    }
    steps = [
        (column.shape.kind, category_starts.get(column.name, 0), bags.get(column.name, ([], 0)))
        for column in problem.inputs
    ]
    fill = centre.tolist()

    def gather(cells: Sequence[Any]) -> _Gathered:
        dense: list[float] = []
        rows: list[int] = []
        shares: list[float] = []
        for cell, (kind, start, (places, bag_start)) in zip(cells, steps, strict=True):
            if kind is Kind.INDEX:
                rows.append(start + cell)
                shares.append(1.0)
            elif kind is Kind.SCALAR or kind is Kind.VECTOR:
                dense.extend(cell) if isinstance(cell, tuple) else dense.append(cell)
            else:
                ids, weights = cell if isinstance(cell, tuple) else (cell, [1.0] * len(cell))
                last = places[-1]
                for i, weight in zip(ids, weights, strict=True):
                    if places[i] != last:
                        rows.append(bag_start + places[i])
                        shares.append(weight)
        known = [value if value - value == 0 else fill[j] for j, value in enumerate(dense)]
        return np.array(known), rows, shares

    return gather


def _places(
    problem: Problem, tensors: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.int32]]:
    ragged = [c.name for c in problem.inputs if c.shape.kind in {Kind.BAG, Kind.TOKENS}]
    result = {}
    for index, name in enumerate(ragged):
        seen, size = tensors[f"bag.{index}"], int(tensors[f"bag.{index}.size"][0])
        places = np.full(size + 1, len(seen), dtype=np.int32)
        places[seen] = np.arange(len(seen), dtype=np.int32)
        result[name] = places
    return result


def _check(
    stored: dict[str, Any],
    layout: Layout,
    weights: Sequence[Weights],
    *,
    problem: Problem,
    folder: Path,
) -> None:
    if stored["format"] != FORMAT:
        raise BundleError(
            f"{folder / _FACTS}: format {stored['format']} is not known; "
            f"this version reads format {FORMAT}"
        )
    wanted = [output.name for output in problem.outputs]
    shapes = {(len(w.dense), len(w.sparse)) for w in weights}
    if stored["outputs"] != wanted or shapes != {(layout.n_dense, layout.n_sparse)}:
        raise BundleError(
            f"{folder / _FACTS}: the weights answer {stored['outputs']} from {sorted(shapes)} "
            f"dense and sparse numbers, and the config asks for {wanted} "
            f"from {(layout.n_dense, layout.n_sparse)}"
        )
