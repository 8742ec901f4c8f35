"""Overrides of the command line: `-o trainer.epochs=3`, laid over the tree.

The value is YAML, and text where it is none. A path may name a feature
(`input_features.tenure.type`), give a position (`output_features[0]`,
`preprocessing.split.probabilities.0`), or go into blocks not yet written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ordain.config import emit, yaml
from ordain.config.codes import fault
from ordain.config.compose import FEATURE_LISTS, substitute
from ordain.config.located import Entry, Mark, Node, Path, Text, dotted
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import ConfigError

_STEP = re.compile(r"\.?([^.\[\]]+|\[\d+\]|\['[^']*'\])")

_OPENING = "[{'\"|>&*!"
"""What a value of several parts begins with: such a one is meant as YAML."""


def apply_overrides(
    tree: Node,
    overrides: Sequence[str],
    env: Mapping[str, str] | None,
    *,
    faults: list[Diagnostic] | None = None,
) -> None:
    """Set every `path=value` in a tree, in place, in the order given.

    With `faults`, those of overrides go there, and the tree goes without them.

    Raises:
        ConfigError: not of the form `path=value`, a place that is not there; all at once.
    """
    found: list[Diagnostic] = []
    for text in overrides:
        try:
            wrong = _apply(tree, text, env)
        except ConfigError as error:
            found += error.diagnostics
        else:
            found += [] if wrong is None else [wrong]
    if found and faults is None:
        raise ConfigError.of(found)
    if faults is not None:
        faults += found


def _apply(tree: Node, text: str, env: Mapping[str, str] | None) -> Diagnostic | None:
    path_text, sign, value_text = text.partition("=")
    lines = Text.of(text, "-o")
    steps = _steps(path_text, lines)
    if not sign or steps is None:
        return fault(
            "E117",
            f"'{text}' is not an override",
            (),
            Mark(lines, 1, 1, len(text)),
            allowed="An override is `path=value`.",
            fix="-o trainer.epochs=3",
        )
    start = len(path_text) + 1
    value = _value(value_text, text, start)
    faults = substitute(value, env)
    if faults:
        return faults[0]
    return _put(tree, steps, value)


class _Step(NamedTuple):
    """One step of a path, and where it stands."""

    key: str | int
    mark: Mark


def _steps(path: str, lines: Text) -> list[_Step] | None:
    steps: list[_Step] = []
    text = path.rstrip()
    end = len(text) - len(text.lstrip())
    while end < len(text):
        match = _STEP.match(text, end)
        if match is None:
            return None
        step, end = match[1], match.end()
        mark = Mark(lines, 1, match.start(1) + 1, len(step))
        if step.startswith("['"):
            steps.append(_Step(step[2:-2], mark))
        elif step.startswith("["):
            steps.append(_Step(int(step[1:-1]), mark))
        else:
            steps.append(_Step(step, mark))
    return steps or None


def _value(value: str, text: str, start: int) -> Node:
    """Return the tree of the value, its marks moved into the text of the override."""
    lines = Text.of(text, "-o")
    whole = Mark(lines, 1, start + 1, len(value))
    if not value.strip():
        return Node(None, whole)
    try:
        parsed = yaml.parse(f"value: {value}", "-o").get("value")
    except ConfigError:
        if value.lstrip()[0] in _OPENING:
            raise
        # What is no YAML, such as a format that begins with '%', can only be meant as text.
        return Node(value.strip(), whole)
    assert parsed is not None, "the mapping was just written"
    for _, node in parsed.walk():
        node.mark = _moved(node.mark, lines, start)
        if node.is_mapping:
            node.value = {
                key: Entry(_moved(entry.mark, lines, start), entry.node)
                for key, entry in node.entries.items()
            }
    return parsed


def _moved(mark: Mark | None, lines: Text, start: int) -> Mark | None:
    return mark and Mark(lines, 1, max(1, mark.column - len("value: ") + start), mark.length)


def _put(tree: Node, steps: list[_Step], value: Node) -> Diagnostic | None:
    node = tree
    done: Path = ()
    for step in steps[:-1]:
        following = _step_into(node, step.key, step.mark, done)
        if isinstance(following, Diagnostic):
            return following
        node, done = following, (*done, step.key)
    last = steps[-1]
    return _set(node, last.key, value, mark=last.mark, done=done)


def _step_into(node: Node, step: str | int, mark: Mark, done: Path) -> Node | Diagnostic:
    if node.is_list:
        position = _position(node, step)
        return node.items[position] if position is not None else _absent(node, step, mark, done)
    if isinstance(node.value, str) and (
        len(done) > 1 or done[:1] not in {(k,) for k in FEATURE_LISTS}
    ):
        # The short form `encoder: embed` opens up where a key below it is set.
        node.value = {"type": Entry(node.mark, Node(node.value, node.mark))}
    elif node.value is None:
        node.value = {}
    if not node.is_mapping:
        return _absent(node, step, mark, done)
    key = str(step)
    if key not in node.entries:
        if done and done[-1] in FEATURE_LISTS:
            return _absent(node, step, mark, done)
        node.entries[key] = Entry(mark, Node({}, mark))
    return node.entries[key].node


def _set(node: Node, step: str | int, value: Node, *, mark: Mark, done: Path) -> Diagnostic | None:
    if node.is_list:
        position = _position(node, step)
        if position is None:
            return _absent(node, step, mark, done)
        node.items[position] = value
        return None
    if isinstance(node.value, str) and len(done) > 1:
        node.value = {"type": Entry(node.mark, Node(node.value, node.mark))}
    if node.value is None:
        node.value = {}
    if not node.is_mapping:
        return _absent(node, step, mark, done)
    node.entries[str(step)] = Entry(mark, value)
    return None


def _position(node: Node, step: str | int) -> int | None:
    for index, item in enumerate(node.items):
        name = item.get("name")
        if name is not None and str(name.value) == str(step):
            return index
    if str(step).isdigit() and int(step) < len(node.items):
        return int(step)
    return None


def _absent(node: Node, step: str | int, mark: Mark, done: Path) -> Diagnostic:
    place = dotted(done)
    names = [str(i.get("name").value) for i in node.items if i.get("name")]  # type: ignore[union-attr]
    names = names or list(node.entries)
    close = nearest(str(step), names)
    if not names and not node.is_list:
        message = f"`{place}` is '{emit.show(node.plain())}' and has no `{step}` in it"
    else:
        message = f"`{place}` has no '{step}'"
    return fault(
        "E118",
        message,
        (*done, step),
        mark,
        allowed=f"It has: {', '.join(names[:20])}." if names else None,
        fix=f"-o {dotted((*done, close))}=..." if close else None,
    )
