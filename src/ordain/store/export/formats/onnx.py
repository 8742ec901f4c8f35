"""ONNX: rows in, prediction columns out, by ONNX Runtime or any other that reads the standard.

Filling, scaling, the look-up of labels, the model, calibration and thresholds are inside. What a
graph cannot do (text, dates, hashing) is left to the encoder, the other half of the folder that is
then written.

    ordain export RUN --format onnx --output churn.onnx
    ordain export RUN --format onnx --output churn.onnx -o quantize=int8

Source: https://onnx.ai/onnx/operators; trees as `TreeEnsemble` of `ai.onnx.ml`, version 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from ordain.core.errors import UsageError
from ordain.core.files import write_json
from ordain.models.neighbours.model import FittedKnn
from ordain.store.export.format import EXPORTS, ExportFormat, Written
from ordain.store.export.interface import Given, feeds, interface_of
from ordain.store.model import Model

FILE, INTERFACE = "model.onnx", "interface.json"


@EXPORTS.register
class OnnxFormat(ExportFormat):
    """A graph of ONNX with the preprocessing inside, as far as it can be."""

    type: Literal["onnx"] = "onnx"
    quantize: Literal["none", "int8"] = "none"
    """Whether the matrices of a neural model are kept in 8 bits; the change in the answers to
    golden rows is measured."""
    quantize_tolerance: float = Field(default=0.05, gt=0, lt=1)
    """What `tolerance` is where the matrices are kept in 8 bits."""

    families = frozenset({"baseline", "knn", "linear", "naive_bayes", "gbm", "neural"})
    suffix = ".onnx"
    takes_both = True
    packages = {"onnx": "onnx", "onnxruntime": "onnx"}  # noqa: RUF012 - a class attribute

    @property
    def allowed(self) -> float:
        """How far a number may be from the bundle's."""
        return self.quantize_tolerance if self.quantize == "int8" else self.tolerance

    def write(self, model: Model, path: Path) -> Written:
        """Write a file, or a folder with the graph and the encoder."""
        from ordain.store.export.graph.model import predictions_graph

        family = model.document.model_type.type
        if self.quantize != "none" and family != "neural":
            raise UsageError(
                f"`quantize` is for a neural model: a `{family}` model has no matrices worth it\n"
                "  Fix: leave `quantize` out"
            )
        if family == "neural":
            OnnxScript.require()
        made = predictions_graph(model)
        if made.outside and path.suffix:
            told = "; ".join(f"`{name}`: {why}" for name, why in made.outside.items())
            raise UsageError(
                f"not all preprocessing has a place inside a graph ({told})\n"
                "  Fix: name a folder, for the graph and the encoder of these columns: "
                f"--output {path.stem}"
            )
        file = path
        if not path.suffix:
            path.mkdir()
            file = path / FILE
        content = made.model.SerializeToString()
        facts: dict[str, Any] = {"left_out": list(made.left_out)}
        if self.quantize == "int8":
            facts["bytes_before"] = len(content)
            content = _in_int8(made.model, file)
        file.write_bytes(content)
        if not path.suffix:
            write_json(path / INTERFACE, interface_of(model, made.given))
            _write_encoder(model, path, outside=made.outside)
        return Written(_notes(model, made.outside, made.left_out), facts)

    def answers(self, model: Model, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions by ONNX Runtime."""
        file = path / FILE if path.is_dir() else path
        return run_graph(model, file, rows)


class OnnxScript:
    """What turning a network into a graph needs."""

    @staticmethod
    def require() -> None:
        """Check that it is installed.

        Raises:
            MissingExtraError: it is not.
        """
        import importlib.util

        from ordain.core.errors import MissingExtraError

        if importlib.util.find_spec("onnxscript") is None:
            raise MissingExtraError.for_package(
                "onnxscript", extra="onnx", purpose="exporting a neural model to `onnx`"
            )


def run_graph(model: Model, file: Path, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the prediction columns that a graph gives for rows, without its model."""
    import json

    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    given = [Given.from_json(one) for one in json.loads(facts["ordain.inputs"])]
    names = [output.name for output in session.get_outputs()]
    fed = feeds(model, given, model.with_derived(rows))
    found = session.run(names, fed)
    frame = pl.DataFrame(
        {name: values.tolist() if values.dtype == object else values
         for name, values in zip(names, found, strict=True)}
    )  # fmt: skip
    return _without_unanswered(frame)


def _without_unanswered(frame: pl.DataFrame) -> pl.DataFrame:
    """Return nothing for the rows that the model gives no answer to."""
    for name in frame.columns:
        if name.endswith("_is_answered"):
            column = f"{name.removesuffix('_is_answered')}_prediction"
            frame = frame.with_columns(pl.when(pl.col(name)).then(pl.col(column)).alias(column))
    return frame


def _in_int8(model: Any, file: Path) -> bytes:
    """Return the graph with its matrices [W, K] in 8 bits."""
    import logging

    from onnxruntime.quantization import QuantType, quantize_dynamic

    chosen = _as_products(model)
    plain = file.with_name(f"{file.stem}.plain.onnx")
    small = file.with_name(f"{file.stem}.small.onnx")
    plain.write_bytes(model.SerializeToString())
    logging.getLogger().addFilter(_without_preprocessing_hint)
    try:
        quantize_dynamic(plain, small, weight_type=QuantType.QInt8, nodes_to_quantize=chosen)
        return small.read_bytes()
    finally:
        logging.getLogger().removeFilter(_without_preprocessing_hint)
        plain.unlink(missing_ok=True)
        small.unlink(missing_ok=True)


def _as_products(model: Any) -> list[str]:
    """Write each `Gemm` of a constant matrix as product and sum; return the products' names.

    Only a bare product is made with 8 bits, and the factor of a `Gemm` belongs to its matrix.
    """
    from onnx import helper, numpy_helper

    tensors = {one.name: one for one in model.graph.initializer}
    nodes, names = [], []
    for node in model.graph.node:
        keys = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        is_matrix = len(node.input) > 1 and node.input[1] in tensors
        if node.op_type != "Gemm" or not is_matrix or keys.get("transA", 0):
            nodes.append(node)
            continue
        weight = numpy_helper.to_array(tensors[node.input[1]]) * keys.get("alpha", 1.0)
        bias = numpy_helper.to_array(tensors[node.input[2]]) * keys.get("beta", 1.0)
        weight = np.ascontiguousarray(weight.T if keys.get("transB", 0) else weight)
        made = {f"{node.name}.matrix": weight, f"{node.name}.shift": bias}
        for name, values in made.items():
            array = numpy_helper.from_array(values.astype(np.float32), name)
            model.graph.initializer.append(array)
        product = f"{node.name}.product"
        names.append(product)
        left, right = made
        nodes.append(helper.make_node("MatMul", [node.input[0], left], [product], name=product))
        nodes.append(helper.make_node("Add", [product, right], list(node.output), name=right))
    used = {name for node in nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    model.graph.ClearField("initializer")
    model.graph.initializer.extend(kept)
    return names


def _without_preprocessing_hint(record: Any) -> bool:
    return "pre-processing" not in record.getMessage()


def _write_encoder(model: Model, path: Path, *, outside: dict[str, str]) -> None:
    from ordain.store.export.halves import write_encoder

    write_encoder(model, path, file=FILE, outside=outside)


def _notes(model: Model, outside: dict[str, str], left_out: tuple[str, ...]) -> tuple[str, ...]:
    notes = [f"`{name}` is fed encoded: {why}" for name, why in outside.items()]
    derived = model.document.data.columns
    if derived:
        told = ", ".join(f"{name} = {sql}" for name, sql in derived.items())
        notes.append(f"derived columns are computed before: {told}")
    notes += [f"`{name}` is left out: a list has no place in a graph" for name in left_out]
    texts = [f.column for f in model.document.inputs
             if f.type == "number" and model.input_schema.get(f.column) == pl.String]  # fmt: skip
    notes += [f"`{name}` was text; the graph takes it as a number" for name in texts]
    if isinstance(model.fitted, FittedKnn):
        notes.append("the graph holds the training rows that answer, encoded")
    if any(f.type in {"category", "binary"} for f in model.document.inputs):
        notes.append("labels are fed as text without spaces around it; '' is missing")
    return tuple(notes)
