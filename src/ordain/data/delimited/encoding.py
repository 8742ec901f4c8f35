"""The encoding of text: found by byte order marks, zeros and validity, and undone."""

from __future__ import annotations

import codecs
import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import numpy as np

from ordain.core.errors import DataError
from ordain.data.delimited.lines import shorten

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-bom"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8_PAIR = rb"[\xc3-\xdf][\x80-\xbf](?![\x80-\xbf])|[\xe1-\xef][\x80-\xbf]{2}"


def detect_encoding(head: bytes, *, is_whole: bool) -> str:
    """Return the encoding of the first bytes of a file, by byte order mark, zeros, or validity."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    even, odd = head[0:2000:2], head[1:2000:2]
    if odd.count(0) > 0.4 * max(1, len(odd)):
        return "utf-16-le"
    if even.count(0) > 0.4 * max(1, len(even)):
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
    except UnicodeDecodeError:
        return "unknown"
    return "utf-8"


def decode(content: bytes, encoding: str) -> str:
    """Return text; the names of `Dialect.encoding` are known.

    Raises:
        DataError: the bytes are not of that encoding, or there is no such encoding.
    """
    codec, errors = _codec(encoding)
    try:
        return content.decode(codec, errors)
    except LookupError as error:
        raise DataError(f"`encoding: {encoding}` is not a known encoding") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _wrong_byte(error, encoding, line=line, offset=0) from error


def single_byte_encoding(
    blocks: Callable[[], Iterable[tuple[int, bytes | mmap.mmap]]],
    name: str,
    problems: list[dict[str, Any]],
) -> str:
    """Return Windows' Western encoding (or Latin-1) for text that is not UTF-8.

    Args:
        blocks: gives whole lines of the file with the number of the first of them.
        name: of the file.
        problems: what was found is added to them.

    Raises:
        DataError: other lines do hold UTF-8, so that no one encoding fits.
    """
    if any(re.search(_UTF8_PAIR, content) for _, content in blocks()):
        raise _mixed_encodings(blocks(), name)
    is_latin = any(re.search(rb"[\x81\x8d\x8f\x90\x9d]", content) for _, content in blocks())
    encoding = "latin-1" if is_latin else "cp1252"
    count, first = 0, []
    for line, content in blocks():
        n_lines, found = _lines_of_bytes(content)
        count += n_lines
        first += [
            {"line": e["line"] + line - 1, "text": e["raw"].decode(encoding, "replace")}
            for e in found
        ]
    problems.append(
        {
            "kind": "not_utf8",
            "count": count,
            "examples": first[:3],
            "fix": f"not UTF-8, so it was read as {encoding}; `encoding: {encoding}` says so",
        }
    )
    return encoding


def transcode(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Return text of an encoding as UTF-8, chunk by chunk; see `decode` for the names.

    Raises:
        DataError: the bytes are not of that encoding, or there is no such encoding.
    """
    codec, errors = _codec(encoding)
    try:
        decoder = codecs.getincrementaldecoder(codec)(errors)
    except LookupError as error:
        raise DataError(f"`encoding: {encoding}` is not a known encoding") from error
    offset, line = 0, 1
    for chunk in chain(chunks, [b""]):
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            raise _wrong_byte(error, encoding, line=line, offset=offset - held) from error
        offset += len(chunk)
        line += text.count("\n")
        yield text.encode()


def _mixed_encodings(blocks: Iterable[tuple[int, bytes | mmap.mmap]], name: str) -> DataError:
    bad = [
        {**found, "line": found["line"] + line - 1}
        for line, content in blocks
        for found in _invalid_lines(bytes(content))
    ]
    shown = "\n".join(f"  line {e['line']}: {e['text']}" for e in bad[:3])
    return DataError(
        f"'{name}' is UTF-8 but for {len(bad)} line(s):\n{shown}\n"
        "  Fix: mend the lines, or write `encoding: utf-8-lossy` (wrong bytes become '\ufffd') "
        "or `encoding: cp1252`,\n"
        f"       as in `source: {{type: csv, path: {name}, encoding: utf-8-lossy}}`"
    )


def _codec(encoding: str) -> tuple[str, str]:
    return {"utf-8-bom": ("utf-8-sig", "strict"), "utf-8-lossy": ("utf-8", "replace")}.get(
        encoding, (encoding, "strict")
    )


def _wrong_byte(error: UnicodeDecodeError, encoding: str, *, line: int, offset: int) -> DataError:
    return DataError(
        f"line {line} is not valid {encoding}: byte 0x{error.object[error.start]:02x} "
        f"at offset {offset + error.start}"
    )


def _lines_of_bytes(data: bytes | mmap.mmap) -> tuple[int, list[dict[str, Any]]]:
    """Return how many lines hold a byte past ASCII, and the first three of them."""
    array = np.frombuffer(data, dtype=np.uint8)
    ends = np.append(np.flatnonzero(array == ord("\n")), len(array))
    rows = np.unique(np.searchsorted(ends, np.flatnonzero(array >= 0x80)))  # noqa: PLR2004
    first = []
    for row in rows[:3]:
        start = int(ends[row - 1]) + 1 if row else 0
        first.append({"line": int(row) + 1, "raw": data[start : int(ends[row])][:120]})
    return len(rows), first


def _invalid_lines(data: bytes) -> list[dict[str, Any]]:
    found = []
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.isascii():
            continue
        try:
            line.decode()
        except UnicodeDecodeError:
            text = line[:120].decode("utf-8", "backslashreplace")
            found.append({"line": number, "text": shorten(text)})
    return found
