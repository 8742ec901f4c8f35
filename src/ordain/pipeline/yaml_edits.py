"""Edits of a YAML text: one change at the places the parser gives, all else stays as it stands.

Comments and layout around a change are kept; what a change replaces is lost with it.
"""

from __future__ import annotations

from typing import Any

import yaml as pyyaml

from ordain.config import emit

Keys = tuple[str, ...]
"""From the top of the document; items of a list by their `name`."""


def composed(text: str) -> Any:
    """Return the nodes of a text with their places; nothing is constructed from them."""
    return pyyaml.compose(text, Loader=pyyaml.SafeLoader)


def set_value(text: str, path: Keys, value: Any) -> str:
    """Return the text with a key set; blocks on the way that are not there are added.

    Raises:
        LookupError: the path leads through what holds no keys.
    """
    node, key_node, depth = _deepest(composed(text), path)
    rest = path[depth:]
    if not rest:
        is_block = isinstance(value, dict) and bool(value)
        if isinstance(node, pyyaml.ScalarNode) and not _is_empty(node) and not is_block:
            return _spliced(text, _start(node), _end(node, text), _flow(value))
        return _after_key(text, key_node, node, value)
    nested: Any = value
    for key in reversed(rest[1:]):
        nested = {key: nested}
    if isinstance(node, pyyaml.MappingNode):
        return _inserted(text, node, key_node, rest[0], nested)
    if isinstance(node, pyyaml.ScalarNode):
        return _opened(text, node, key_node, {rest[0]: nested}, is_item=key_node is None)
    raise LookupError(".".join(path))


def _deepest(root: Any, path: Keys) -> tuple[Any, Any, int]:
    """Return the node that the longest known part of a path leads to, its key, and that length."""
    node, key_node = root, None
    for depth, key in enumerate(path):
        found = _step(node, key)
        if found is None:
            return node, key_node, depth
        key_node, node = found
    return node, key_node, len(path)


def _step(node: Any, key: str) -> tuple[Any, Any] | None:
    if isinstance(node, pyyaml.MappingNode):
        return next(((k, v) for k, v in node.value if k.value == key), None)
    if isinstance(node, pyyaml.SequenceNode):
        return next(((None, item) for item in node.value if _marked_name(item) == key), None)
    return None


def _marked_name(item: Any) -> str | None:
    if isinstance(item, pyyaml.ScalarNode):
        return str(item.value)
    name = value_at(item, "name")
    return None if name is None else str(name.value)


def value_at(node: Any, key: str) -> Any:
    """Return the node of a mapping's key, or None."""
    found = _step(node, key) if isinstance(node, pyyaml.MappingNode) else None
    return None if found is None else found[1]


def _start(node: Any) -> int:
    return int(node.start_mark.index)


def _end(node: Any, text: str) -> int:
    """Return where the text of a node ends, without what only follows it."""
    if isinstance(node, pyyaml.ScalarNode):
        if node.style in {"|", ">"}:
            return len(text[: node.end_mark.index].rstrip())
        return int(node.end_mark.index)
    if node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    if isinstance(last, tuple):
        key, value = last
        # The place of a value that is left out may lie behind comments.
        return _end(key, text) + 1 if _is_empty(value) else _end(value, text)
    return _end(last, text)


def _is_empty(node: Any) -> bool:
    return isinstance(node, pyyaml.ScalarNode) and node.end_mark.index == node.start_mark.index


def _spliced(text: str, start: int, end: int, new: str) -> str:
    return text[:start] + new + text[end:]


def _flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, dict | list | tuple):
        plain = list(value) if isinstance(value, tuple) else value
        made: str = pyyaml.dump(
            plain, Dumper=emit._Dumper, default_flow_style=True, sort_keys=False, width=10_000,  # noqa: SLF001
            allow_unicode=True,
        )  # fmt: skip
        return made.strip()
    return emit.dump(value).strip()


def _block(key: str, value: Any, indent: int) -> str:
    lines = emit.dump({key: value}).rstrip("\n").split("\n")
    return "\n".join(" " * indent + line for line in lines)


def _after_key(text: str, key_node: Any, node: Any, value: Any) -> str:
    """Return the text with the value behind a key replaced by another."""
    if key_node is None:
        raise LookupError("an item of a list")
    key_end = _end(key_node, text)
    colon = text.index(":", key_end) + 1
    end = colon if _is_empty(node) else _end(node, text)
    if isinstance(value, dict) and value and not _is_flow_parent(text, key_node):
        indent = int(key_node.start_mark.column)
        lines = _block("_", value, indent).split("\n")[1:]
        return _spliced(text, colon, end, "\n" + "\n".join(lines))
    return _spliced(text, colon, end, f" {_flow(value)}")


def _is_flow_parent(text: str, key_node: Any) -> bool:
    """Return whether a key stands behind others on its line."""
    start = text.rfind("\n", 0, _start(key_node)) + 1
    return text[start : _start(key_node)].strip(" -") != ""


def _inserted(text: str, node: Any, key_node: Any, key: str, value: Any) -> str:
    """Return the text with another key in a mapping."""
    if node.flow_style:
        end = int(node.end_mark.index) - 1
        if not node.value:
            return _spliced(text, _start(node), end + 1, _flow({key: value}))
        last = len(text[:end].rstrip())
        comma = " " if text[last - 1] == "," else ", "
        return _spliced(text, last, last, comma + _flow({key: value})[1:-1])
    if not node.value:
        return _after_key(text, key_node, node, {key: value})
    indent = int(node.value[0][0].start_mark.column)
    line_end = text.find("\n", _end(node, text))
    at = len(text) if line_end < 0 else line_end
    return _spliced(text, at, at, "\n" + _block(key, value, indent))


def _opened(text: str, node: Any, key_node: Any, more: dict[str, Any], *, is_item: bool) -> str:
    """Return the text with a short form opened to hold more keys."""
    if _is_empty(node) or node.value in {"null", "~"}:
        return _after_key(text, key_node, node, more)
    given = "name" if is_item else "type"
    return _spliced(text, _start(node), _end(node, text), _flow({given: node.value, **more}))


def remove(text: str, path: Keys) -> str:
    """Return the text without a key, or without an item by its name.

    Raises:
        LookupError: it is not there.
    """
    parent, _, depth = _deepest(composed(text), path[:-1])
    if depth < len(path) - 1:
        raise LookupError(".".join(path))
    if isinstance(parent, pyyaml.MappingNode):
        spans = [(_start(k), max(_end(k, text) + 1, _end(v, text) if not _is_empty(v) else 0))
                 for k, v in parent.value]  # fmt: skip
        names = [k.value for k, _ in parent.value]
    else:
        spans = [(_start(item), _end(item, text)) for item in parent.value]
        names = [_marked_name(item) for item in parent.value]
    place = names.index(path[-1]) if path[-1] in names else -1
    if place < 0:
        raise LookupError(".".join(path))
    start, end = spans[place]
    if parent.flow_style:
        if place + 1 < len(spans):
            return _spliced(text, start, spans[place + 1][0], "")
        before = spans[place - 1][1] if place else int(parent.start_mark.index) + 1
        return _spliced(text, before, end, "")
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    return text[:first] + ("" if last < 0 else text[last + 1 :])
