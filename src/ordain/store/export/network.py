"""A network with what its raw scores become, as one module that PyTorch can export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from ordain.core.errors import UsageError
from ordain.features.encoded import Kind
from ordain.features.feature import Scores
from ordain.models.family import Output
from ordain.models.neural.fitted import NeuralModel
from ordain.store.export.interface import Given, feeds
from ordain.store.model import Model

_ROWS, _LONGEST = 3, 7


class ScoresOf(nn.Module):
    """Numbers [B, S], ids [B, F], then tensors of texts -> scores of each output, in order.

    A score is the probability of the positive class [B], probabilities [B, C], or a number in the
    encoded space [B], as `FittedModel.predict` gives it.
    """

    def __init__(self, fitted: NeuralModel) -> None:
        super().__init__()
        self.network = fitted.network
        self._ends = [
            _end(output, heat=fitted.temperatures.get(output.name, 1.0))
            for output in fitted.problem.outputs
        ]

    def forward(self, numbers: Tensor, ids: Tensor, *texts: Tensor) -> tuple[Tensor, ...]:
        """Return the scores of each output."""
        raw = self.network(numbers, ids, *texts)
        return tuple(end(one.float()) for end, one in zip(self._ends, raw, strict=True))


@dataclass(frozen=True)
class Tensors:
    """What the module is fed.

    Attributes:
        given: one a tensor, in the order of its arguments.
        example: tensors of a few made rows.
        dynamic: which dimensions may have any size, one mapping a tensor.
    """

    given: tuple[Given, ...]
    example: tuple[Tensor, ...]
    dynamic: tuple[dict[int, Any], ...]

    @property
    def shapes(self) -> tuple[Any, ...]:
        """The dynamic dimensions as PyTorch wants them for `forward(numbers, ids, *texts)`."""
        numbers, ids, *texts = self.dynamic
        return (numbers, ids, tuple(texts)) if texts else (numbers, ids)


def network_of(model: Model) -> NeuralModel:
    """Return the neural model inside.

    Raises:
        UsageError: the model is of another family.
    """
    if not isinstance(model.fitted, NeuralModel):
        raise UsageError(f"a `{model.document.model_type.type}` model has no network")
    return model.fitted


def tensors_of(fitted: NeuralModel) -> Tensors:
    """Return what the module of a model is fed, with an example."""
    layout = fitted.layout
    columns = {
        "numbers": tuple(column.name for column in layout.inputs(Kind.SCALAR)),
        "ids": tuple(column.name for column in layout.inputs(Kind.INDEX)),
    }
    width = sum(column.shape.width for column in layout.inputs(Kind.SCALAR))
    given = [
        Given("numbers", "", "numbers", "float32", ("N", width), columns["numbers"]),
        Given("ids", "", "indices", "int64", ("N", len(columns["ids"])), columns["ids"]),
    ]
    rows = torch.export.Dim("rows")
    example = [torch.zeros(_ROWS, width), torch.zeros(_ROWS, len(columns["ids"]), dtype=torch.long)]
    dynamic: list[dict[int, Any]] = [{0: rows}, {0: rows}]
    for group, encoder in zip(layout.groups, fitted.network.encoders, strict=True):
        if group.ragged is None:
            continue
        name = group.inputs[0].name
        longest = int(getattr(encoder, "max_length", None) or 0)
        items = torch.export.Dim(f"items_{len(given)}", max=longest or None)
        if group.kind is Kind.TOKENS:
            for meaning, dtype in (("padded", "int32"), ("mask", "bool")):
                dims = ("N", f"{name}.longest")
                given.append(Given(f"{name}.{meaning}", name, meaning, dtype, dims, (), longest))
            example.append(torch.ones(_ROWS, _LONGEST, dtype=torch.int32))
            example.append(torch.ones(_ROWS, _LONGEST, dtype=torch.bool))
            dynamic += [{0: rows, 1: items}, {0: rows, 1: items}]
        else:
            given.append(Given(f"{name}.ids", name, "ids", "int64", (f"{name}.items",)))
            given.append(Given(f"{name}.starts", name, "starts", "int64", ("N",)))
            given.append(Given(f"{name}.weights", name, "weights", "float32", (f"{name}.items",)))
            example.append(torch.ones(_LONGEST, dtype=torch.int64))
            example.append(torch.arange(_ROWS, dtype=torch.int64))
            example.append(torch.ones(_LONGEST))
            dynamic += [{0: items}, {0: rows}, {0: items}]
    return Tensors(tuple(given), tuple(example), tuple(dynamic))


def scores_by(
    model: Model, module: Callable[..., Any], given: Sequence[Given], rows: pl.DataFrame
) -> dict[str, Scores]:
    """Return the scores that an exported module gives for rows; derived columns must be there."""
    arrays = feeds(model, given, rows)
    with torch.no_grad():
        found = module(*(torch.from_numpy(arrays[one.name]) for one in given))
    outputs = network_of(model).problem.outputs
    return {output.name: scores.numpy() for output, scores in zip(outputs, found, strict=True)}


def onnx_of(fitted: NeuralModel) -> Any:
    """Return the module as an ONNX model; its inputs have the names of the tensors.

    Raises:
        UsageError: an encoder cannot be turned into a graph.
    """
    from ordain.store.export.graph.nodes import OPSET
    from ordain.store.export.recurrent import translations, with_operators

    tensors = tensors_of(fitted)
    names = [one.name for one in tensors.given]

    def export() -> Any:
        return torch.onnx.export(
            with_operators(ScoresOf(fitted).eval()),
            tensors.example,
            dynamo=True,
            custom_translation_table=translations(),
            opset_version=OPSET,
            input_names=names,
            output_names=[output.name for output in fitted.problem.outputs],
            dynamic_shapes=tensors.shapes,
            verbose=False,
        )

    program = exported(fitted, export, what="an ONNX graph")
    return program.model_proto


def exported(fitted: NeuralModel, export: Callable[[], Any], *, what: str) -> Any:
    """Return what PyTorch makes of the module; its own failures name the encoders at fault.

    Raises:
        UsageError: it cannot.
    """
    import contextlib
    import io
    import logging
    import warnings

    said = io.StringIO()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(said), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            return export()
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            parts = ", ".join(f"`{g.encoder.type}` of {g.name}" for g in fitted.layout.groups)
            raise UsageError(
                f"PyTorch cannot turn this network into {what}: {reason[0][:300]}\n"
                f"  Its encoders: {parts}\n"
                "  Possible: the formats `safetensors`, and `docker`, which then holds PyTorch"
            ) from error


def _end(output: Output, *, heat: float) -> Callable[[Tensor], Tensor]:
    if output.type == "number":
        bounds: Sequence[float] | None = output.bounds
        return lambda raw: raw[:, 0] if bounds is None else raw[:, 0].clamp(*bounds)
    if output.shape.kind is not Kind.INDEX:
        return lambda raw: (raw[:, 0] / heat).sigmoid()
    return lambda raw: (raw / heat).softmax(1)
