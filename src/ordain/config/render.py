"""The filled config as text: every default written out, and why what was inferred is what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ordain.config import emit, yaml
from ordain.config.bind import Bound
from ordain.config.config import Config
from ordain.config.document import Document
from ordain.config.dumped import secrets_of, to_plain
from ordain.config.located import Node, Path

SCHEMA_FILE = "ordain.schema.json"


def render(config: Config, bound: Bound | None = None) -> str:
    """Return YAML of the filled config, with the reason of each inferred value behind its line.

    Args:
        config: what to write out.
        bound: the config bound to its data; without it, what depends on data stays `auto`.
    """
    if bound is None:
        return annotate(config.to_dict(), {})
    return annotate(bound.to_dict(), bound.settled()[1])


def render_document(
    document: Document, reasons: Mapping[str, str], *, origin: Config | None = None
) -> str:
    """Return YAML of a document with reasons by dotted path, as `bind` and `settle` give them.

    Args:
        document: what to write.
        reasons: why values are what they are.
        origin: the config it came from; what it read from the environment stays `${NAME}`.
    """
    secrets = secrets_of(origin.tree) if origin is not None else None
    return annotate(to_plain(document, secrets=secrets), reasons)


def annotate(plain: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    """Return plain data as YAML with comments at the ends of lines."""
    text = emit.dump(dict(plain))
    lines = text.splitlines()
    if reasons:
        _comment(lines, yaml.parse(text, "rendered"), reasons)
    return "\n".join(lines) + "\n"


def _comment(lines: list[str], tree: Node, reasons: Mapping[str, str]) -> None:
    """Put each reason at the end of the line of its key."""
    for dotted, reason in reasons.items():
        path = _path_of(tree, dotted)
        mark = tree.mark_of_key(path) if path is not None else None
        if mark is not None:
            comment = " ".join(reason.split())
            lines[mark.line - 1] += (
                f"  # {comment}" if "  # " not in lines[mark.line - 1] else f"; {comment}"
            )


def _path_of(tree: Node, dotted: str) -> Path | None:
    """Return the path that a dotted one with feature names means, or None."""
    path: list[str | int] = []
    node: Node | None = tree
    rest = dotted
    while rest and node is not None:
        step, key = _step(node, rest)
        if step is None or key is None:
            return None
        path.append(step)
        node = node.child(step)
        rest = rest[len(key) :].removeprefix(".")
    return tuple(path)


def _step(node: Node, rest: str) -> tuple[str | int | None, str | None]:
    """Return the child that a dotted rest starts with; names may hold dots, so the longest wins."""
    names: dict[str, str | int] = {key: key for key in node.entries}
    for index, item in enumerate(node.items):
        name = item.get("name")
        if name is not None:
            names[str(name.value)] = index
    fitting = [name for name in names if rest == name or rest.startswith(f"{name}.")]
    if not fitting:
        return None, None
    longest = max(fitting, key=len)
    return names[longest], longest
