"""The text of a delimited file: in one piece, or block by block where it is too large for memory.

Packed text and text that is not UTF-8 is unpacked and recoded first: in memory, or into a file
beside the blocks of rows.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ordain.core.files import store_errors
from ordain.data.delimited import encoding as encodings
from ordain.data.delimited import lines
from ordain.data.delimited.dialect import HEAD_BYTES
from ordain.data.delimited.job import Block
from ordain.data.delimited.unpack import read_packed, unpack
from ordain.data.spill import Spill

_LONGEST_RECORD = 4
"""Blocks a record may span; a quote that is open for longer is taken for a plain character."""


@dataclass(frozen=True)
class Text:
    """Unpacked text.

    Attributes:
        name: of the file, for messages.
        content: all of it; None where it is read block by block.
        path: a file that holds it as it is; None where it is in memory only.
        spill: where recoded text goes, if it is read block by block.
    """

    name: str
    content: bytes | mmap.mmap | None
    path: Path | None
    spill: Spill | None = None

    @property
    def head(self) -> bytes:
        """The first 256 KiB."""
        if self.content is not None:
            return bytes(self.content[:HEAD_BYTES])
        with self._file.open("rb") as file:
            return file.read(HEAD_BYTES)

    @property
    def is_short(self) -> bool:
        """Whether the head is all there is."""
        return self.content is not None and len(self.content) <= HEAD_BYTES

    def lines(self) -> Iterator[tuple[int, bytes | mmap.mmap]]:
        """Return whole lines in blocks, with the number of the first line of each."""
        if self.content is not None:
            yield 1, self.content
            return
        for block in self.blocks(quote="", newline="\n"):
            yield block.first_line, block.content

    def blocks(self, *, quote: str, newline: str) -> Iterator[Block]:
        """Return whole records in blocks."""
        if self.content is not None:
            return iter([Block(self.content, self.path)])
        size = self._spill.block_bytes
        return _file_blocks(self._file, size, quote=quote, newline=newline)

    def recoded(self, encoding: str) -> Text:
        """Return the same text as UTF-8.

        Raises:
            DataError: the bytes are not of that encoding.
            StoreError: the file for it cannot be written.
        """
        if self.content is not None:
            content = encodings.decode(bytes(self.content), encoding).encode()
            return replace(self, content=content, path=None)
        return replace(self, path=self._write(encodings.transcode(self._chunks(), encoding)))

    def unpacked(self, compression: str, *, max_line_bytes: int) -> Text:
        """Return what is inside a packed file; see `unpack` for the errors."""
        if self.spill is None:
            content = read_packed(self._file, compression, max_line_bytes=max_line_bytes)
            return replace(self, content=content, path=None)
        chunks = unpack(self._file, compression, max_line_bytes=max_line_bytes)
        return replace(self, path=self._write(chunks))

    @property
    def _spill(self) -> Spill:
        assert self.spill is not None, "only text that is read block by block is not in memory"
        return self.spill

    @property
    def _file(self) -> Path:
        assert self.path is not None, "text that is not in memory is in a file"
        return self.path

    def _chunks(self) -> Iterator[bytes]:
        with self._file.open("rb", buffering=0) as file:
            while chunk := file.read(self._spill.block_bytes):
                yield chunk

    def _write(self, chunks: Iterable[bytes]) -> Path:
        path = self._spill.new_file(".txt")
        with store_errors(path), path.open("wb") as file:
            file.writelines(chunks)
        return path


@contextlib.contextmanager
def open_text(
    path: Path, compression: str, *, max_line_bytes: int, spill: Spill | None
) -> Iterator[Text]:
    """Give the text of a file.

    Args:
        path: of the file.
        compression: ``gz``, ``zst`` or none.
        max_line_bytes: a longer line is an error.
        spill: where blocks go; None to have all of the text in memory.

    Raises:
        DataError: a line is too long, or the file is damaged.
    """
    text = Text(path.name, None, path, spill)
    if compression:
        yield text.unpacked(compression, max_line_bytes=max_line_bytes)
        return
    with mapped(path) as content:
        lines.check_line_length(content, limit=max_line_bytes, name=path.name)
        if spill is None:
            yield replace(text, content=content)
    if spill is not None:
        yield text


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Give the bytes of a file, read when they are looked at."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _file_blocks(path: Path, size: int, *, quote: str, newline: str) -> Iterator[Block]:
    left, first_line, rest = path.stat().st_size, 1, b""
    mark = newline.encode()
    with path.open("rb", buffering=0) as file:
        while left:
            # A short last block is no block of its own.
            content = file.read(size if left > size + size // 4 else left)
            left = left - len(content) if content else 0
            content = rest + content
            end = len(content) if not left else _last_end(content, quote=quote, newline=newline)
            if not end and len(content) > _LONGEST_RECORD * size:
                end = content.rfind(mark) + 1
            rest = content[end:]
            content = content[:end]
            if content:
                n_lines = content.count(mark)
                yield Block(content, None, first_line)
                first_line += n_lines
            content = b""  # else it would be in memory beside the next block


def _last_end(content: bytes, *, quote: str, newline: str) -> int:
    """Return the offset past the last line end outside quotes; 0 where there is none."""
    end = content.rfind(newline.encode())
    if not quote or end < 0:
        return end + 1
    data = np.frombuffer(content, dtype=np.uint8)
    quotes = np.flatnonzero(data == ord(quote))
    while end >= 0 and np.searchsorted(quotes, end) % 2:
        # Inside quotes: the line end before that quote was opened is the next that counts.
        opened = int(quotes[np.searchsorted(quotes, end) - 1])
        end = content.rfind(newline.encode(), 0, opened)
    return end + 1
