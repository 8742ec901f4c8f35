"""Environments: what is laid over a document where it runs under a name.

    environments:
      dev: {data: {sample: 0.1}, trainer: {epochs: 2}}
      prod: {data: {source: "${CUSTOMERS}"}}

`--env prod`, `Config.load(..., environment="prod")` or the environment variable ORDAIN_ENV choose
one. It is laid over the document by the rules of `include`; without a choice the document stands
as it is. The others are looked through for faults all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from ordain.config import words
from ordain.config.codes import fault
from ordain.config.compose import merge
from ordain.config.located import Entry, Node
from ordain.core.diagnostics import Diagnostic, nearest

KEY = "environments"
VARIABLE = "ORDAIN_ENV"
_MAY_NOT = ("include", KEY, "version")


def chosen(environment: str | None, env: Mapping[str, str] | None) -> str | None:
    """Return the name that was given, or the one that ORDAIN_ENV holds."""
    return environment or (env or {}).get(VARIABLE) or None


def take(tree: Node) -> tuple[dict[str, Entry], list[Diagnostic]]:
    """Take the environments out of a tree; returns them by name, and the faults in their shape."""
    block = tree.entries.pop(KEY, None) if tree.is_mapping else None
    if block is None or block.node.value is None:
        return {}, []
    if not block.node.is_mapping:
        said = f"`{KEY}` must be a mapping of names to keys, not {words.found(block.node.plain())}"
        mark = block.mark or block.node.mark
        return {}, [fault("E203", said, (KEY,), mark, fix=f"{KEY}:\n  prod: {{seed: 7}}")]
    found: dict[str, Entry] = {}
    faults: list[Diagnostic] = []
    for name, entry in block.node.entries.items():
        mark = entry.node.mark or entry.mark
        if not (entry.node.is_mapping or entry.node.value is None):
            said = f"the environment '{name}' must be a mapping of keys"
            what = words.found(entry.node.plain())
            faults.append(fault("E203", f"{said}, not {what}", (KEY, name), mark))
            continue
        for key in _MAY_NOT:
            taken = entry.node.entries.pop(key, None)
            if taken is not None:
                said = f"`{key}` may not stand in an environment"
                there = taken.mark or mark
                instead = f"Write `{key}` at the top of the document."
                faults.append(fault("E202", said, (KEY, name, key), there, allowed=instead))
        found[name] = entry
    return found, faults


def missing(
    name: str, known: Mapping[str, Entry], tree: Node, *, is_asked: bool
) -> Diagnostic | None:
    """Return the fault of an environment that the document does not have.

    ORDAIN_ENV speaks to every document, those without environments too.
    """
    if name in known or not (known or is_asked):
        return None
    close = nearest(name, known)
    first = next(iter(known.values()), None)
    return fault(
        "E119",
        f"the document has no environment '{name}'",
        (KEY, name),
        first.mark if first else tree.mark,
        allowed=f"Environments: {', '.join(known)}." if known else None,
        notes=() if is_asked else (f"`{VARIABLE}` names it.",),
        fix=(f"--env {close}" if is_asked else f"export {VARIABLE}={close}")
        if close
        else (None if known else f"{KEY}:\n  {name}: ..."),
    )


def laid_over(tree: Node, environment: Entry | None) -> Node:
    """Return a copy of the tree with an environment laid over it."""
    tree = tree.copy()
    if environment is None or not environment.node.is_mapping:
        return tree
    return Node(merge(tree, environment.node.copy()).value, tree.mark)
