"""The encoding of text: found by byte order marks, zeros and validity, and undone."""

from __future__ import annotations

import codecs
import mmap
import re
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
    codec, errors = {"utf-8-bom": ("utf-8-sig", "strict"), "utf-8-lossy": ("utf-8", "replace")}.get(
        encoding, (encoding, "strict")
    )
    try:
        return content.decode(codec, errors)
    except LookupError as error:
        raise DataError(f"`encoding: {encoding}` is not a known encoding") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"line {line} is not valid {encoding}: byte 0x{content[error.start]:02x} "
            f"at offset {error.start}"
        ) from error


def single_byte_encoding(
    content: bytes | mmap.mmap, name: str, problems: list[dict[str, Any]]
) -> str:
    """Return Windows' Western encoding (or Latin-1) for text that is not UTF-8.

    Raises:
        DataError: other lines do hold UTF-8, so that no one encoding fits.
    """
    data = bytes(content)
    found = _lines_of_bytes(data)
    if re.search(_UTF8_PAIR, data):
        bad = _invalid_lines(data)
        shown = "\n".join(f"  line {e['line']}: {e['text']}" for e in bad[:3])
        raise DataError(
            f"'{name}' is UTF-8 but for {len(bad)} line(s):\n{shown}\n"
            "  Fix: mend the lines, or write `encoding: utf-8-lossy` (wrong bytes become '\ufffd') "
            "or `encoding: cp1252`,\n"
            f"       as in `source: {{type: csv, path: {name}, encoding: utf-8-lossy}}`"
        )
    encoding = "latin-1" if re.search(rb"[\x81\x8d\x8f\x90\x9d]", data) else "cp1252"
    shown_lines = [
        {"line": e["line"], "text": e["raw"].decode(encoding, "replace")} for e in found[1]
    ]
    problems.append(
        {
            "kind": "not_utf8",
            "count": found[0],
            "examples": shown_lines,
            "fix": f"not UTF-8, so it was read as {encoding}; `encoding: {encoding}` says so",
        }
    )
    return encoding


def _lines_of_bytes(data: bytes) -> tuple[int, list[dict[str, Any]]]:
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
