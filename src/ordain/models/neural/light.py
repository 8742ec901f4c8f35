"""A network that predicts without torch: what the parts of a trained one told of themselves.

`NeuralModel.save` writes their maps beside the weights where every part has an exact one (see
`maps.py`). What only a network of torch can do, such as to explain, loads one when it is asked for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ordain.core.files import read_json
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.features.feature import Scores
from ordain.models.attribution import Attribution
from ordain.models.family import FittedModel, Learned, Output, Problem
from ordain.models.neural.maps import Told, compile_map

WEIGHTS_FILE = "model.safetensors"
STRUCTURE_FILE = "neural.json"
TENSOR = "tensor"
"""Key under which a description names the array of the weights that stands in its place."""
RowPredictor = Callable[[Sequence[RowValue]], dict[str, Any]]
RowsPredictor = Callable[[Sequence[Sequence[RowValue]]], list[dict[str, Any]]]
_BLOCK_ROWS = 2_048
_LARGEST_POWER = 80.0


class LightModel(FittedModel):
    """A network by NumPy alone.

    Args:
        maps: of its parts.
        whole: loads the same network by torch.
    """

    def __init__(self, maps: Maps, whole: Callable[[], FittedModel]) -> None:
        self.history, self.facts = [], {}
        self._maps, self._load = maps, whole
        self._whole: FittedModel | None = None
        self._lock = threading.Lock()

    @classmethod
    def read(
        cls, folder: Path, problem: Problem, whole: Callable[[], FittedModel]
    ) -> LightModel | None:
        """Return what `NeuralModel.save` wrote; None where it has no maps, or reads texts."""
        structure = read_json(folder / STRUCTURE_FILE)
        told = structure.get("maps")
        if told is None or any(group["kind"] == Kind.BAG for group in told["groups"]):
            return None
        from safetensors.numpy import load_file

        arrays = load_file(folder / WEIGHTS_FILE)
        try:
            maps = Maps.of(_with_arrays(told, arrays), problem, structure["temperatures"])
        except KeyError:  # a map of a later version
            return None
        return cls(maps, whole)

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output for rows of any number; see `Scores`."""
        return self._maps.predict(inputs)

    def row_predictor(self) -> RowPredictor:
        """Return a fast function from one row's cells to its scores."""
        return self._maps.row

    def rows_predictor(self) -> RowsPredictor:
        """Return a function from the cells of some rows to their scores."""
        return self._maps.rows

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return what the network of torch gives."""
        return self.whole.attribute(inputs, output, background=background)

    def inside(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, npt.NDArray[np.float64]]:
        """Return what the network of torch gives."""
        return self.whole.inside(inputs)

    def learned(self) -> dict[str, Learned]:
        """Return what the network of torch gives."""
        return self.whole.learned()

    def save(self, folder: Path) -> None:
        """Write what the network of torch writes."""
        self.whole.save(folder)

    @property
    def whole(self) -> FittedModel:
        """The same network by torch, loaded at the first use."""
        with self._lock:  # two threads that explain would else load two
            if self._whole is None:
                self._whole = self._load()
            return self._whole


@dataclass(frozen=True)
class Group:
    """Inputs that one encoder reads.

    Attributes:
        names: of the inputs.
        places: of their cells in a row.
        is_flat: whether each cell is a number, and none a vector of one.
    """

    kind: Kind
    names: tuple[str, ...]
    places: tuple[int, ...]
    is_flat: bool

    def of_row(self, cells: Sequence[RowValue]) -> Any:
        """Return what the encoder's map takes, of one row."""
        if self.kind is Kind.BAG:
            return cells[self.places[0]]
        if self.kind is Kind.INDEX:
            return np.array([cells[place] for place in self.places], dtype=np.int64)
        if self.is_flat:
            return np.array([cells[place] for place in self.places], dtype=np.float32).ravel()
        flat: list[float] = []
        for place in self.places:
            cell: Any = cells[place]
            flat.extend(cell) if isinstance(cell, tuple) else flat.append(cell)
        return np.array(flat, dtype=np.float32)

    def of_columns(self, inputs: Mapping[str, EncodedColumn], rows: slice) -> Any:
        """Return what the encoder's map takes, of many rows."""
        parts = [inputs[name].values[rows] for name in self.names]
        if self.kind is Kind.INDEX:
            return np.stack(parts, axis=1).astype(np.int64)
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


@dataclass(frozen=True)
class Maps:
    """The functions of a network's parts."""

    groups: tuple[Group, ...]
    encoders: tuple[Callable[[Any], Any], ...]
    body: Callable[[Any], Any]
    heads: tuple[Callable[[Any], Any], ...]
    outputs: tuple[Output, ...]
    heats: tuple[float, ...]

    @classmethod
    def of(cls, told: Told, problem: Problem, temperatures: Mapping[str, float]) -> Self:
        """Return the functions of what `NeuralModel` tells.

        Raises:
            KeyError: a kind of map is not known.
        """
        places = {column.name: place for place, column in enumerate(problem.inputs)}
        shapes = {column.name: column.shape for column in problem.inputs}
        groups = tuple(
            Group(
                Kind(group["kind"]),
                tuple(group["inputs"]),
                tuple(places[name] for name in group["inputs"]),
                all(
                    shapes[name].kind is not Kind.VECTOR and shapes[name].width == 1
                    for name in group["inputs"]
                ),
            )
            for group in told["groups"]
        )
        return cls(
            groups,
            tuple(compile_map(part) for part in told["encoders"]),
            compile_map(told["body"]),
            tuple(compile_map(part) for part in told["heads"]),
            problem.outputs,
            tuple(temperatures.get(output.name, 1.0) for output in problem.outputs),
        )

    def row(self, cells: Sequence[RowValue]) -> dict[str, Any]:
        """Return the scores of one row's cells."""
        pieces = [
            encode(group.of_row(cells))
            for group, encode in zip(self.groups, self.encoders, strict=True)
        ]
        hidden = self.body(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
        return {
            output.name: score_of(output, head(hidden), heat=heat)
            for output, head, heat in zip(self.outputs, self.heads, self.heats, strict=True)
        }

    def rows(self, rows: Sequence[Sequence[RowValue]]) -> list[dict[str, Any]]:
        """Return the scores of some rows' cells; a step of NumPy takes as long as for one."""
        raw = self._raw(list(self._pieces(rows)))
        return [
            {
                output.name: score_of(output, one[place], heat=heat)
                for output, one, heat in zip(self.outputs, raw, self.heats, strict=True)
            }
            for place in range(len(rows))
        ]

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of many rows, float32."""
        n_rows = len(next(iter(inputs.values())))
        parts: list[list[npt.NDArray[np.float32]]] = [[] for _ in self.outputs]
        for start in range(0, max(1, n_rows), _BLOCK_ROWS):
            place = slice(start, min(start + _BLOCK_ROWS, n_rows))
            raw = self._raw(
                [
                    encode(group.of_columns(inputs, place))
                    for group, encode in zip(self.groups, self.encoders, strict=True)
                ]
            )
            for kept, output, one, heat in zip(parts, self.outputs, raw, self.heats, strict=True):
                kept.append(_scores_of(output, one, heat=heat))
        return {
            output.name: np.concatenate(kept)
            for output, kept in zip(self.outputs, parts, strict=True)
        }

    def _pieces(self, rows: Sequence[Sequence[RowValue]]) -> Iterator[Any]:
        for group, encode in zip(self.groups, self.encoders, strict=True):
            cells = [group.of_row(row) for row in rows]
            is_single = group.kind is Kind.BAG
            yield np.stack([encode(one) for one in cells]) if is_single else encode(np.stack(cells))

    def _raw(self, pieces: list[Any]) -> list[npt.NDArray[np.float32]]:
        hidden = self.body(pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1))
        return [head(hidden) for head in self.heads]


def score_of(output: Output, raw: npt.NDArray[np.float32], *, heat: float) -> float | list[float]:
    """Return the score of one row's raw scores [n_scores]."""
    if output.type == "number":
        low, high = output.bounds or (-math.inf, math.inf)
        return min(max(float(raw[0]), low), high)
    if output.shape.kind is not Kind.INDEX:
        return _sigmoid(float(raw[0]) / heat)
    powers = np.exp((raw - raw.max()) / np.float32(heat))
    return (powers / powers.sum()).tolist()  # type: ignore[no-any-return]


def _scores_of(
    output: Output, raw: npt.NDArray[np.float32], *, heat: float
) -> npt.NDArray[np.float32]:
    """Return the scores of many rows' raw scores [N, n_scores]."""
    found: npt.NDArray[np.float32]
    if output.type == "number":
        values = raw[:, 0]
        found = values if output.bounds is None else np.clip(values, *output.bounds)
    elif output.shape.kind is not Kind.INDEX:
        logits = np.clip(raw[:, 0] / np.float32(heat), -_LARGEST_POWER, _LARGEST_POWER)
        found = 1 / (1 + np.exp(-logits))
    else:
        powers = np.exp((raw - raw.max(axis=1, keepdims=True)) / np.float32(heat))
        found = powers / powers.sum(axis=1, keepdims=True)
    return found.astype(np.float32, copy=False)


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-min(x, _LARGEST_POWER)))
    power = math.exp(max(x, -_LARGEST_POWER))
    return power / (1.0 + power)


def _with_arrays(told: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
    """Return a description with each array in the place of its name."""
    if isinstance(told, list):
        return [_with_arrays(one, arrays) for one in told]
    if not isinstance(told, dict):
        return told
    if TENSOR in told:
        return arrays[told[TENSOR]]
    return {key: _with_arrays(value, arrays) for key, value in told.items()}
