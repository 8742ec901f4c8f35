"""Models that run without the library they were trained with.

A folder that `export --format runtime` wrote holds `bundle/`, and `scores.onnx` where the bundle's
own weights would need PyTorch. `scores.onnx.sha256`, as `sha256sum` writes it, is checked before
ONNX Runtime is given a byte of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ordain.config.document import Document
from ordain.core.errors import BundleError, StoreError
from ordain.core.files import store_errors, write_text
from ordain.features.encoded import EncodedColumn, Kind, RowValue
from ordain.features.feature import Scores
from ordain.models.family import FittedModel, Input, Problem
from ordain.store import bundle
from ordain.store.export.interface import Feeds, Given, array_of
from ordain.store.loading import load_bundle, open_unchecked
from ordain.store.model import Model

GRAPH, BUNDLE = bundle.GRAPH, "bundle"
CHECKSUM = f"{GRAPH}.sha256"
_AGAIN = "export the bundle again, or remove this file to answer by PyTorch"


class GraphModel(FittedModel):
    """A family's scores by ONNX Runtime.

    Args:
        path: of the graph from encoded columns to scores.
        content: of that file.
        inputs: of the problem, in its order.
        columns: of the table, by name of the input.
        n_threads: that a call may use.
    """

    engine = "onnxruntime"

    def __init__(
        self,
        path: Path,
        inputs: Sequence[Input],
        *,
        content: bytes,
        columns: Mapping[str, str],
        n_threads: int = 1,
    ) -> None:
        import onnxruntime

        self.history, self.facts = [], {}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise BundleError(f"{path} cannot be read: {error}") from error
        told = self._session.get_modelmeta().custom_metadata_map
        self.bundle = told.get("ordain.bundle", "")
        self._given = [Given.from_json(one) for one in json.loads(told["ordain.inputs"])]
        self._names = [output.name for output in self._session.get_outputs()]
        self._inputs = tuple(inputs)
        self._column_of = {column: name for name, column in columns.items()}

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Return the scores of every output; see the contract."""
        fed: Feeds = {}
        for one in self._given:
            column = inputs[self._column_of.get(one.column, one.column)]
            fed[one.name] = np.ascontiguousarray(array_of(column, one), dtype=one.dtype)
        return dict(zip(self._names, self._session.run(self._names, fed), strict=True))

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Return a function for one row; see the contract."""
        columns = self._inputs

        def predict_row(cells: Sequence[RowValue]) -> dict[str, Any]:
            row = {c.name: one_cell(c.shape.kind, cell)
                   for c, cell in zip(columns, cells, strict=True)}  # fmt: skip
            return {
                name: float(found[0]) if found.ndim == 1 else found[0].tolist()
                for name, found in self.predict(row).items()
            }

        return predict_row

    def save(self, folder: Path) -> None:
        """Refuse: what it was made of is saved already."""
        raise StoreError(f"a model of ONNX Runtime is not saved to {folder}: copy its folder")


def one_cell(kind: Kind, cell: Any) -> EncodedColumn:
    """Return an encoded column of one row."""
    if kind is Kind.INDEX:
        return EncodedColumn(kind, np.array([cell], dtype=np.int32))
    if kind in {Kind.TOKENS, Kind.BAG}:
        ids, weights = cell if isinstance(cell, tuple) else (cell, None)
        by = None if weights is None else np.array(weights, dtype=np.float32)
        return EncodedColumn(kind, np.array(ids, dtype=np.int32), np.array([0, len(ids)]), by)
    return EncodedColumn(kind, np.array(cell, dtype=np.float32).reshape(1, -1))


def write_checked(folder: Path, content: bytes) -> None:
    """Write a graph, and its checksum beside it."""
    (folder / GRAPH).write_bytes(content)
    write_text(folder / CHECKSUM, _checksum(content))


def read_checked(graph: Path) -> bytes:
    """Return the bytes of a graph, once they are what was written.

    Raises:
        BundleError: they differ from the checksum beside it, or there is none.
    """
    path = graph.with_name(CHECKSUM)
    bundle.require_file(graph)
    bundle.require_file(path)
    with store_errors(graph):
        content = graph.read_bytes()
    if not path.exists():
        raise BundleError(
            f"{graph}: `{CHECKSUM}` is missing beside it; it is refused\n  Fix: {_AGAIN}"
        )
    with store_errors(path):
        told = path.read_bytes()
    if told.strip() != _checksum(content).encode().strip():
        raise BundleError(
            f"{graph} differs from what was written, by `{CHECKSUM}` beside it; it is refused\n"
            f"  Fix: copy both again, or {_AGAIN}"
        )
    return content


def _checksum(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {GRAPH}\n"


def open_runtime(folder: Path | str) -> Model:
    """Return the model of a runtime folder, after checking every byte and its golden rows.

    Raises:
        BundleError: damaged, or it answers its golden rows otherwise.
    """
    return load_bundle(Path(folder) / BUNDLE)


def graph_loader(
    graph: Path, digest: str, *, signed: Collection[str] | None = None
) -> Callable[[Document, Problem], FittedModel]:
    """Return what gives the scores of a graph in the place of a bundle's own weights.

    Args:
        graph: that `scores_graph` made; its bytes are checked when it is loaded.
        digest: of the bundle, which the graph must be of.
        signed: SHA-256 of the graphs that may answer; None asks for no signature.
    """

    def opened(document: Document, problem: Problem) -> FittedModel:
        columns = {feature.name: feature.column for feature in document.inputs}
        content = read_checked(graph)
        if signed is not None and hashlib.sha256(content).hexdigest() not in signed:
            raise BundleError(f"{graph} is not what was signed with the bundle; it is refused")
        model = GraphModel(graph, problem.inputs, content=content, columns=columns)
        if model.bundle != digest:
            raise BundleError(f"{graph} was made of another bundle; it is refused\n  Fix: {_AGAIN}")
        return model

    return opened


def open_encoder(folder: Path | str) -> Model:
    """Return the model of an encoder's folder, which encodes and cannot predict."""
    inside = Path(folder) / BUNDLE
    bundle.verify(inside)
    return open_unchecked(inside, load_fitted=lambda _, __: NoModel())


class NoModel(FittedModel):
    """Stands where only the encodings of a model are of use."""

    def __init__(self) -> None:
        self.history, self.facts = [], {}

    def predict(self, inputs: Mapping[str, EncodedColumn]) -> dict[str, Scores]:
        """Refuse to predict."""
        raise StoreError(f"this folder encodes {len(inputs)} columns; the graph beside it predicts")

    def row_predictor(self) -> Callable[[Sequence[RowValue]], dict[str, Any]]:
        """Refuse to predict."""
        raise StoreError("this folder encodes columns; the graph beside it predicts")

    def save(self, folder: Path) -> None:
        """Refuse to save."""
        raise StoreError(f"there is nothing to save to {folder}")
