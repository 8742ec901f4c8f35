"""Arrow streams of strangers: looked through before they are read.

A reader trusts what a stream says of itself: compressed buffers that grow ten thousand times, and
lengths for which it reserves memory that is not there, which ends a process. Here each message's
own numbers are read first, and what could not be in so many bytes is refused.

Source: https://arrow.apache.org/docs/format/Columnar.html (serialisation, IPC), and the schemas
`Message.fbs` and `Schema.fbs` beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from ordain.serving.refusal import Refusal

_CONTINUES = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3
_TYPE, _HEADER, _BODY_LENGTH = 1, 2, 3
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3
_DATA = 1
_MOST_MESSAGES = 10_000
_ALIGNED = 8


def read_stream(body: bytes, *, most_rows: int) -> pl.DataFrame:
    """Return the rows of an Arrow stream.

    Args:
        body: of a request.
        most_rows: that it may hold.

    Raises:
        Refusal: it is none, is compressed, or holds too many rows.
    """
    try:
        n_rows = _looked_through(body)
    except (struct.error, IndexError, _StrangeError) as error:
        raise _no_stream() from error
    if n_rows > most_rows:
        raise Refusal.too_large("a request", limit=most_rows, unit="rows")
    try:
        return pl.read_ipc_stream(body)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _no_stream() from error
    except BaseException as error:
        if (
            type(error).__name__ == "PanicException"
        ):  # a library's own fault is no exception of ours
            raise _no_stream() from error
        raise


class _StrangeError(Exception):
    """A number that cannot be right."""


@dataclass(frozen=True)
class _Table:
    """A table of a flat buffer: a place in bytes, whose fields are found through its own list."""

    data: memoryview
    at: int

    @classmethod
    def root(cls, data: memoryview) -> _Table:
        return cls(data, _number("<I", data, 0))

    def place(self, field: int) -> int | None:
        """Return where a field is; None where it is left out."""
        listed = self.at - _number("<i", self.data, self.at)
        if listed < 0:
            raise _StrangeError
        entry = 4 + 2 * field
        if entry >= _number("<H", self.data, listed):
            return None
        offset = _number("<H", self.data, listed + entry)
        return self.at + offset if offset else None

    def number(self, field: int, form: str) -> int:
        """Return a number; 0 where it is left out."""
        place = self.place(field)
        return 0 if place is None else _number(form, self.data, place)

    def table(self, field: int) -> _Table | None:
        """Return a table that a field points at."""
        place = self.place(field)
        return None if place is None else _Table(self.data, place + self.number(field, "<I"))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Yield the structs of two numbers that a field points at."""
        place = self.place(field)
        if place is None:
            return
        start = place + _number("<I", self.data, place)
        count = _number("<I", self.data, start)
        if 16 * count > len(self.data):
            raise _StrangeError
        yield from struct.iter_unpack("<qq", self.data[start + 4 : start + 4 + 16 * count])


def _looked_through(body: bytes) -> int:
    """Return how many rows a stream says it has.

    Raises:
        Refusal: it is compressed.
        _StrangeError: one of its numbers cannot be right.
    """
    whole, at, n_rows = memoryview(body), 0, 0
    for _ in range(_MOST_MESSAGES):
        size = _number("<I", whole, at)
        if size == _CONTINUES:
            at += 4
            size = _number("<I", whole, at)
        at += 4
        if size == 0 and at <= len(whole):
            return n_rows
        message = _Table.root(_part(whole, at, size))
        length = message.number(_BODY_LENGTH, "<q")
        at += size
        _part(whole, at, length)
        n_rows += _rows_of(message, length)
        at += length
        if at == len(whole):  # an end that is not marked is one too
            return n_rows
    raise _StrangeError


def _rows_of(message: _Table, n_bytes: int) -> int:
    kind, header = message.number(_TYPE, "<B"), message.table(_HEADER)
    if header is None or kind not in {_SCHEMA, _DICTIONARY, _RECORDS}:
        raise _StrangeError
    if kind == _SCHEMA:
        return 0
    records = header.table(_DATA) if kind == _DICTIONARY else header
    if records is None:
        raise _StrangeError
    if records.place(_COMPRESSION) is not None:
        raise Refusal(
            415, "compressed", "compressed Arrow buffers are not read; write the stream plainly"
        )
    n_rows = records.number(_LENGTH, "<q")
    for length, n_null in records.pairs(_NODES):
        # The least that a cell takes is a bit; a column that is all null takes nothing.
        if not 0 <= n_null <= length or length > max(_ALIGNED * n_bytes, n_rows):
            raise _StrangeError
    for offset, length in records.pairs(_BUFFERS):
        if not (offset >= 0 and length >= 0 and offset + length <= n_bytes):
            raise _StrangeError
    if n_rows < 0:
        raise _StrangeError
    return n_rows if kind == _RECORDS else 0


def _part(data: memoryview, at: int, size: int) -> memoryview:
    if size < 0 or at + size > len(data):
        raise _StrangeError
    return data[at : at + size]


def _number(form: str, data: memoryview, at: int) -> int:
    if at < 0:
        raise _StrangeError
    found: int = struct.unpack_from(form, data, at)[0]
    return found


def _no_stream() -> Refusal:
    return Refusal.malformed("the body is no Arrow stream")
