"""From files to one tree: variables, includes, overrides of the command line.

    include: [base.yaml, env/${ENV:-dev}.yaml]

An included file is read first and the including one is laid over it: mappings merge key by key,
features merge by name, everything else is replaced, and so is a block whose `type` is another one.
Each node keeps the file it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.config import yaml
from ordain.config.codes import fault
from ordain.config.located import Entry, Mark, Node, from_python
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import ConfigError

FEATURE_LISTS = ("input_features", "output_features")
_VARIABLE = re.compile(
    r"\$(?P<escape>\$)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<bad>\$\{[^}]*\}?)"
)


@dataclass(frozen=True)
class Origin:
    """What to read: a tree, and the folder that relative files are looked for in."""

    tree: Node
    folder: Path
    name: str


def read_origin(
    source: str | Path | Mapping[str, object] | Node, *, faults: list[Diagnostic] | None = None
) -> Origin:
    """Return the tree of a file, a YAML text, or plain Python data.

    A string with a line break, or that starts with `{`, is YAML; any other is a file name.
    With `faults`, those that leave a tree behind them go there.

    Raises:
        ConfigError: unreadable, not YAML.
    """
    if isinstance(source, Node):
        return Origin(source, Path(), "")
    if isinstance(source, Mapping):
        try:
            return Origin(from_python(source), Path(), "")
        except TypeError as error:
            raise ConfigError.of([fault("E203", str(error))]) from error
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return Origin(yaml.parse(source, "<text>", faults=faults), Path(), "")
    path = Path(source)
    return Origin(_parsed(path, str(source), faults), path.parent, path.stem)


def _parsed(path: Path, name: str, faults: list[Diagnostic] | None) -> Node:
    return yaml.parse(yaml.decode(_bytes(path), name), name, faults=faults)


def compose(
    origin: Origin,
    env: Mapping[str, str] | None,
    *,
    environment: str | None = None,
    faults: list[Diagnostic] | None = None,
) -> Node:
    """Return the tree with variables replaced and includes laid under it.

    Without `env` the tree is sealed: variables stay text, and `include` is refused.

    Args:
        origin: what was read.
        env: what `${NAME}` is read from.
        environment: the one that is chosen; variables in the others stay text.
        faults: takes the faults of variables, whose text then stays, in place of an error.

    Raises:
        ConfigError: an unset variable, an include that is missing or circular.
    """
    found: list[Diagnostic] = []
    tree = _Composer(env, environment, found).expand(origin.tree, origin.folder, ())
    if found and faults is None:
        raise ConfigError.of(found)
    if faults is not None:
        faults += found
    return tree


@dataclass(frozen=True)
class _Composer:
    """Reads what a document includes; one instance a document."""

    env: Mapping[str, str] | None
    environment: str | None
    faults: list[Diagnostic]

    def expand(self, tree: Node, folder: Path, seen: tuple[Path, ...]) -> Node:
        """Return a tree laid over what it includes."""
        new = substitute(tree, self.env, environment=self.environment)
        self.faults.extend(new)
        entry = tree.entries.pop("include", None) if tree.is_mapping else None
        if entry is None:
            return tree
        if self.env is None:
            message = "a sealed document may not include files"
            mark = entry.mark or entry.node.mark
            fix = "write what the file says into the document"
            raise ConfigError.of([fault("E113", message, ("include",), mark, fix=fix)])
        if any(found.path[:1] == ("include",) for found in new):
            raise ConfigError.of(self.faults)
        merged: Node | None = None
        for node in entry.node.items or [entry.node]:
            part = self._included(node, folder, seen)
            merged = part if merged is None else merge(merged, part)
        return tree if merged is None else merge(merged, tree)

    def _included(self, node: Node, folder: Path, seen: tuple[Path, ...]) -> Node:
        if not isinstance(node.value, str):
            raise _refused(
                "E113",
                "`include` must be a file name or a list of file names",
                node,
                fix="include: base.yaml",
            )
        path = folder / node.value
        resolved = path.resolve()
        if resolved in seen:
            ring = " -> ".join(p.name for p in (*seen[seen.index(resolved) :], resolved))
            message = f"files include each other in a circle: {ring}"
            raise _refused("E114", message, node, fix="remove one of these includes")
        if not path.is_file():
            found = (
                sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
            )
            raise _refused(
                "E113",
                f"the included file '{node.value}' is not there",
                node,
                allowed=f"YAML files there: {', '.join(found[:10])}." if found else None,
                notes=(f"It was looked for in {path.parent}/.",),
            )
        part = _parsed(path, str(path), self.faults)
        return self.expand(part, path.parent, (*seen, resolved))


def _refused(code: str, message: str, node: Node, **more: Any) -> ConfigError:
    return ConfigError.of([fault(code, message, ("include",), node.mark, **more)])


def merge(under: Node, over: Node, *, key: str = "") -> Node:
    """Return two trees as one; `over` wins.

    Mappings merge key by key and features by name; a mapping whose `type` is another one replaces
    what it is laid over, for the keys of one type mean nothing to another.
    """
    if (
        key in FEATURE_LISTS
        and isinstance(under.value, dict | list)
        and isinstance(over.value, dict | list)
    ):
        return _merge_features(under, over)
    if not (under.is_mapping and over.is_mapping) or _is_other_type(under, over):
        return over
    entries = dict(under.entries)
    for name, entry in over.entries.items():
        known = entries.get(name)
        node = merge(known.node, entry.node, key=name) if known else entry.node
        entries[name] = Entry(entry.mark, node)
    return Node(entries, over.mark)


def _is_other_type(under: Node, over: Node) -> bool:
    old, new = under.get("type"), over.get("type")
    return old is not None and new is not None and old.value != new.value


def _merge_features(under: Node, over: Node) -> Node:
    known, new = _by_name(under), _by_name(over)
    if known is None or new is None:
        return over
    for name, node in new.items():
        old = known.get(name)
        if old is not None and _is_other_type(old, node):
            column = {"column": old.entries["column"]} if "column" in old.entries else {}
            known[name] = Node({**column, **node.entries}, node.mark)
        else:
            known[name] = node if old is None else merge(old, node)
    return Node(list(known.values()), over.mark)


def _by_name(features: Node) -> dict[str, Node] | None:
    """Return features by name as mappings, or None where they are too broken for it."""
    if features.is_mapping:
        return {name: _named(name, entry) for name, entry in features.entries.items()}
    named: dict[str, Node] = {}
    for item in features.items:
        if isinstance(item.value, str):
            named[item.value] = Node({"name": Entry(item.mark, item)}, item.mark)
            continue
        name = item.get("name")
        if name is None or str(name.value) in named:
            return None
        named[str(name.value)] = item
    return named


def _named(name: str, entry: Entry) -> Node:
    body = entry.node
    if not body.is_mapping:
        rest = {} if body.value is None else {"type": Entry(entry.mark, body)}
    else:
        rest = dict(body.entries)
    return Node({"name": Entry(entry.mark, Node(name, entry.mark)), **rest}, entry.mark)


def substitute(
    tree: Node, env: Mapping[str, str] | None, *, environment: str | None = None
) -> list[Diagnostic]:
    """Replace `${NAME}` in every text of a tree, in place; `$${` stands for `${`.

    Without `env` all but `$${` stays as it is. What stands in `environments` is left alone, but
    for the one that is chosen: the others may name variables that are set elsewhere.
    """
    faults: list[Diagnostic] = []
    seen: set[int] = set()
    for path, node in tree.walk():
        if path[:1] == ("environments",) and path[1:2] not in {(), (environment,)}:
            continue
        if isinstance(node.value, str) and "${" in node.value and id(node) not in seen:
            seen.add(id(node))
            _fill(node, path, env, faults)
    return faults


def _fill(
    node: Node,
    path: tuple[str | int, ...],
    env: Mapping[str, str] | None,
    faults: list[Diagnostic],
) -> None:
    raw = str(node.value)
    n_before = len(faults)

    def value(match: re.Match[str]) -> str:
        if match["escape"]:
            return "$"
        if env is None:
            return match[0]
        if match["bad"]:
            faults.append(_malformed(match["bad"], path, node.mark))
            return ""
        found = env.get(match["name"])
        if found is None and match["default"] is None:
            faults.append(_unset(match["name"], path, node.mark, env))
        return found if found is not None else match["default"] or ""

    text = _VARIABLE.sub(value, raw)
    if len(faults) > n_before:
        return  # the text stays, so that the reader can go on
    # In a sealed tree nothing stands for the environment.
    node.raw = None if env is None else raw
    node.value = yaml.resolve(text) if node.is_plain else text


def _unset(
    name: str, path: tuple[str | int, ...], mark: Mark | None, env: Mapping[str, str]
) -> Diagnostic:
    close = nearest(name, env, cutoff=0.8)
    return fault(
        "E115",
        f"the variable `{name}` is not set in the environment",
        path,
        mark,
        allowed=f"`${{{name}:-value}}` gives a value for when it is not set.",
        notes=(f"`{close}` is set.",) if close else (),
        fix=f"export {name}=...",
    )


def _malformed(text: str, path: tuple[str | int, ...], mark: Mark | None) -> Diagnostic:
    return fault(
        "E116",
        f"'{text}' is not a variable",
        path,
        mark,
        allowed="A variable is `${NAME}` or `${NAME:-default}`; `$${` stands for the text `${`.",
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = {
            FileNotFoundError: "there is no such file",
            IsADirectoryError: "this is a folder",
            PermissionError: "the file may not be read",
        }.get(type(error), str(error.strerror))
        near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise ConfigError.of(
            [
                fault(
                    "E112",
                    f"{path}: {reason}",
                    allowed=f"YAML files there: {', '.join(near[:10])}." if near else None,
                )
            ]
        ) from error
