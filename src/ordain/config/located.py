"""The located tree: plain data in which every key and every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from os import PathLike, fspath
from typing import Any, NamedTuple

from pydantic import BaseModel

from ordain.core.diagnostics import Place

Scalar = str | int | float | bool | None
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A document's text under the name a user knows it by."""

    name: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, text: str, name: str) -> Text:
        """Split a text as YAML counts lines."""
        return cls(name, tuple(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")))


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line; `line` and `column` count from 1, `length` is in characters."""

    text: Text
    line: int
    column: int
    length: int

    def place(self) -> Place:
        """Return the place with the line's text."""
        lines = self.text.lines
        text = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
        return Place(self.text.name, self.line, self.column, max(1, self.length), text)


class Entry(NamedTuple):
    """One key of a mapping: where the key stands, and its value."""

    mark: Mark | None
    node: Node


@dataclass(slots=True)
class Node:
    """One value.

    Attributes:
        value: a scalar, entries by key, or items.
        mark: where it stands; None where it came from Python.
        raw: as written, where it held a variable.
        is_plain: a scalar without quotes, which may be read as a number.
    """

    value: Scalar | dict[str, Entry] | list[Node]
    mark: Mark | None = None
    raw: str | None = None
    is_plain: bool = False

    @property
    def entries(self) -> dict[str, Entry]:
        """Entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Items of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.value, list)

    def get(self, key: str) -> Node | None:
        """Return the value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None

    def copy(self) -> Node:
        """Return a deep copy; marks are shared."""
        value = self.value
        if isinstance(value, dict):
            value = {key: Entry(entry.mark, entry.node.copy()) for key, entry in value.items()}
        elif isinstance(value, list):
            value = [item.copy() for item in value]
        return Node(value, self.mark, self.raw, self.is_plain)

    def plain(self) -> Any:
        """Return the same as plain Python data."""
        if isinstance(self.value, dict):
            return {key: entry.node.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value

    def written(self, *, is_escaped: bool = False) -> Any:
        """Return plain data in which variables stand as they were written.

        Args:
            is_escaped: whether other text gets `$${` for `${`: for a tree whose variables have
                been read.
        """
        if isinstance(self.value, dict):
            return {
                key: entry.node.written(is_escaped=is_escaped) for key, entry in self.value.items()
            }
        if isinstance(self.value, list):
            return [item.written(is_escaped=is_escaped) for item in self.value]
        if self.raw is not None:
            return self.raw
        return escaped(self.value) if is_escaped else self.value

    def at(self, path: Path) -> Node | None:
        """Return the node a path leads to, or None."""
        node: Node | None = self
        for key in path:
            if node is None:
                return None
            node = node.child(key)
        return node

    def child(self, key: str | int) -> Node | None:
        """Return the value of a key or the item of a position, or None."""
        if isinstance(self.value, dict):
            return self.get(str(key))
        if isinstance(self.value, list) and isinstance(key, int) and 0 <= key < len(self.value):
            return self.value[key]
        return None

    def mark_of_key(self, path: Path) -> Mark | None:
        """Return where the last key of a path stands; an item's own place for a position."""
        parent = self.at(path[:-1])
        if parent is None or not path:
            return self.mark
        if parent.is_mapping:
            entry = parent.entries.get(str(path[-1]))
            return (entry.mark or entry.node.mark) if entry else self.nearest_mark(path[:-1])
        item = parent.child(path[-1])
        return item.mark if item else None

    def mark_of(self, path: Path) -> Mark | None:
        """Return where a value stands: its own text, or its key where it spans lines."""
        node = self.at(path)
        if node is None:
            return self.nearest_mark(path)
        key = self.mark_of_key(path) if path and isinstance(path[-1], str) else None
        is_below = key is not None and node.mark is not None and node.mark.line != key.line
        if key is not None and (node.value is None or is_below or node.mark is None):
            return key
        return node.mark or self.nearest_mark(path[:-1])

    def nearest_mark(self, path: Path) -> Mark | None:
        """Return where the deepest part of a path that is there stands."""
        for end in range(len(path), 0, -1):
            if self.at(path[:end]) is not None and (mark := self.mark_of_key(path[:end])):
                return mark
        return self.mark

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Yield every node with its path, in file order."""
        yield path, self
        if isinstance(self.value, dict):
            for key, entry in self.value.items():
                yield from entry.node.walk((*path, key))
        elif isinstance(self.value, list):
            for index, item in enumerate(self.value):
                yield from item.walk((*path, index))


def from_python(value: object, mark: Mark | None = None) -> Node:
    """Return the tree of plain Python data; specs, paths, dates and NumPy scalars are understood.

    Raises:
        TypeError: an object that is not data.
    """
    if isinstance(value, BaseModel):
        value = _written_keys(value)
    if isinstance(value, Mapping):
        plain = {str(key): _without_type(str(key), item) for key, item in value.items()}
        return Node({k: Entry(mark, from_python(v, mark)) for k, v in plain.items()}, mark)
    if value is None or isinstance(value, bool | str | int | float):
        # There are no quotes to tell: a variable stands for any scalar.
        is_open = isinstance(value, str) and "${" in value
        return Node(value, mark, is_plain=is_open)
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return Node([from_python(item, mark) for item in value], mark)
    if isinstance(value, PathLike):
        return Node(str(fspath(value)), mark)
    if isinstance(value, date):
        return Node(value.isoformat(), mark)
    if hasattr(value, "item") and callable(value.item):
        return Node(value.item(), mark)
    raise TypeError(f"{type(value).__name__} is not data that a config can hold")


def _written_keys(spec: BaseModel) -> dict[str, Any]:
    """Return the keys of a spec that were given, and its `type`."""
    names = [name for name in type(spec).model_fields if name in spec.model_fields_set]
    keys = {name: getattr(spec, name) for name in names}
    if "type" in type(spec).model_fields:
        keys = {"type": getattr(spec, "type"), **keys}  # noqa: B009
    return {**keys, **(spec.model_extra or {})}


def _without_type(key: str, value: object) -> object:
    """Return the options of a feature without its type, which they do not repeat."""
    if key == "preprocessing" and isinstance(value, BaseModel):
        return {k: v for k, v in _written_keys(value).items() if k != "type"}
    return value


def escaped(value: Any) -> Any:
    """Return plain data in which no text is read as a variable: `$${` stands for `${`."""
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [escaped(item) for item in value]
    # Each `$$` of a text with `${` is read as `$`, so that all of them are doubled.
    return value.replace("$", "$$") if isinstance(value, str) and "${" in value else value


def dotted(path: Path) -> str:
    """Return a path as a user writes it: ``trainer.epochs``, ``input_features[2].type``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
