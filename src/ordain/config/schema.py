"""JSON Schema (draft 2020-12) of the language, from the specs and the registries.

Editors complete and check configs with it and show each field's docstring on hover. It says what
today's language (`version: 1`) allows in shape, names and values of each block. What a schema
cannot say is listed in `BEYOND`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from ordain.config import words
from ordain.config.document import (
    AUTO,
    Data,
    Document,
    Evaluation,
    Head,
    InputFeature,
    OutputFeature,
    Preprocessing,
    TypeDefaults,
)
from ordain.config.migrate import REGISTRIES, default_component
from ordain.config.read import fitting
from ordain.core.component import Component, Registry, Spec
from ordain.data.source import SOURCES
from ordain.data.splitter import SPLITTERS
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend
from ordain.models.neural.component import COMBINERS, OPTIMIZERS, SCHEDULES

Schema = dict[str, Any]

STRUCTURAL = frozenset({
    "E201", "E202", "E203", "E204", "E205", "E206", "E207", "E208", "E209", "E211",
    "E304", "E305", "E306", "E307", "E311",
})  # fmt: skip
"""Codes of faults that the schema sees too."""

BEYOND: dict[str, str] = {
    "E1xx": "the text itself: syntax, duplicate keys, files, variables, overrides",
    "E210": "rules between the keys of one component",
    "E301": "names of features are unique",
    "E302": "no column is both input and output",
    "E303": "shares of a split add up to 1",
    "E308": "families without encoders have no use for neural blocks",
    "E309": "keys that exclude each other",
    "E310": "balancing needs one output with classes",
    "E312": "a metric fits an output",
    "E313": "class weights need classes",
    "E4xx": "the data",
    "older forms": "a document without `version` may use the older forms that `migrate` lists",
    "options of a source": "which options may stand beside `data.source` depends on the file's name",
    "variables": "`${NAME}` may stand where a number must",
    "whole numbers": "a whole number is not written with a point: 3, not 3.0",
    "plugins": "the keys of a component named as `module:Class`",
}
"""What the schema cannot say."""

_PLUGIN: Schema = {"type": "string", "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"}


def json_schema() -> Schema:
    """Return the schema of a config as plain data."""
    return _Builder().document()


class _Builder:
    """Collects definitions while the schema is put together."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}

    def document(self) -> Schema:
        head = self.spec(Head)["properties"]
        described = words.schema_of(Document)["properties"]
        blocks: dict[str, Schema] = {
            **head,
            "include": {
                "description": "YAML files laid under this one.",
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
            },
            "data": self.nullable(self.data()),
            "preprocessing": self.nullable(self.spec(Preprocessing)),
            "defaults": self.nullable(self.defaults()),
            "input_features": self.features(is_input=True),
            "output_features": self.features(is_input=False),
            "model_type": self.nullable(self.component(FAMILIES)),
            "combiner": self.choice(self.component(COMBINERS)),
            "trainer": {},
            "evaluation": self.nullable(self.evaluation()),
            "backend": self.nullable(self.spec(Backend)),
        }
        for key, block in blocks.items():
            if key in described and "description" in described[key]:
                block["description"] = described[key]["description"]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Ordain config",
            "type": "object",
            "properties": blocks,
            "required": ["input_features", "output_features"],
            "additionalProperties": False,
            "allOf": self.trainers(),
            "$defs": self.defs,
        }

    def spec(self, cls: type[Spec]) -> Schema:
        """Return a spec's own schema, its definitions moved to the root, components filled in."""
        schema = copy.deepcopy(words.schema_of(cls))
        for name, body in schema.pop("$defs", {}).items():
            self.defs.setdefault(name, {})
            self.defs[name] = self.filled(body)
        filled: Schema = self.filled(schema)
        return filled

    def filled(self, schema: Any) -> Any:
        """Return a schema in which `x-component` marks are references to definitions."""
        if isinstance(schema, list):
            return [self.filled(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "x-component" in schema:
            registry = words.registry_of(schema["x-component"])
            if registry is None:
                return {"type": ["object", "string"]}
            rest = {key: value for key, value in schema.items() if key not in {"x-component", "type"}}
            return {**self.component(registry), **rest}
        return {key: self.filled(value) for key, value in schema.items()}

    def component(
        self, registry: Registry[Any], *, names: Iterable[str] | None = None, default: str | None = None
    ) -> Schema:  # fmt: skip
        """Return a reference to "a name, or a mapping with `type`" of a registry."""
        chosen = tuple(names) if names is not None else registry.names()
        suffix = "" if names is None else f"_of_{'_'.join(chosen)}"
        key = registry.kind.replace(" ", "_") + suffix + (f"_or_{default}" if default else "")
        if key not in self.defs:
            self.defs[key] = {}
            self.defs[key] = self._component(registry, chosen, default)
        return {"$ref": f"#/$defs/{key}"}

    def _component(
        self, registry: Registry[Any], names: tuple[str, ...], default: str | None
    ) -> Schema:  # fmt: skip
        words_of = {name: [name, *_aliases(registry, name)] for name in names}
        every = [word for known in words_of.values() for word in known]
        short: Schema = {"anyOf": [{"enum": every}, _PLUGIN]}
        required = {name for name in names if self._needs_keys(registry.get(name))}
        if required:
            plain = [w for name, known in words_of.items() if name not in required for w in known]
            short = {"anyOf": [{"enum": plain}, _PLUGIN] if plain else [_PLUGIN]}
        conditions: list[Schema] = [
            {
                "if": {"properties": {"type": {"enum": known}}, "required": ["type"]},
                "then": self.definition(registry, name),
            }
            for name, known in words_of.items()
        ]
        if default:
            conditions.append({
                "if": {"not": {"required": ["type"]}},
                "then": self.definition(registry, default),
            })  # fmt: skip
        long: Schema = {
            "type": "object",
            "properties": {"type": {"anyOf": [{"enum": every}, _PLUGIN]}},
            "allOf": conditions,
        }
        if not default:
            long["required"] = ["type"]
        return {"anyOf": [short, long]}

    def _needs_keys(self, cls: type[Component]) -> bool:
        return any(info.is_required() and name != "type" for name, info in cls.model_fields.items())

    def definition(self, registry: Registry[Any], name: str) -> Schema:
        """Return a reference to a component's own schema; any spelling of its `type` will do."""
        key = f"{registry.kind.replace(' ', '_')}.{name}"
        if key not in self.defs:
            self.defs[key] = {}
            schema = self.spec(registry.get(name))
            schema["properties"] = {**schema.get("properties", {}), "type": {"type": "string"}}
            schema["required"] = [k for k in schema.get("required", []) if k != "type"]
            self.defs[key] = schema
        return {"$ref": f"#/$defs/{key}"}

    def options(self, type_name: str) -> Schema:
        """Return a reference to the options of a feature type, without `type`."""
        key = f"options.{type_name}"
        if key not in self.defs:
            self.defs[key] = {}
            schema = self.spec(FEATURES.get(type_name))
            schema["properties"] = {k: v for k, v in schema["properties"].items() if k != "type"}
            schema["required"] = [k for k in schema.get("required", []) if k != "type"]
            self.defs[key] = schema
        return {"anyOf": [{"$ref": f"#/$defs/{key}"}, {"type": "null"}]}

    def part(self, part: str, type_name: str) -> Schema:
        """Return what `encoder`, `decoder` or `loss` of a feature type may be."""
        names = fitting(part, type_name)
        if not names:
            return {}
        default = default_component(part, type_name)
        inner = self.component(REGISTRIES[part], names=names, default=default if default in names else None)
        return self.choice(inner)

    def choice(self, inner: Schema) -> Schema:
        """Return a component that may also be `auto` or null."""
        return {"anyOf": [inner, {"const": AUTO}, {"type": "null"}]}

    def nullable(self, inner: Schema) -> Schema:
        """Return a block that may be left empty."""
        return {"anyOf": [inner, {"type": "null"}]}

    def data(self) -> Schema:
        """Return `data`, with the options of a source beside `source`."""
        schema = self.spec(Data)
        beside: dict[str, list[Schema]] = {}
        for name in SOURCES.names():
            for key, value in self.spec(SOURCES.get(name)).get("properties", {}).items():
                known = beside.setdefault(key, [])
                if value not in known:
                    known.append(value)
        options = {
            key: values[0] if len(values) == 1 else {"anyOf": values}
            for key, values in beside.items()
            if key not in {"type", "path"} and key not in schema["properties"]
        }
        del schema["additionalProperties"]
        is_file = {"properties": {"source": {"type": "string"}}, "required": ["source"]}
        return {**schema, "unevaluatedProperties": False,
                "if": is_file, "then": {"properties": options}}  # fmt: skip

    def evaluation(self) -> Schema:
        """Return `evaluation`."""
        return self.spec(Evaluation)

    def defaults(self) -> Schema:
        """Return `defaults`: a block for each type."""
        types = {name: self._defaults_of(name) for name in FEATURES.names()}
        return {"type": "object", "properties": types, "additionalProperties": False}

    def _defaults_of(self, type_name: str) -> Schema:
        described = words.schema_of(TypeDefaults)["properties"]
        parts = {"preprocessing": self.options(type_name)}
        parts |= {part: self.part(part, type_name) for part in REGISTRIES}
        for key, part in parts.items():
            part["description"] = described[key].get("description", "")
        body = {"type": "object", "properties": parts, "additionalProperties": False}
        return self.nullable(body)

    def features(self, *, is_input: bool) -> Schema:
        """Return a list of features, a mapping by name, or `all`."""
        feature = self.feature(is_input=is_input)
        forms: list[Schema] = [
            {
                "type": "array", "minItems": 1,
                "items": {"anyOf": [{"type": "string", "minLength": 1},
                                    {"allOf": [feature], "required": ["name"]}]},
            },
            {
                "type": "object", "minProperties": 1,
                "additionalProperties": {"anyOf": [{"type": "null"}, {"enum": self.types(is_input=is_input)},
                                                   _PLUGIN, feature]},
            },
        ]  # fmt: skip
        return {"anyOf": [{"const": "all"}, *forms] if is_input else forms}

    def types(self, *, is_input: bool) -> list[str]:
        """Return the names of types a feature may have."""
        names = [n for n in FEATURES.names() if is_input or FEATURES.get(n).is_output]
        return [AUTO, *names, *(alias for name in names for alias in _aliases(FEATURES, name))]

    def feature(self, *, is_input: bool) -> Schema:
        """Return a reference to one feature as a mapping; `name` is not required here."""
        key = "input_feature" if is_input else "output_feature"
        if key not in self.defs:
            self.defs[key] = {}
            self.defs[key] = self._feature(is_input=is_input)
        return {"$ref": f"#/$defs/{key}"}

    def _feature(self, *, is_input: bool) -> Schema:
        cls = InputFeature if is_input else OutputFeature
        parts = ("encoder",) if is_input else ("decoder", "loss")
        described = self.spec(cls)["properties"]
        properties: dict[str, Schema] = {
            "name": {"type": "string", "minLength": 1},
            "type": {"anyOf": [{"enum": self.types(is_input=is_input)}, _PLUGIN, {"type": "null"}]},
            "column": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
            "preprocessing": {},
            **dict.fromkeys(parts, {}),
        }
        properties = {
            key: {**value, "description": described[key].get("description", "")}
            for key, value in properties.items()
        }
        if not is_input:
            properties["class_weights"] = described["class_weights"]
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "allOf": [*self._by_type(parts, is_input=is_input), self._untyped(parts)],
        }

    def _by_type(self, parts: tuple[str, ...], *, is_input: bool) -> list[Schema]:
        conditions: list[Schema] = []
        for name in FEATURES.names():
            if not is_input and not FEATURES.get(name).is_output:
                continue
            known = [name, *_aliases(FEATURES, name)]
            inner = {"preprocessing": self.options(name), **{p: self.part(p, name) for p in parts}}
            conditions.append({
                "if": {"properties": {"type": {"enum": known}}, "required": ["type"]},
                "then": {"properties": inner},
            })  # fmt: skip
        return conditions

    def _untyped(self, parts: tuple[str, ...]) -> Schema:
        """Options depend on the type: without one they must be empty or `auto`."""
        empty: Schema = {"enum": [None, AUTO, {}]}
        return {
            "if": {"anyOf": [{"not": {"required": ["type"]}},
                             {"properties": {"type": {"enum": [None, AUTO]}}}]},
            "then": {"properties": {"preprocessing": empty, **dict.fromkeys(parts, empty)}},
        }  # fmt: skip

    def trainers(self) -> list[Schema]:
        """Return one condition a family: the keys of its trainer."""
        default = Document.model_fields["model_type"].get_default(call_default_factory=True).type
        conditions: list[Schema] = []
        for name in FAMILIES.names():
            known = [name, *_aliases(FAMILIES, name)]
            named: Schema = {
                "properties": {"model_type": {"anyOf": [
                    {"enum": known},
                    {"type": "object", "properties": {"type": {"enum": known}}, "required": ["type"]},
                ]}},
                "required": ["model_type"],
            }  # fmt: skip
            if name == default:
                absent = {"anyOf": [{"not": {"required": ["model_type"]}},
                                    {"properties": {"model_type": {"type": "null"}}}]}  # fmt: skip
                named = {"anyOf": [named, absent]}
            trainer = self.nullable(self.trainer(name))
            conditions.append({"if": named, "then": {"properties": {"trainer": trainer}}})
        return conditions

    def trainer(self, family: str) -> Schema:
        """Return a reference to the keys of a family's trainer."""
        key = f"trainer.{family}"
        if key not in self.defs:
            self.defs[key] = {}
            self.defs[key] = self.spec(FAMILIES.get(family).Trainer)
        return {"$ref": f"#/$defs/{key}"}


def _aliases(registry: Registry[Any], name: str) -> list[str]:
    return [alias for alias, known in registry.aliases().items() if known == name]


def registries() -> Mapping[str, Registry[Any]]:
    """Return every registry whose components a config may name, by kind."""
    known = (FEATURES, FAMILIES, SPLITTERS, SOURCES, COMBINERS, OPTIMIZERS, SCHEDULES, *REGISTRIES.values())
    return {registry.kind: registry for registry in known}
