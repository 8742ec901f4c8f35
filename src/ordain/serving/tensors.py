"""Tensors as bytes: the binary data extension of the Open Inference Protocol.

A request or an answer is JSON and then, one tensor after the other, their bytes: little-endian,
without gaps; a text of `BYTES` is its length in four bytes and itself. The header
`Inference-Header-Content-Length` says how long the JSON is, `binary_data_size` of a tensor's
parameters how long its bytes are.

Source: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import polars as pl

from ordain.serving.call import Call
from ordain.serving.refusal import Refusal

EXTENSION = "binary_tensor_data"
HEADER = b"inference-header-content-length"
SIZE = "binary_data_size"
OCTETS = b"application/octet-stream"
_DTYPES = {
    "BOOL": "?",
    "UINT8": "|u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "|i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_LENGTH = struct.Struct("<I")
_MOST_DIGITS = 12


def parted(call: Call) -> tuple[bytes, memoryview]:
    """Return the JSON of a request and the bytes that follow it.

    Raises:
        Refusal: the header is no length of a part of the body.
    """
    told = call.headers.get(HEADER)
    if told is None:
        return call.body, memoryview(b"")
    if not told.isdigit() or len(told) > _MOST_DIGITS or int(told) > len(call.body):
        raise Refusal.malformed("Inference-Header-Content-Length is no length within the body")
    return call.body[: int(told)], memoryview(call.body)[int(told) :]


def decode(datatype: str, data: memoryview, *, named: str) -> list[Any]:
    """Return the values of a tensor.

    Args:
        datatype: of the protocol.
        data: its bytes.
        named: what it is called in a refusal.

    Raises:
        Refusal: the bytes are not whole values, or a text is not UTF-8.
    """
    if datatype == "BYTES":
        return _texts(data, named=named)
    dtype = np.dtype(_DTYPES[datatype])
    if len(data) % dtype.itemsize:
        raise Refusal.malformed(f"{named}: {len(data)} bytes are no whole values of {datatype}")
    found = np.frombuffer(data, dtype)
    values: list[Any] = found.tolist()
    return values


def encode(values: pl.Series, datatype: str, *, named: str) -> bytes:
    """Return the bytes of an output; a number that is missing is NaN, a text that is, empty.

    Raises:
        Refusal: a value is missing that bytes of its type cannot leave out.
    """
    if datatype == "BYTES":
        texts = [str(text).encode() for text in values.cast(pl.String).fill_null("")]
        return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
    if values.null_count() and datatype != "FP64":
        raise Refusal.malformed(
            f"{named} has missing values, which binary data cannot hold; ask for it as JSON, with "
            "`binary_data: false`"
        )
    return values.to_numpy().astype(_DTYPES[datatype]).tobytes()


def _texts(data: memoryview, *, named: str) -> list[Any]:
    found = []
    at = 0
    while at < len(data):
        start = at + _LENGTH.size
        stop = start + _LENGTH.unpack_from(data, at)[0] if start <= len(data) else len(data) + 1
        if stop > len(data):
            raise Refusal.malformed(f"{named}: the bytes end within a text")
        try:
            found.append(str(data[start:stop], "utf-8"))
        except UnicodeDecodeError as error:
            raise Refusal.malformed(f"{named}: a text is not UTF-8") from error
        at = stop
    return found
