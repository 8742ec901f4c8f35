"""Parts of the JSON Schema: a spec, a component of a registry, the options of a column type."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ordain.config import words
from ordain.config.document import AUTO
from ordain.config.dumped import spec_to_plain
from ordain.config.homes import fitting
from ordain.config.migrate import REGISTRIES, default_component
from ordain.core.component import Component, Registry, Spec
from ordain.features.feature import FEATURES

Schema = dict[str, Any]

PLUGIN: Schema = {"type": "string", "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"}
"""The name of a component that is no built-in: ``module:Class``."""


def aliases_of(registry: Registry[Any], name: str) -> list[str]:
    """Return the other names of a component."""
    return [alias for alias, known in registry.aliases().items() if known == name]


class Parts:
    """Makes parts and collects the definitions they refer to."""

    def __init__(self, whole: Parts | None = None) -> None:
        self.defs: dict[str, Schema] = {} if whole is None else whole.defs
        self.whole = whole or self
        """Makes what is always written whole, such as an item of a list."""

    @property
    def is_piece(self) -> bool:
        """Whether documents are pieces, laid over others that hold what they leave out."""
        return self.whole is not self

    def key(self, name: str) -> str:
        """Return the name of a definition."""
        return f"piece.{name}" if self.is_piece else name

    def spec(self, cls: type[Spec]) -> Schema:
        """Return a spec's own schema, its definitions moved to the root, components filled in."""
        schema = copy.deepcopy(words.schema_of(cls))
        for name, body in schema.pop("$defs", {}).items():
            self.defs.setdefault(name, {})
            self.defs[name] = self.whole.filled(body)
        for name, value in _made_defaults(cls).items():
            schema["properties"][name].setdefault("default", value)
        if self.is_piece:
            schema.pop("required", None)
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
            rest = {
                key: value
                for key, value in schema.items()
                if key not in {"x-component", "x-default", "type"}
            }
            return {**self.component(registry, default=schema.get("x-default")), **rest}
        return {
            key: (self.whole if key in {"items", "prefixItems"} else self).filled(value)
            for key, value in schema.items()
        }

    def component(
        self,
        registry: Registry[Any],
        *,
        names: Iterable[str] | None = None,
        default: str | None = None,
    ) -> Schema:
        """Return a reference to "a name, or a mapping with `type`" of a registry."""
        chosen = tuple(names) if names is not None else registry.names()
        suffix = "" if names is None else f"_of_{'_'.join(chosen)}"
        key = registry.kind.replace(" ", "_") + suffix + (f"_or_{default}" if default else "")
        key = self.key(key)
        if key not in self.defs:
            self.defs[key] = {}
            self.defs[key] = self._component(registry, chosen, default)
        return {"$ref": f"#/$defs/{key}"}

    def _component(
        self, registry: Registry[Any], names: tuple[str, ...], default: str | None
    ) -> Schema:
        words_of = {name: [name, *aliases_of(registry, name)] for name in names}
        every = [word for known in words_of.values() for word in known]
        short: Schema = {"anyOf": [{"enum": every}, PLUGIN]}
        required = {name for name in names if self._needs_keys(registry.get(name))}
        if required:
            plain = [w for name, known in words_of.items() if name not in required for w in known]
            short = {"anyOf": [{"enum": plain}, PLUGIN] if plain else [PLUGIN]}
        conditions: list[Schema] = [
            {
                "if": {"properties": {"type": {"enum": known}}, "required": ["type"]},
                "then": self.definition(registry, name),
            }
            for name, known in words_of.items()
        ]
        if default or self.is_piece:
            # A piece takes its type from what it is laid over.
            known_by = names if self.is_piece else (str(default),)
            either = [self.definition(registry, name) for name in known_by]
            conditions.append({"if": {"not": {"required": ["type"]}}, "then": {"anyOf": either}})
        long: Schema = {
            "type": "object",
            "properties": {"type": {"anyOf": [{"enum": every}, PLUGIN]}},
            "allOf": conditions,
        }
        if not default and not self.is_piece:
            long["required"] = ["type"]
        return {"anyOf": [short, long]}

    def _needs_keys(self, cls: type[Component]) -> bool:
        return any(info.is_required() and name != "type" for name, info in cls.model_fields.items())

    def definition(self, registry: Registry[Any], name: str) -> Schema:
        """Return a reference to a component's own schema; any spelling of its `type` will do."""
        key = self.key(f"{registry.kind.replace(' ', '_')}.{name}")
        if key not in self.defs:
            self.defs[key] = {}
            schema = self.spec(registry.get(name))
            schema["properties"] = {**schema.get("properties", {}), "type": {"type": "string"}}
            schema["required"] = [k for k in schema.get("required", []) if k != "type"]
            self.defs[key] = schema
        return {"$ref": f"#/$defs/{key}"}

    def options(self, type_name: str) -> Schema:
        """Return a reference to the options of a feature type, without `type`."""
        key = self.key(f"options.{type_name}")
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
        inner = self.component(
            REGISTRIES[part], names=names, default=default if default in names else None
        )
        return self.choice(inner)

    def choice(self, inner: Schema) -> Schema:
        """Return a component that may also be `auto` or null."""
        return {"anyOf": [inner, {"const": AUTO}, {"type": "null"}]}

    def nullable(self, inner: Schema) -> Schema:
        """Return a block that may be left empty."""
        return {"anyOf": [inner, {"type": "null"}]}


def _made_defaults(cls: type[Spec]) -> dict[str, Any]:
    """Return the defaults that are made anew for each spec, as plain data."""
    return {
        name: spec_to_plain(info.get_default(call_default_factory=True))
        for name, info in cls.model_fields.items()
        if info.default_factory is not None
    }
