"""Variables in the JSON Schema: `${NAME}` may stand wherever a scalar may.

    seed: ${SEED:-7}

Which scalar the environment will hold is not known to an editor, so that a text with a variable
is accepted wherever the schema accepts a number, a truth value, null or one of some words.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

VARIABLE: Schema = {
    "type": "string",
    "pattern": r"^(?:[^$]|\$\$|\$(?![${]))*\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}",
    "description": "A value that the environment holds: ${NAME} or ${NAME:-default}.",
}
_REFERENCE: Schema = {"$ref": "#/$defs/variable"}
_SCALARS = {"integer", "number", "boolean", "null"}
_BOUNDS = ("minLength", "maxLength", "pattern", "format")
_ANNOTATIONS = ("description", "title", "default", "examples")
_NAMED = ("properties", "$defs", "patternProperties")


def open_to_variables(root: Schema) -> Schema:
    """Return a whole schema in which a variable may stand for any scalar."""
    opened = _opened(root)
    opened["$defs"]["variable"] = VARIABLE
    found: Schema = opened
    return found


def _opened(schema: Any, *, is_branch: bool = False) -> Any:
    if isinstance(schema, list):
        return [_opened(part, is_branch=is_branch) for part in schema]
    if not isinstance(schema, dict):
        return schema
    opened: Schema = {}
    for key, value in schema.items():
        if key in _NAMED:
            opened[key] = {name: _opened(part) for name, part in value.items()}
        elif key in {"anyOf", "oneOf"}:
            opened[key] = _opened(value, is_branch=True)
        elif key in {"allOf", "items", "prefixItems", "then", "else", "additionalProperties"}:
            opened[key] = _opened(value)
        else:
            opened[key] = value
    return opened if is_branch or not _takes_scalars(schema) else _with_variable(opened)


def _with_variable(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], _REFERENCE]}
    told = {key: schema[key] for key in _ANNOTATIONS if key in schema}
    rest = {key: value for key, value in schema.items() if key not in told}
    return {**told, "anyOf": [rest, _REFERENCE]}


def _takes_scalars(schema: Schema) -> bool:
    """Return whether a scalar is accepted, but not every text."""
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return any(_takes_scalars(part) for part in schema[key])
    named = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = schema.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    return (
        any(not isinstance(value, dict | list) for value in named)
        or bool(kinds & _SCALARS)
        or ("string" in kinds and any(key in schema for key in _BOUNDS))
    )
