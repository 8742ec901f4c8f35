"""What is said of a cell at fault: what came, what it must be, and the nearest that is right.

`tenure` is the text 'abc' and must be a number
`Contract` is 'Monthly', which training did not have; it must be one of 'Month-to-month',
'One year', 'Two year'. Did you mean 'Month-to-month'?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ordain.core.diagnostics import nearest
from ordain.features.numerals import LARGEST

_MOST_SHOWN = 60
_MOST_LABELS_SHOWN = 8
_N_KEPT = 4_096


def message(column: str, code: str, value: object, *, schema: Mapping[str, Any], seen: str) -> str:
    """Return what is wrong with a cell, and what it must be.

    Args:
        column: name of the field.
        code: of the fault.
        value: that came.
        schema: JSON Schema of what is expected.
        seen: range of training as text; empty where there is none.
    """
    if code == "missing":
        return f"`{column}` is missing, and never was in training; it must be {wanted(schema)}"
    if code == "edge":
        return f"`{column}` is {shown(value)}, outside of what training saw ({seen})"
    if code == "range":
        return (
            f"`{column}` is {shown(value)}, far outside of what training saw ({seen}); "
            f"{schema['minimum']:g} to {schema['maximum']:g} is accepted"
        )
    if code == "category":
        return (
            f"`{column}` is {shown(value)}, which training did not have; it must be "
            f"{wanted(schema)}{_hint(value, schema)}"
        )
    return f"`{column}` is {_kind(value)}{shown(value)} and must be {wanted(schema)}{_fix(value)}"


def strange(name: str, near: str | None) -> str:
    """Return what is said of a name that is no field of a model."""
    hint = f". Did you mean `{near}`?" if near else ", and nothing reads it"
    return f"`{name[:_MOST_SHOWN]}` is no field of the model{hint}"


def wanted(schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON Schema of one cell allows.

    >>> wanted({"type": ["number"], "minimum": 0.0, "maximum": 144.0})
    'a number from 0 to 144'
    >>> wanted({"enum": [0, 1, None]})
    'one of 0, 1'
    """
    if "enum" in schema:
        labels = [label for label in schema["enum"] if label is not None]
        told = ", ".join(shown(label) for label in labels[:_MOST_LABELS_SHOWN])
        rest = len(labels) - _MOST_LABELS_SHOWN
        return f"one of {told}" + (f" and {rest} more" if rest > 0 else "")
    if "description" in schema:
        return str(schema["description"])
    names = [name for name in schema.get("type", ()) if name != "null"]
    words = {"number": "a number", "string": "a text", "boolean": "true or false"}
    text = " or ".join(words[name] for name in names) or "what training had"
    if names == ["number"] and _is_bounded(schema):
        text += f" from {schema['minimum']:g} to {schema['maximum']:g}"
    return text


def shown(value: object) -> str:
    """Return a value as it is told: texts in quotes, cut where it is long.

    >>> shown("a"), shown(3.0), shown(True), shown("x" * 100)[:8]
    ("'a'", '3.0', 'true', "'xxxxxxx")
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _cut(str(value))
    return f"'{_cut(str(value))}'"


def nearest_label(value: object, labels: Sequence[Any]) -> Any:
    """Return the label that a value nearly is, as it is written; None if it is none."""
    texts = tuple(str(label) for label in labels if label is not None)
    return _nearest(str(value)[:_MOST_SHOWN], texts)


@lru_cache(_N_KEPT)
def _nearest(text: str, labels: tuple[str, ...]) -> str | None:
    return nearest(text, labels)


def _hint(value: object, schema: Mapping[str, Any]) -> str:
    near = nearest_label(value, schema["enum"]) if "enum" in schema else None
    return f". Did you mean '{near}'?" if near is not None else ""


def _fix(value: object) -> str:
    """Return the way to write a number or truth value that came as a text."""
    text = value.strip() if isinstance(value, str) else ""
    if text and len(text) < _MOST_SHOWN and text.replace(".", "", 1).lstrip("-").isdecimal():
        return f": {text}, without quotes"
    return ""


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "the text "
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "the number "
    return ""


def _cut(text: str) -> str:
    return f"{text[: _MOST_SHOWN - 3]}..." if len(text) > _MOST_SHOWN else text


def _is_bounded(schema: Mapping[str, Any]) -> bool:
    return "minimum" in schema and schema["maximum"] < LARGEST
