"""What may stand at a place, in the words of a user, from the JSON Schema of a spec."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from ordain.config import emit
from ordain.config.located import Path
from ordain.core.component import Registry, Spec
from ordain.data.source import SOURCES
from ordain.data.splitter import SPLITTERS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES
from ordain.models.neural import component as neural

Schema = dict[str, Any]

_REGISTRIES: tuple[Registry[Any], ...] = (
    SOURCES,
    SPLITTERS,
    FEATURES,
    FAMILIES,
    neural.ENCODERS,
    neural.COMBINERS,
    neural.DECODERS,
    neural.LOSSES,
    neural.OPTIMIZERS,
    neural.SCHEDULES,
)


def registry_of(kind: str) -> Registry[Any] | None:
    """Return the registry whose components are called by a word."""
    return next((registry for registry in _REGISTRIES if registry.kind == kind), None)


def registries() -> dict[str, Registry[Any]]:
    """Return every registry whose components a config may name, by kind."""
    return {registry.kind: registry for registry in _REGISTRIES}


@cache
def schema_of(spec: type[Spec]) -> Schema:
    """Return the JSON Schema of a spec; components inside are marked by `x-component`."""
    return spec.model_json_schema()


def schema_at(spec: type[Spec], path: Path) -> Schema | None:
    """Return the schema of the place a path leads to within a spec, or None."""
    root = schema_of(spec)
    found: list[Schema] = [root]
    for key in path:
        found = [part for schema in found for part in _into(schema, key, root)]
    if not found:
        return None
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    return {**schema, "$defs": root.get("$defs", {})}


def keys_at(spec: type[Spec], path: Path) -> list[str]:
    """Return the keys a mapping may have at a place, in the order of the spec."""
    schema = schema_at(spec, path)
    if schema is None:
        return []
    names: list[str] = []
    for part in _branches(schema, schema):
        names += [name for name in part.get("properties", {}) if name not in names]
    return names


def phrase(schema: Schema, root: Schema | None = None) -> str:
    """Return what a schema allows: ``a whole number above 0, or 'auto'``."""
    root = root or schema
    texts: list[str] = []
    literals: list[str] = []
    for part in _branches(schema, root):
        if "const" in part or "enum" in part:
            literals += [_literal(value) for value in part.get("enum", [part.get("const")])]
        elif part.get("type") == "null":
            literals.append("null")
        else:
            texts.append(_one(part, root))
    unique = list(dict.fromkeys([*texts, *literals]))
    return (
        ", ".join(unique[:-1]) + (" or " if len(unique) > 1 else "") + unique[-1]
        if unique
        else "anything"
    )


def literals(schema: Schema) -> list[Any]:
    """Return the values a schema names."""
    values: list[Any] = []
    for part in _branches(schema, schema):
        values += part.get("enum", [part["const"]] if "const" in part else [])
    return values


def found(value: object) -> str:
    """Return what stands there, in words: ``the text 'ten'``."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"{emit.show(value)}"
    if isinstance(value, str):
        return f"the text '{value}'"
    if isinstance(value, int | float):
        return f"the number {emit.show(value)}"
    return "a list" if isinstance(value, list) else "a mapping"


def branches(schema: Schema) -> list[Schema]:
    """Return the alternatives of a schema that carries its own `$defs`."""
    return _branches(schema, schema)


def _branches(schema: Schema, root: Schema) -> list[Schema]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _branches(root["$defs"][name], root)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _branches(schema["allOf"][0], root)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return [part for branch in schema[key] for part in _branches(branch, root)]
    return [schema]


def _into(schema: Schema, key: str | int, root: Schema) -> list[Schema]:
    parts: list[Schema] = []
    for branch in _branches(schema, root):
        if isinstance(key, int):
            prefix = branch.get("prefixItems", [])
            inner = prefix[key] if key < len(prefix) else branch.get("items")
        else:
            inner = branch.get("properties", {}).get(key, branch.get("additionalProperties"))
        if isinstance(inner, dict):
            parts.append(inner)
    return parts


def _one(schema: Schema, root: Schema) -> str:
    if "x-component" in schema:
        registry = registry_of(schema["x-component"])
        article = "an" if schema["x-component"][0] in "aeiou" else "a"
        names = f" ({', '.join(registry.names())})" if registry else ""
        return f"{article} {schema['x-component']}{names}"
    kind = schema.get("type")
    if kind == "array":
        return _list(schema, root)
    if kind == "object":
        inner = schema.get("additionalProperties")
        return (
            f"a mapping of names to {phrase(inner, root)}"
            if isinstance(inner, dict)
            else "a mapping"
        )
    plain = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
    }
    return plain.get(str(kind), "a value") + bounds(schema) + _form(schema)


def _form(schema: Schema) -> str:
    """Return what text of a pattern looks like, with a space before it, or nothing."""
    return f" (such as {', '.join(map(str, schema['examples']))})" if "examples" in schema else ""


def _list(schema: Schema, root: Schema) -> str:
    items = schema.get("items")
    inner = phrase(items, root) if isinstance(items, dict) else "values"
    if prefix := schema.get("prefixItems"):
        inner = " and ".join(dict.fromkeys(phrase(part, root) for part in prefix))
    low, high = schema.get("minItems"), schema.get("maxItems")
    count = f"{low} " if low and low == high else f"at least {low} " if low else ""
    return f"a list of {count}{inner}" if not count else f"a list of {count}values, each {inner}"


def bounds(schema: Schema) -> str:
    """Return the range in words, with a space before it, or nothing."""
    low = schema.get("minimum")
    above = schema.get("exclusiveMinimum")
    high = schema.get("maximum")
    below = schema.get("exclusiveMaximum")
    parts = []
    if low is not None and high is not None:
        return f" from {show_number(low)} to {show_number(high)}"
    if low is not None:
        parts.append(
            f"of at least {show_number(low)}" if below is None else f"from {show_number(low)}"
        )
    if above is not None:
        parts.append(f"above {show_number(above)}")
    if high is not None:
        parts.append(f"at most {show_number(high)}" if parts else f"of at most {show_number(high)}")
    if below is not None:
        parts.append(f"below {show_number(below)}")
    if schema.get("minLength"):
        parts.append("that is not empty")
    return " " + " and ".join(parts) if parts else ""


def show_number(value: float) -> str:
    """Return a number without a needless `.0`."""
    return str(int(value)) if float(value).is_integer() else repr(value)


def _literal(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
