"""The Open Inference Protocol, version 2, over REST, so that clients of KServe and Triton work.

Source: https://github.com/kserve/open-inference-protocol. Inputs are tensors by the name of the
field, of shape [N] or [N, 1]; outputs are those of `Model.predict`, by their names. Data stand in
the JSON, or after it as bytes: see `ordain.serving.tensors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version as version_of
from math import prod
from typing import Any, Literal

import msgspec
import polars as pl

from ordain.serving.batches import Batches
from ordain.serving.call import Call, Endpoint, Route
from ordain.serving.ids import new_id
from ordain.serving.kit import Kit
from ordain.serving.parts import joined
from ordain.serving.predicting import JSON
from ordain.serving.refusal import Refusal, Reply
from ordain.serving.tensors import EXTENSION, HEADER, OCTETS, SIZE, decode, parted
from ordain.serving.tensors import encode as encode_tensor
from ordain.serving.wire import encode, refuse_repeated

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "BYTES",
]  # fmt: skip
_MOST_DIMENSIONS = 2
_CONTENT_TYPES = frozenset({JSON, OCTETS, b""})


class Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """An input."""

    name: str
    shape: list[int]
    datatype: Datatype
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class WantedOutput(msgspec.Struct, forbid_unknown_fields=True):
    """An output that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferBody(msgspec.Struct, forbid_unknown_fields=True):
    """A request to infer."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: list[WantedOutput] | None = None


class OpenInference:
    """The routes of the protocol."""

    def __init__(self, kit: Kit, batches: Batches) -> None:
        self._kit, self._batches = kit, batches
        self._decode = msgspec.json.Decoder(InferBody).decode

    def routes(self) -> Iterator[Route]:
        """Yield the routes of the server, of each model, and of each of its versions."""
        yield self._get("/v2", _said({"name": "ordain", "version": version_of("ordain"),
                                      "extensions": [EXTENSION]}))  # fmt: skip
        yield self._get("/v2/health/live", _said({"live": True}))
        yield self._get("/v2/health/ready", _said({"ready": True}))
        for name, versions in self._kit.state().versions.items():
            whole = {"": None, **{f"/versions/{label}": label for label in versions}}
            for tail, label in whole.items():
                path = f"/v2/models/{name}{tail}"
                template = "/v2/models/{name}" + ("/versions/{version}" if label else "")
                yield self._get(path, self._metadata(name, label), name, template)
                ready = _said({"name": name, "ready": True})
                yield self._get(f"{path}/ready", ready, name, f"{template}/ready")
                yield Route(
                    "POST",
                    f"{path}/infer",
                    self._infer(name, label),
                    "predict",
                    name,
                    f"{template}/infer",
                    self._kit.deployment.limits.body_bytes,
                    refuse,
                )

    def _get(
        self, path: str, endpoint: Endpoint, name: str | None = None, template: str = ""
    ) -> Route:
        return Route("GET", path, endpoint, "read", name, template or path, 0, refuse)

    def _metadata(self, name: str, label: str | None) -> Endpoint:
        async def tell(call: Call) -> Reply:
            del call
            versions = self._kit.state().versions[name]
            served = versions[label] if label else next(iter(versions.values()))
            answers = served.predict_frame(served.golden.head(1))
            inputs = [
                _described(column, dtype) for column, dtype in served.model.input_schema.items()
            ]
            outputs = [_described(key, dtype) for key, dtype in answers.schema.items()]
            return Reply(
                encode(
                    {
                        "name": name,
                        "versions": list(versions),
                        "platform": "ordain",
                        "inputs": inputs,
                        "outputs": outputs,
                    }
                )
            )

        return tell

    def _infer(self, name: str, label: str | None) -> Endpoint:
        async def infer(call: Call) -> Reply:
            if call.content_type not in _CONTENT_TYPES:
                raise Refusal(415, "unknown_form", "the body must be application/json")
            told, data = parted(call)
            body = self._read(told)
            state = self._kit.state()
            served = next(iter(state.versions[name].values()))
            frame = served.columns_of(_columns(body, data))
            parts = await self._batches.answered(
                call, name, frame, new_id(), state=state, only=label
            )
            answers, versions = joined(parts)
            return _reply(body, name, versions[0], _chosen(answers, body))

        return infer

    def _read(self, body: bytes) -> InferBody:
        try:
            found = self._decode(body)
            # Each key has its colon, so that another count says to look closely.
            if body.count(b":") != _n_keys(found):
                refuse_repeated(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal.malformed("the body is no request of the protocol") from error
        if not found.inputs:
            raise Refusal.malformed("`inputs` is empty")
        return found


def _n_keys(body: InferBody) -> int:
    """Return how many keys a request surely has; more are repeated, or stand deeper."""
    inputs, outputs = body.inputs, body.outputs or ()
    told = [body.parameters, *(one.parameters for one in inputs)]
    told += [one.parameters for one in outputs]
    n_keys = 1 + (body.id is not None) + (body.outputs is not None)
    n_keys += sum(3 + (one.data is not None) for one in inputs) + len(outputs)
    return n_keys + sum(1 + len(one) for one in told if one)


def refuse(refusal: Refusal, request_id: str) -> Reply:
    """Say no as the protocol does: a text under `error`."""
    said = [refusal.message, *(str(fault["message"]) for fault in refusal.faults)]
    headers = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    body = encode({"error": "; ".join(said), "id": request_id})
    return Reply(body, refusal.status, headers=headers)


def _said(told: Mapping[str, Any]) -> Endpoint:
    body = encode(told)

    async def say(call: Call) -> Reply:
        del call
        return Reply(body)

    return say


def _columns(body: InferBody, data: memoryview) -> dict[str, list[Any]]:
    """Return the values of each tensor, flat.

    Args:
        body: of the request.
        data: bytes that follow it.

    Raises:
        Refusal: a shape does not fit its data, two have the same name, or lengths differ.
    """
    found: dict[str, list[Any]] = {}
    for tensor in body.inputs:
        named = f"input '{tensor.name[:60]}'"
        if tensor.name in found:
            raise Refusal.malformed(f"{named} stands twice")
        if not 1 <= len(tensor.shape) <= _MOST_DIMENSIONS or tensor.shape[1:] not in ([], [1]):
            raise Refusal.malformed(f"{named}: the shape must be [N] or [N, 1]")
        values, data = _values(tensor, data, named=named)
        if len(values) != prod(tensor.shape):
            raise Refusal.malformed(f"{named}: {len(values)} values do not fit its shape")
        found[tensor.name] = values
    if data:
        raise Refusal.malformed(f"{len(data)} bytes after the JSON belong to no input")
    if len({len(values) for values in found.values()}) > 1:
        raise Refusal.malformed("all inputs must have the same number of rows")
    return found


def _values(tensor: Tensor, data: memoryview, *, named: str) -> tuple[list[Any], memoryview]:
    """Return the values of a tensor, and the bytes that are left for the next ones.

    Raises:
        Refusal: it has data both in the JSON and after it, or they are not of its type.
    """
    size = tensor.parameters.get(SIZE)
    if size is None:
        return _values_of_json(tensor, named=named), data
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(data):
        raise Refusal.malformed(f"{named}: `{SIZE}` is no length within the bytes that follow")
    if tensor.data is not None:
        raise Refusal.malformed(f"{named} has both `data` and `{SIZE}`")
    return decode(tensor.datatype, data[:size], named=named), data[size:]


def _values_of_json(tensor: Tensor, *, named: str) -> list[Any]:
    values = [cell for value in tensor.data or () for cell in _flat(value)]
    if any(isinstance(cell, list | dict) for cell in values):
        raise Refusal.malformed(f"{named}: the data are nested too deeply")
    is_whole = tensor.datatype.startswith(("INT", "UINT"))
    if is_whole and any(isinstance(c, float) and not c.is_integer() for c in values):
        raise Refusal.malformed(f"{named}: the data are not whole numbers")
    return values


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _chosen(answers: pl.DataFrame, body: InferBody) -> pl.DataFrame:
    """Return the outputs that are asked for; all but lists where none are named.

    Raises:
        Refusal: one is asked for that is none.
    """
    names = answers.columns if body.outputs is None else [one.name for one in body.outputs]
    if strange := [name for name in names if name not in answers.columns]:
        raise Refusal.malformed(
            f"'{strange[0][:60]}' is no output; possible: {', '.join(answers.columns)}"
        )
    return answers.select([name for name in dict.fromkeys(names) if not _is_list(answers[name])])


def _is_list(column: pl.Series) -> bool:
    return column.dtype.is_nested()


def _reply(body: InferBody, name: str, version: str, answers: pl.DataFrame) -> Reply:
    """Return the answer: JSON, and after it the outputs that are asked for as bytes."""
    asked = {one.name: one.parameters for one in body.outputs or ()}
    is_usual = body.parameters.get("binary_data_output", False) is True
    tensors, parts = [], []
    for column in answers:
        datatype = _datatype(column.dtype)
        told: dict[str, Any] = {"name": column.name, "shape": [len(column)], "datatype": datatype}
        if asked.get(column.name, {}).get("binary_data", is_usual) is True:
            parts.append(encode_tensor(column, datatype, named=f"output '{column.name}'"))
            told["parameters"] = {SIZE: len(parts[-1])}
        else:
            told["data"] = column.to_list()
        tensors.append(told)
    whole: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": tensors}
    head = encode(whole if body.id is None else {**whole, "id": body.id})
    if not parts:
        return Reply(head)
    headers = [(HEADER, b"%d" % len(head))]
    return Reply(b"".join([head, *parts]), content_type=OCTETS, headers=headers)


def _described(name: str, dtype: pl.DataType) -> dict[str, Any]:
    return {"name": name, "datatype": _datatype(dtype), "shape": [-1]}


def _datatype(dtype: pl.DataType) -> str:
    if dtype == pl.Boolean:
        return "BOOL"
    if dtype.is_integer():
        return "INT64"
    return "FP64" if dtype.is_numeric() else "BYTES"
