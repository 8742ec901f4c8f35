"""YAML and JSON into the located tree.

YAML 1.2's core schema: `no`, `on`, `yes`, `12:30` and dates stay text; only `true` and `false`
are booleans; numbers may be written `1e-3` and `1_000`. Keys are always text. The tree is built
from libyaml's events with an explicit stack, so that depth, size and aliases are bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml as pyyaml

from ordain.config.codes import fault
from ordain.config.located import Entry, Mark, Node, Scalar, Text
from ordain.config.syntax import refuse, syntax_error
from ordain.core.diagnostics import Diagnostic
from ordain.core.errors import ConfigError

MAX_BYTES = 4 << 20
MAX_DEPTH = 50
MAX_NODES = 200_000

_LOADER = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9](?:_?[0-9])*")
_HEX = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?)(?:[eE][-+]?[0-9]+)?"
)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?::-[^\s,\[\]{}\"']*)?)\}")
_VEILED = "$\ue000\\1\ue001"
"""A variable whose brackets are none to YAML: `{keys: ${KEYS}}` needs no quotes, places stay."""
_UNVEIL = re.compile("\\$\ue000([^\ue001]*)\ue001")
_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".inf": float("inf"),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}
_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
}


def parse(text: str, name: str, *, faults: list[Diagnostic] | None = None) -> Node:
    """Return the tree of a YAML or JSON text.

    Args:
        text: what to read.
        name: of the text, for messages.
        faults: takes the faults that leave a tree behind them (duplicate keys), in place of an
            error.

    Raises:
        ConfigError: not YAML, more than one document, too large or deep; carries diagnostics.
    """
    lines = Text.of(text, name)
    if len(text) > MAX_BYTES:
        raise refuse(
            "E108",
            f"the document has {len(text):,} characters",
            lines,
            allowed=f"A document may have {MAX_BYTES:,}.",
        )
    try:
        builder = _Builder(lines, is_json=_is_json(text))
        for event in pyyaml.parse(_VARIABLE.sub(_VEILED, text), Loader=_LOADER):
            if isinstance(event, pyyaml.ScalarEvent):
                event.value = _UNVEIL.sub(r"${\1}", event.value)
            builder.take(event)
    except pyyaml.YAMLError as error:
        raise syntax_error(error, lines) from error
    if builder.faults and faults is None:
        raise ConfigError.of(builder.faults)
    root = _top(builder.root, lines)
    if faults is not None:
        faults += builder.faults
    return root


def decode(raw: bytes, name: str) -> str:
    """Return the text of a file's bytes; a byte order mark is dropped.

    Raises:
        ConfigError: not UTF-8; names line, column and byte.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        shown = raw.decode("utf-8", "replace")
        mark = Mark(Text.of(shown, name), line, column, 1)
        raise ConfigError.of(
            [
                fault(
                    "E107",
                    f"byte 0x{raw[error.start]:02x} is not UTF-8",
                    (),
                    mark,
                    allowed="A config is UTF-8 text.",
                    fix="save the file with the encoding UTF-8",
                )
            ]
        ) from error


def resolve(text: str) -> Scalar:
    """Return what a scalar without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


@dataclass
class _Builder:
    """Puts events together; one instance a text."""

    text: Text
    is_json: bool = False
    root: Node | None = None
    faults: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    stack: list[_Frame] = field(default_factory=list)
    n_nodes: int = 0
    n_documents: int = 0

    def take(self, event: pyyaml.Event) -> None:
        if isinstance(event, pyyaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, pyyaml.MappingStartEvent | pyyaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, pyyaml.MappingEndEvent | pyyaml.SequenceEndEvent):
            frame = self.stack.pop()
            self._close(frame)
        elif isinstance(event, pyyaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, pyyaml.DocumentStartEvent):
            self.n_documents += 1
            if self.n_documents > 1:
                raise refuse(
                    "E106",
                    "a second document starts here",
                    self.text,
                    self._mark(event),
                    allowed="A config file holds one document.",
                    fix="remove the line `---`",
                )

    def _scalar(self, event: pyyaml.ScalarEvent) -> None:
        mark = self._mark(event)
        self._check_tag(event, mark)
        is_plain = event.style is None or event.style == ""
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.awaits_key:
            frame.key, frame.key_mark = event.value, mark
            return
        value: Scalar = event.value
        tag = (event.tag or "").rpartition(":")[2]
        if (is_plain and not tag) or tag in {"int", "float", "bool", "null"}:
            value = resolve(event.value)
        # JSON has quotes around everything: a variable in them stands for any scalar, as in YAML.
        is_open = is_plain or (self.is_json and "${" in event.value)
        self._add(Node(value, mark, is_plain=is_open), event.anchor, size=1)

    def _open(self, event: pyyaml.MappingStartEvent | pyyaml.SequenceStartEvent) -> None:
        mark = self._mark(event)
        self._check_tag(event, mark)
        if len(self.stack) >= MAX_DEPTH:
            raise refuse("E108", f"blocks are nested more than {MAX_DEPTH} deep", self.text, mark)
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.awaits_key:
            raise refuse("E110", "a key must be a plain name, not a block", self.text, mark)
        is_mapping = isinstance(event, pyyaml.MappingStartEvent)
        node = Node({} if is_mapping else [], mark)
        self.stack.append(_Frame(node, event.anchor, self.n_nodes))

    def _close(self, frame: _Frame) -> None:
        if frame.merges:
            self._merge(frame)
        size = self.n_nodes - frame.n_before + 1
        self._add(frame.node, frame.anchor, size=size, already=size - 1)

    def _alias(self, event: pyyaml.AliasEvent) -> None:
        mark = self._mark(event)
        if event.anchor not in self.anchors:
            raise refuse(
                "E111",
                f"no anchor '&{event.anchor}' stands above",
                self.text,
                mark,
                allowed=_known_anchors(list(self.anchors)),
            )
        node, size = self.anchors[event.anchor]
        # A copy, so that an override of one place does not change the other.
        self._add(node.copy(), None, size=size)

    def _add(self, node: Node, anchor: str | None, *, size: int, already: int = 0) -> None:
        self.n_nodes += size - already
        if self.n_nodes > MAX_NODES:
            raise refuse(
                "E108",
                f"the document has more than {MAX_NODES:,} values",
                self.text,
                node.mark,
                allowed="Aliases count as often as they are used.",
            )
        if anchor:
            self.anchors[anchor] = (node, size)
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if isinstance(frame.node.value, list):
            frame.node.value.append(node)
            return
        self._add_entry(frame, node)

    def _add_entry(self, frame: _Frame, node: Node) -> None:
        key, mark = frame.key, frame.key_mark
        entries = frame.node.entries
        frame.key = None
        assert key is not None, "a mapping's value follows its key"
        if key == "<<":
            frame.merges.append(node)
        elif key in entries:
            self.faults.append(_duplicate(key, mark, entries[key].mark))
        else:
            entries[key] = Entry(mark, node)

    def _merge(self, frame: _Frame) -> None:
        entries = frame.node.entries
        for node in frame.merges:
            for source in node.items or [node]:
                if not source.is_mapping:
                    raise refuse("E110", "`<<` needs a mapping", self.text, node.mark)
                for key, entry in source.entries.items():
                    entries.setdefault(key, entry)

    def _check_tag(self, event: Any, mark: Mark) -> None:
        if event.tag and event.tag != "!" and event.tag not in _TAGS:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise refuse(
                "E109",
                f"the tag '{shown}' is not plain data",
                self.text,
                mark,
                allowed="A config holds text, numbers, booleans, lists and mappings.",
                fix="remove the tag",
            )

    def _mark(self, event: pyyaml.Event) -> Mark:
        start, end = event.start_mark, event.end_mark
        assert start is not None, "the parser marks every event"
        assert end is not None, "the parser marks every event"
        length = end.column - start.column
        if end.line != start.line:
            text = self.text.lines
            line = text[start.line] if start.line < len(text) else ""
            length = len(line.rstrip()) - start.column
        return Mark(self.text, start.line + 1, start.column + 1, max(0, length))


@dataclass
class _Frame:
    """A mapping or list that is still open."""

    node: Node
    anchor: str | None
    n_before: int
    key: str | None = None
    key_mark: Mark | None = None
    merges: list[Node] = field(default_factory=list)

    @property
    def awaits_key(self) -> bool:
        return self.node.is_mapping and self.key is None


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _top(root: Node | None, lines: Text) -> Node:
    if root is None or root.value is None:
        raise refuse(
            "E104",
            "the document is empty",
            lines,
            allowed="A config needs `input_features` and `output_features`.",
            fix="input_features: all\noutput_features:\n  <column to predict>: <type>",
        )
    if not root.is_mapping:
        kind = "a list" if root.is_list else "a single value"
        raise refuse(
            "E105",
            f"the document is {kind}, not keys with values",
            lines,
            root.mark,
            allowed="A config is a mapping such as `input_features: all`.",
        )
    return root


def _duplicate(key: str, mark: Mark | None, first: Mark | None) -> Diagnostic:
    notes = (f"It first stands on line {first.line}.",) if first else ()
    return fault(
        "E103",
        f"`{key}` stands twice in one mapping",
        (key,),
        mark,
        notes=notes,
        fix="keep one of the two",
    )


def _known_anchors(names: list[str]) -> str:
    return f"Anchors above: {', '.join(names)}." if names else "An anchor is written `&name`."
