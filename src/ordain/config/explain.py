"""From pydantic's errors to diagnostics: every fault at its place, in the words of the user."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from ordain.config import emit, words, yaml
from ordain.config.codes import fault
from ordain.config.homes import SURE, Homes
from ordain.config.located import Node, Path, dotted
from ordain.core.component import Spec
from ordain.core.diagnostics import Diagnostic, nearest
from ordain.core.errors import OrdainError
from ordain.features.feature import Feature

_RANGE = {
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "multiple_of",
    "too_short",
    "too_long",
    "string_too_short",
    "string_too_long",
    "finite_number",
    "string_pattern_mismatch",
}
_CHOICE = {"literal_error", "enum"}
_SPOKEN = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_QUOTED = re.compile(r"[`']([^`']+)[`']")
_RULE = {"value_error", "assertion_error"}
Error = Mapping[str, Any]


def read_spec(
    spec: type[Spec], keys: Mapping[str, Any], root: Node, path: Path, homes: Homes
) -> tuple[Spec | None, list[Diagnostic]]:
    """Return the spec that keys describe, or every fault in them.

    Args:
        spec: what to read the keys with.
        keys: plain data.
        root: the tree; faults take their places from it.
        path: where the keys stand in the tree.
        homes: knows where misplaced keys belong.
    """
    try:
        text = json.dumps(keys)
        return spec.model_validate_json(text, strict=True, context={"strict": True}), []
    except OrdainError as error:
        text, _, fix = error.message.partition("\n  Fix: ")
        return None, [fault("E210", text, path, root.mark_of(path), fix=fix or None)]
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = explain(found, spec, root, path, homes)
        known = _without_unknown(keys, found)
        # Rules between keys are looked at only where every key is known.
        behind = read_spec(spec, known, root, path, homes)[1] if known is not None else []
        return None, faults + behind


def _without_unknown(keys: Mapping[str, Any], errors: Sequence[Error]) -> dict[str, Any] | None:
    """Return the keys but the unknown ones; None where something else is wrong, or nothing is."""
    unknown = {e["loc"][0] for e in errors if e["type"] == "extra_forbidden" and len(e["loc"]) == 1}
    if not unknown or len(errors) > len(unknown):
        return None
    return {key: value for key, value in keys.items() if key not in unknown}


def explain(
    errors: Iterable[Error], spec: type[Spec], root: Node, base: Path, homes: Homes
) -> list[Diagnostic]:
    """Return diagnostics for the errors of one spec whose keys stand at `base`."""
    node = root.at(base) or Node({})
    grouped: dict[Path, list[Error]] = {}
    for error in errors:
        grouped.setdefault(_trace(error, node), []).append(error)
    faults: list[Diagnostic] = []
    for path, group in grouped.items():
        if _is_outdone(path, grouped):
            continue
        faults += _Fault(spec, root, base, path, homes).explain(group)
    return faults


def _trace(error: Error, node: Node) -> Path:
    """Return the keys of an error's location that are in the document, without union members."""
    path: list[str | int] = []
    loc: Sequence[str | int] = error["loc"]
    here: Node | None = node
    for index, key in enumerate(loc):
        child = here.child(key) if here is not None else None
        is_last = index == len(loc) - 1
        if child is not None:
            path.append(key)
            here = child
        elif is_last and error["type"] == "missing":
            path.append(key)
    return tuple(path)


def _is_outdone(path: Path, grouped: Mapping[Path, list[Error]]) -> bool:
    """Return whether faults deeper inside say more than those of other union members here."""
    is_shape = all(e["type"].endswith(("_type", "_error", "_parsing")) for e in grouped[path])
    return is_shape and any(
        len(other) > len(path) and other[: len(path)] == path for other in grouped
    )


class _Fault:
    """All errors of one place."""

    def __init__(self, spec: type[Spec], root: Node, base: Path, path: Path, homes: Homes) -> None:
        self.spec, self.root, self.base, self.path, self.homes = spec, root, base, path, homes
        self.full = (*base, *path)
        self.name = (
            dotted(path[-1:]) if path and isinstance(path[-1], str) else dotted(self.full[-2:])
        )

    def explain(self, group: Sequence[Error]) -> list[Diagnostic]:
        types = {error["type"] for error in group}
        for error in group:
            if error["type"].startswith("component"):
                return self._component(error)
        if "extra_forbidden" in types:
            return [self._unknown()]
        if "missing" in types:
            return [] if self._is_told_already() else [self._missing()]
        if types & _RULE:
            return [self._rule(next(e for e in group if e["type"] in _RULE))]
        return [self._value(types)]

    @property
    def value(self) -> Any:
        node = self.root.at(self.full)
        return node.plain() if node is not None else None

    def _unknown(self) -> Diagnostic:
        parent = self.full[:-1]
        key = str(self.full[-1])
        names = words.keys_at(self.spec, self.path[:-1])
        if issubclass(self.spec, Feature) and len(self.path) == 1:
            names.remove("type")
        return self.homes.unknown_key(key, parent, names, self.root)

    def _missing(self) -> Diagnostic:
        schema = words.schema_at(self.spec, self.path)
        where = dotted(self.full[:-1])
        key = self.full[-1]
        if isinstance(key, int):
            return self._other_length(self.full[:-1], self.path[:-1], code="E207")
        return fault(
            "E207",
            f"`{key}` is missing" + (f" in `{where}`" if where else ""),
            self.full,
            self.root.mark_of(self.full[:-1]),
            allowed=f"It must be {words.phrase(schema)}." if schema else None,
            fix=f"{key}: ...",
        )

    def _other_length(self, place: Path, within: Path, *, code: str) -> Diagnostic:
        """Return the fault of a list with fewer or more values than its places have names."""
        schema = words.schema_at(self.spec, within) or {}
        parts: list[words.Schema] = next(
            (p["prefixItems"] for p in words.branches(schema) if "prefixItems" in p), []
        )
        named = [str(part["title"]) for part in parts if "title" in part]
        node = self.root.at(place)
        return fault(
            code,
            f"`{dotted(place)}` needs {len(parts)} values"
            + (f" ({', '.join(named)})" if named else "")
            + f", and has {len(node.items) if node else 0}",
            place,
            self.root.mark_of(place),
            allowed=f"It must be {words.phrase(schema)}.",
        )

    def _is_told_already(self) -> bool:
        """Return whether a required key stands there with a slip, or places before it lack too."""
        block = self.root.at(self.full[:-1])
        if isinstance(self.full[-1], int):
            return block is not None and self.full[-1] > len(block.items)
        return is_misspelled(str(self.full[-1]), block, words.keys_at(self.spec, self.path[:-1]))

    def _rule(self, error: Error) -> Diagnostic:
        text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        message, _, fix = text.partition("\n  Fix: ")
        # A rule on a whole block names the keys it is about: the first that stands there is meant.
        block = self.root.at(self.full)
        named = [key for key in _QUOTED.findall(message) if block and key in block.entries]
        path = (*self.full, named[0]) if named else self.full
        return fault("E210", message, path, self.root.mark_of(path), fix=fix or None)

    def _value(self, types: set[str]) -> Diagnostic:
        schema = words.schema_at(self.spec, self.path) or {}
        named = words.literals(schema)
        mark = self.root.mark_of(self.full)
        shown = emit.show(self.value) or "empty"
        if "too_long" in types and any("prefixItems" in p for p in words.branches(schema)):
            return self._other_length(self.full, self.path, code="E206")
        if types & _RANGE and not isinstance(self.value, bool):
            is_form = "string_pattern_mismatch" in types
            wrong = "is not of the form it must have" if is_form else "is out of range"
            return fault(
                "E206",
                f"`{self.name}` is {shown}, which {wrong}",
                self.full,
                mark,
                allowed=f"It must be {words.phrase(schema)}.",
                fix=self._clamped(schema),
            )
        converted = self._converted(schema)
        is_text = isinstance(self.value, str)
        if types & _CHOICE and named and is_text and _is_choice(schema) and not converted:
            return self._choice(named, schema)
        return fault(
            "E203",
            f"`{self.name}` must be {words.phrase(schema)}, not {words.found(self.value)}",
            self.full,
            mark,
            fix=converted,
        )

    def _choice(self, named: Sequence[Any], schema: words.Schema) -> Diagnostic:
        close = nearest(str(self.value), [str(value) for value in named if value is not None])
        return fault(
            "E205",
            f"`{self.name}` may not be '{self.value}'",
            self.full,
            self.root.mark_of(self.full),
            allowed=f"It may be {words.phrase(schema)}.",
            fix=f"{self._key()}: {close}" if close else None,
        )

    def _key(self) -> str:
        return next((str(key) for key in reversed(self.full) if isinstance(key, str)), "")

    def _clamped(self, schema: words.Schema) -> str | None:
        if not isinstance(self.value, int | float) or not isinstance(self.full[-1], str):
            return None
        for bound in ("minimum", "maximum"):
            limit = next(
                (part[bound] for part in schema.get("anyOf", [schema]) if bound in part), None
            )
            if limit is None:
                continue
            if self.value < limit if bound == "minimum" else self.value > limit:
                return f"{self._key()}: {words.show_number(limit)}"
        return None

    def _converted(self, schema: words.Schema) -> str | None:
        """Return the fix that writes the value in the type asked for, where that is plain."""
        if not isinstance(self.full[-1], str):
            return None
        parts = [part for part in words.branches(schema) if not {"const", "enum"} & part.keys()]
        text = _as_text(self.value, {str(part.get("type")) for part in parts})
        return f"{self._key()}: {text}" if text is not None else None

    def _component(self, error: Error) -> list[Diagnostic]:
        kind = error["ctx"]["kind"]
        registry = words.registry_of(kind)
        if error["type"] == "component":
            inner = registry.get(error["ctx"]["name"]) if registry else self.spec
            return explain(error["ctx"]["errors"], inner, self.root, self.full, self.homes)
        if error["type"] == "component_unknown":
            return [
                unknown_component(
                    kind,
                    self.full,
                    self.root,
                    error["ctx"]["names"],
                    aliases=registry.aliases() if registry else {},
                )
            ]
        names = ", ".join(registry.names()) if registry else ""
        if error["type"] == "component_untyped":
            return [untyped(self.full, self.root, names, self.homes)]
        return [
            fault(
                "E203",
                f"`{self.name}` must be a name or a mapping with `type`, "
                f"not {words.found(self.value)}",
                self.full,
                self.root.mark_of(self.full),
                allowed=f"Names: {names}.",
            )
        ]


def _spoken_key(place: Path, root: Node) -> str:
    """Return the key that a type name stands behind: `encoder: embed`, `tenure: number`."""
    if place[-1] != "type":
        return str(place[-1]) if isinstance(place[-1], str) else "type"
    block = root.at(place[:-1])
    entry = block.entries.get("type") if block is not None else None
    is_short = entry is not None and entry.mark is not None and entry.mark is entry.node.mark
    if not is_short or block is None:
        return "type"
    name = block.get("name")
    return str(name.value) if name is not None else str(place[-2])


def _as_text(value: object, kinds: set[str]) -> str | None:
    """Return a value as one of some JSON types, as a user writes it; None if there is no way."""
    text = None
    if isinstance(value, str):
        read = yaml.resolve(value.strip())
        is_number = isinstance(read, int | float) and not isinstance(read, bool)
        if "boolean" in kinds and value.lower() in _SPOKEN:
            text = _SPOKEN[value.lower()]
        elif isinstance(read, float) and "integer" in kinds and "number" not in kinds:
            text = _whole(read)
        elif (is_number and kinds & {"integer", "number"}) or (
            isinstance(read, bool) and "boolean" in kinds
        ):
            text = value.strip()
    elif isinstance(value, float) and "integer" in kinds:
        text = _whole(value)
    elif isinstance(value, int | float) and "string" in kinds:
        text = f"'{emit.show(value)}'"
    if text is None and "array" in kinds and isinstance(value, str | int | float):
        text = f"[{emit.show(value)}]"
    return text


def _whole(value: float) -> str | None:
    """Return the nearest whole number; None for none, and for 0, which no count may be."""
    whole = math.floor(value + 0.5) if math.isfinite(value) else 0
    return str(whole) if whole or not value else None


def unknown_component(
    kind: str,
    path: Path,
    root: Node,
    names: Sequence[str],
    *,
    aliases: Mapping[str, str] | None = None,
    subject: str = "",
    allowed: str | None = None,
) -> Diagnostic:
    """Return the fault of a type name that no component has; `path` leads to its block.

    `aliases` leads from another name to the one it stands for, which is what is proposed.
    """
    aliases = aliases or {}
    node = root.at(path)
    is_block = node is not None and node.is_mapping
    place = (*path, "type") if is_block else path
    value = root.at(place)
    name = str(value.plain()) if value is not None else ""
    close = nearest(name, [*names, *aliases])
    close = close if close in names else aliases.get(close or "")
    key = _spoken_key(place, root)
    return fault(
        "E204",
        f"unknown {kind} '{name}'{subject}",
        place,
        root.mark_of(place),
        allowed=allowed or f"It may be: {', '.join(names)}.",
        fix=f"{key}: {close}" if close else None,
    )


def untyped(path: Path, root: Node, names: str, homes: Homes, *, subject: str = "") -> Diagnostic:
    """Return the fault of a component without `type`: the key with a slip, if there is one."""
    node = root.at(path)
    slip = next(
        (key for key in (node.entries if node else ()) if nearest(key, ["type"], cutoff=0.7)), None
    )
    if slip is not None:
        return homes.unknown_key(slip, path, ["type"], root)
    return fault(
        "E209",
        f"`{path[-1]}`{subject} has no `type`",
        path,
        root.mark_of_key(path),
        allowed=f"Its `type` may be: {names}.",
        fix="type: ...",
    )


def is_misspelled(key: str, block: Node | None, names: Iterable[str]) -> bool:
    """Return whether a block has an unknown key that is close to this one."""
    unknown = [other for other in (block.entries if block else ()) if other not in set(names)]
    return any(nearest(other, [key], cutoff=SURE) for other in unknown)


def _is_choice(schema: words.Schema) -> bool:
    """Return whether text can only be one of the named values."""
    return not any(
        part.get("type") == "string" and "enum" not in part and "const" not in part
        for part in words.branches(schema)
    )
