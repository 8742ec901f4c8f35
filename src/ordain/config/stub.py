"""The stub of `spec`: each part of a config as a signature that editors and type checkers read.

Written by `make docs` from the components, as the reference pages are.
"""

from __future__ import annotations

import inspect
import keyword
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ordain.config import spec, words
from ordain.config.checks import check_registry
from ordain.config.metrics import metric_registry
from ordain.core.component import Registry, Spec
from ordain.data.source import SOURCES
from ordain.data.splitter import SPLITTERS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES
from ordain.models.neural import component as neural

FILE = Path(__file__).with_name("spec.pyi")
_HEAD = '''\
# Written by `make docs` from the components: change them, not this file.
"""Parts of a config by name; `spec.py` says how they are used."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ordain.core.component import Component, Registry, Spec

Part = dict[str, Any]
FEATURE_KEYS: tuple[str, ...]
NAMESPACES: dict[str, Namespace]

class Namespace:
    def __init__(self, registry: Callable[[], Registry[Any]], *, is_typed: bool = True) -> None: ...
    def __dir__(self) -> list[str]: ...

def blocks() -> dict[str, type[Spec]]: ...
'''
_PLAIN = {
    "integer": "int",
    "number": "float",
    "string": "str",
    "boolean": "bool",
    "null": "None",
    "object": "Mapping[str, Any]",
}
_OWN = {
    "column": ("str | None", "Column of the table; the name by default."),
    "encoder": ("Part | Component | str | None", "How a neural model reads an input."),
    "decoder": ("Part | Component | str | None", "How a neural model predicts an output."),
    "loss": ("Part | Component | str | None", "What a neural model minimises for an output."),
    "class_weights": (
        "Mapping[str, float] | Literal['balanced'] | None",
        "Weight of each class of an output by label, or 'balanced'.",
    ),
}


def stub() -> str:
    """Return the text of `spec.pyi`."""
    parts = [_HEAD]
    parts += [_feature(name, FEATURES.get(name)) for name in FEATURES.names()]
    parts += [_function(name, block, indent="") for name, block in spec.blocks().items()]
    for name, registry in _registries().items():
        parts.append("\n".join(_namespace(name, registry)) + f"\n\n{name}: _{name}\n")
    return "\n".join(parts)


def _registries() -> dict[str, Registry[Any]]:
    return {
        "sources": SOURCES,
        "splits": SPLITTERS,
        "families": FAMILIES,
        "trainers": FAMILIES,
        "encoders": neural.ENCODERS,
        "combiners": neural.COMBINERS,
        "decoders": neural.DECODERS,
        "losses": neural.LOSSES,
        "optimizers": neural.OPTIMIZERS,
        "schedules": neural.SCHEDULES,
        "metrics": metric_registry(),
        "checks": check_registry(),
    }


def _namespace(name: str, registry: Registry[Any]) -> Iterator[str]:
    yield f"class _{name}(Namespace):"
    for kind in registry.names():
        component = registry.get(kind)
        described = component.Trainer if name == "trainers" else component
        yield _function(kind, described, indent="    ")


def _function(name: str, described: type[Spec], *, indent: str) -> str:
    self_ = "self, " if indent else ""
    arguments, told = _arguments(described)
    star = "*, " if arguments else ""
    listed = f"{self_}{star}{', '.join(arguments)}".removesuffix(", ")
    return _definition(name, listed, _first_line(described), told, indent=indent)


def _feature(name: str, described: type[Spec]) -> str:
    arguments, told = _arguments(described)
    own = [f"{key}: {kind} = ..." for key, (kind, _) in _OWN.items()]
    told = {key: text for key, (_, text) in _OWN.items()} | told
    listed = ", ".join(["name: str", "/", "*", *own, *arguments])
    return _definition(name, listed, _first_line(described), told, indent="")


def _definition(name: str, listed: str, first: str, told: Mapping[str, str], *, indent: str) -> str:
    body = [first, "", "Args:", *(f"    {key}: {text}" for key, text in told.items())]
    text = "\n".join(body) if told else first
    quoted = textwrap.indent(f'"""{text}\n"""' if told else f'"""{text}"""', f"{indent}    ")
    return f"{indent}def {name}({listed}) -> Part:\n{quoted}"


def _arguments(described: type[Spec]) -> tuple[list[str], dict[str, str]]:
    """Return the arguments of a spec's keys, and what is told of each."""
    root = words.schema_of(described)
    arguments: list[str] = []
    told: dict[str, str] = {}
    for key, schema in root.get("properties", {}).items():
        if key == "type" or not key.isidentifier() or keyword.iskeyword(key):
            continue
        required = described.model_fields[key].is_required()
        arguments.append(f"{key}: {_type(schema, root)}" + ("" if required else " = ..."))
        default = "" if required else _default(schema)
        told[key] = " ".join(str(schema.get("description", "")).split()) + default
    return arguments, told


def _default(schema: words.Schema) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    return f" Default: {value!r}."


def _type(schema: words.Schema, root: words.Schema) -> str:
    names: list[str] = []
    for part in words.branches({**schema, "$defs": root.get("$defs", {})}):
        if "x-component" in part:
            names += ["Part", "Component", "str"]
        elif "const" in part or "enum" in part:
            values = part.get("enum", [part.get("const")])
            names.append(f"Literal[{', '.join(repr(value) for value in values)}]")
        elif part.get("type") == "array":
            items = part.get("items")
            inner = _type(items, root) if isinstance(items, dict) else "Any"
            names.append(f"Sequence[{inner}]")
        elif part.get("type") == "object" and isinstance(part.get("additionalProperties"), dict):
            names.append(f"Mapping[str, {_type(part['additionalProperties'], root)}]")
        else:
            names.append(_PLAIN.get(str(part.get("type")), "Any"))
    return " | ".join(dict.fromkeys(names)) or "Any"


def _first_line(described: type[Spec]) -> str:
    text = (inspect.getdoc(described) or described.__name__).split("\n\n")[0]
    return " ".join(text.split()).replace("\\", "\\\\")
