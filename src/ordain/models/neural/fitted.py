"""A neural model that has learned: predict, answer single rows, save, load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ordain.core.errors import BundleError, StoreError
from ordain.core.files import atomic_file, read_json, write_json
from ordain.features.encoded import EncodedColumn, Kind, RowArray
from ordain.features.feature import Scores
from ordain.models.attribution import Attribution
from ordain.models.family import FittedModel, Output, Problem
from ordain.models.neural.attribution import integrated_gradients
from ordain.models.neural.device import threads
from ordain.models.neural.light import (
    STRUCTURE_FILE,
    WEIGHTS_FILE,
    RowPredictor,
    RowsPredictor,
)
from ordain.models.neural.network import Network, build_network
from ordain.models.neural.packing import Columns, Layout, pack
from ordain.models.neural.row import maps_of, named_network, torch_function

_BLOCK_BYTES = 1 << 24
_SEQUENCE_ROWS = 128


class NeuralModel(FittedModel):
    """A network with the temperatures of its probabilities.

    Args:
        temperatures: by output; logits are divided by it.
        n_threads: CPU threads that `predict` may use; None leaves PyTorch's.
    """

    engine = "torch"

    def __init__(
        self,
        problem: Problem,
        network: Network,
        *,
        temperatures: Mapping[str, float],
        history: list[dict[str, Any]] | None = None,
        facts: dict[str, Any] | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.problem = problem
        self.layout = Layout.of(problem)
        self.network = network.cpu().eval()
        self.temperatures = dict(temperatures)
        self.history = history or []
        self.facts = facts or {}
        self.n_threads = n_threads

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output for rows of any number; see `Scores`."""
        n_rows = len(next(iter(inputs.values())))
        columns = Columns(inputs, {}, None, n_rows)
        with torch.inference_mode(), threads(self.n_threads or torch.get_num_threads()):
            order = self._by_length(inputs)
            if order is None:
                return self._predict(columns)
            scores = self._predict(columns.take(order))
            back = np.argsort(order)
            return {name: values[back] for name, values in scores.items()}

    def row_predictor(self) -> RowPredictor:
        """Return a fast function from one row's cells to its scores; NumPy alone where possible."""
        maps = maps_of(self)
        return torch_function(self) if maps is None else maps.row

    def rows_predictor(self) -> RowsPredictor | None:
        """Return a function from the cells of some rows to their scores, by NumPy, or None."""
        maps = maps_of(self)
        return None if maps is None else maps.rows

    def attribute(
        self,
        inputs: Mapping[str, EncodedColumn],
        output: str,
        *,
        background: Mapping[str, EncodedColumn],
    ) -> Attribution | None:
        """Return integrated gradients; None where an encoder mixes inputs."""
        with threads(1):  # the steps are small
            return integrated_gradients(self, inputs, output, background=background)

    def inside(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, npt.NDArray[np.float64]]:
        """Return the length of what each encoder gives, by encoder and inputs."""
        n_rows = len(next(iter(inputs.values())))
        with torch.inference_mode(), threads(1):
            parts = self.network.encoded(pack(Columns(inputs, {}, None, n_rows), self.layout))
        return {
            f"{group.encoder.type} ({group.name})": part.double().norm(dim=1).numpy()
            for group, part in zip(self.layout.groups, parts, strict=True)
        }

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `neural.json`."""
        from safetensors.torch import save

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            name: value.detach().contiguous().clone()
            for name, value in sorted(self.network.state_dict().items())
        }
        with atomic_file(folder / WEIGHTS_FILE) as file:
            file.write(save(tensors))
        structure = {
            "format": 1,
            "temperatures": self.temperatures,
            "encoders": self.network.structures(self.layout),
        }
        maps = named_network(self)
        if maps is not None:
            structure["maps"] = maps
        write_json(folder / STRUCTURE_FILE, structure)

    @classmethod
    def load(cls, folder: Path, problem: Problem) -> NeuralModel:
        """Return what `save` wrote.

        Raises:
            BundleError: a file is missing, or the weights do not fit the problem.
        """
        layout = Layout.of(problem)
        try:
            tensors, structure = _read(folder)
        except (StoreError, OSError) as error:
            raise BundleError(f"the neural model in {folder} cannot be read: {error}") from error
        network = build_network(problem, layout, seed=0, structures=structure["encoders"])
        _check_shapes(network.state_dict(), tensors)
        network.load_state_dict(tensors)
        return cls(problem, network, temperatures=structure["temperatures"])

    def scores_of(self, output: Output, raw: Tensor) -> npt.NDArray[np.float32]:
        """Return what is promised of an output from its raw scores [N, n_scores]."""
        if output.type == "number":
            values = raw[:, 0]
            if output.bounds is not None:
                values = values.clamp(*output.bounds)
            return values.numpy()
        logits = raw / self.temperatures.get(output.name, 1.0)
        if raw.shape[1] == 1:
            return logits[:, 0].sigmoid().numpy()
        return logits.softmax(1).numpy()

    def _by_length(self, inputs: Mapping[str, EncodedColumn]) -> RowArray | None:
        """Return the rows from short to long where there are sequences: padding is then rare."""
        names = [g.inputs[0].name for g in self.layout.groups if g.kind is Kind.TOKENS]
        lengths = [np.diff(o) for name in names if (o := inputs[name].offsets) is not None]
        if not lengths or len(lengths[0]) <= _SEQUENCE_ROWS:
            return None
        return np.argsort(np.sum(lengths, axis=0), kind="stable")

    def _predict(self, columns: Columns) -> dict[str, Scores]:
        outputs = self.problem.outputs
        parts: list[list[npt.NDArray[np.float32]]] = [[] for _ in outputs]
        for low, high in self._blocks(columns):
            raw = self.network.of_batch(pack(columns.rows(low, high), self.layout))
            for place, output in enumerate(outputs):
                parts[place].append(self.scores_of(output, raw[place].float()))
        return {
            output.name: own[0] if len(own) == 1 else np.concatenate(own)
            for output, own in zip(outputs, parts, strict=True)
        }

    def _blocks(self, columns: Columns) -> Iterator[tuple[int, int]]:
        is_sequence = any(group.kind is Kind.TOKENS for group in self.layout.groups)
        row_bytes = max(64, columns.n_bytes // max(1, columns.n_rows))
        size = (
            _SEQUENCE_ROWS if is_sequence else int(min(8192, max(256, _BLOCK_BYTES // row_bytes)))
        )
        for low in range(0, max(1, columns.n_rows), size):
            yield low, min(low + size, columns.n_rows)


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    structure = read_json(folder / STRUCTURE_FILE)
    if not isinstance(structure, dict) or structure.get("format") != 1:
        raise StoreError(f"{STRUCTURE_FILE} is of a format this version does not read")
    path = folder / WEIGHTS_FILE
    if not path.exists():
        raise StoreError(f"{WEIGHTS_FILE} is missing")
    try:
        return load_file(path), structure
    except SafetensorError as error:
        raise StoreError(f"{WEIGHTS_FILE} is damaged: {error}") from error


def _check_shapes(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or extra:
        name = (missing or extra)[0]
        raise BundleError(
            f"{WEIGHTS_FILE} does not fit the model's description: '{name}' is "
            f"{'missing' if missing else 'not part of it'}"
        )
    for name, tensor in wanted.items():
        if tensor.shape != found[name].shape:
            raise BundleError(
                f"{WEIGHTS_FILE} does not fit the model's description: '{name}' has the shape "
                f"{list(found[name].shape)} and {list(tensor.shape)} is described"
            )
