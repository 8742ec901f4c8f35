"""JSON Schema (draft 2020-12) of the language, from the specs and the registries.

Editors complete and check configs with it and show each field's docstring on hover. It says what
today's language (`version: 1`) allows in shape, names and values of each block. What a schema
cannot say is listed in `BEYOND`.
"""

from __future__ import annotations

from ordain.config import words
from ordain.config.checks import check_registry
from ordain.config.document import (
    AUTO,
    BESIDE_DEPLOYMENT,
    Budget,
    Data,
    Deployment,
    Document,
    Evaluation,
    Head,
    InputFeature,
    OutputFeature,
    Preprocessing,
    Project,
    TypeDefaults,
)
from ordain.config.metrics import metric_registry, types_by_key
from ordain.config.migrate import REGISTRIES
from ordain.config.schema_parts import PLUGIN, Parts, Schema, aliases_of
from ordain.config.schema_variables import open_to_variables
from ordain.data.source import SOURCES
from ordain.features.feature import FEATURES
from ordain.models.family import FAMILIES, Backend
from ordain.models.neural.component import COMBINERS

STRUCTURAL = frozenset(
    {
        "E201",
        "E202",
        "E203",
        "E204",
        "E205",
        "E206",
        "E207",
        "E208",
        "E209",
        "E211",
        "E304",
        "E305",
        "E306",
        "E307",
        "E311",
    }
)
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
    "E319": "names of metrics are unique",
    "E320": "a metric's function can be imported and called",
    "E313": "class weights need classes",
    "E314": "a missing target becomes no other thing than a target",
    "E315": "the family predicts outputs of the type",
    "E316": "the family minimises the loss",
    "E317": "the family keeps an input monotone",
    "E318": "the loss and the scale of a target go together",
    "E321": "an output that a condition names is declared",
    "E322": "a slice that a gate names is declared",
    "E323": "a baseline that a gate names will be there",
    "E324": "scenarios are declared where a gate asks for them",
    "E325": "thresholds, abstention and calibration need an output that can have them",
    "E326": "options that only an input follows stand on no output",
    "E327": "`interaction_constraints` names inputs",
    "E328": "no secret stands in the document itself",
    "E4xx": "the data",
    "older forms": "a document without `version` may use the older forms that `migrate` lists",
    "options of a source": "which options `data.source` takes beside it depends on the file's name",
    "schedules": "`learning_rate_scheduler` without `type` is read in Ludwig's way (`decay` ...)",
    "variables": "what a `${NAME}` will hold: whether it fits where a scalar may stand, and which "
    "keys stand beside a `type` or `model_type` that is one",
    "pieces": "what a document with `include`, or an environment, is laid over: each of its keys "
    "must be one of some document, and whether they fit together shows when they are joined",
    "whole numbers": "a whole number is not written with a point: 3, not 3.0",
    "plugins": "the keys of a component named as `module:Class`",
}
"""What the schema cannot say."""


_BESIDE = sorted({*BESIDE_DEPLOYMENT, "environments"})


def json_schema() -> Schema:
    """Return the schema of a config as plain data."""
    return _Builder().document()


def _include() -> Schema:
    return {
        "description": "YAML files laid under this one.",
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ],
    }


class _Builder(Parts):
    """Puts the parts of the document together."""

    def document(self) -> Schema:
        """Return the whole schema."""
        piece = _Builder(self)
        whole, laid_over = self.blocks(), piece.blocks()
        head = {"version": self.spec(Head)["properties"]["version"], "include": _include()}
        environment = {
            "type": "object",
            "properties": laid_over,
            "additionalProperties": False,
            "allOf": piece.trainers(),
        }
        self.defs["environment"] = environment
        reference = {"$ref": "#/$defs/environment"}
        head["environments"] = {
            "description": "What is laid over this document where it runs under a name: dev, prod.",
            "anyOf": [
                {
                    "type": "object",
                    "additionalProperties": {"anyOf": [reference, {"type": "null"}]},
                },
                {"type": "null"},
            ],
        }
        schema: Schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Ordain config",
            "type": "object",
            "properties": {**head, **dict.fromkeys(whole, True)},
            "additionalProperties": False,
            "if": {"required": ["include"]},
            "then": {"properties": laid_over, "allOf": piece.trainers()},
            "else": {
                "properties": whole,
                "anyOf": [
                    {"required": ["input_features", "output_features"]},
                    {"required": ["deployment"], "propertyNames": {"enum": _BESIDE}},
                ],
                "allOf": self.trainers(),
            },
            "$defs": self.defs,
        }
        return open_to_variables(schema)

    def blocks(self) -> Schema:
        """Return the blocks of a document by name, but for what says how documents are joined."""
        head = self.spec(Head)["properties"]
        described = words.schema_of(Document)["properties"]
        blocks: dict[str, Schema] = {
            **{key: value for key, value in head.items() if key != "version"},
            "project": self.nullable(self.spec(Project)),
            "data": self.nullable(self.data()),
            "preprocessing": self.nullable(self.spec(Preprocessing)),
            "defaults": self.nullable(self.defaults()),
            "input_features": self.features(is_input=True),
            "output_features": self.features(is_input=False),
            "model_type": self.nullable(self.component(FAMILIES)),
            "combiner": self.choice(self.component(COMBINERS, default="concat")),
            "trainer": {},
            "evaluation": self.nullable(self.evaluation()),
            "backend": self.nullable(self.spec(Backend)),
            "budget": self.nullable(self.spec(Budget)),
            "deployment": self.nullable(self.deployment()),
        }
        for key, block in blocks.items():
            if key in described and "description" in described[key]:
                block["description"] = described[key]["description"]
        return blocks

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
        is_file: Schema = {"properties": {"source": {"type": "string"}}}
        if not self.is_piece:
            is_file["required"] = ["source"]
        return {
            **schema,
            "unevaluatedProperties": False,
            "if": is_file,
            "then": {"properties": options},
        }

    def evaluation(self) -> Schema:
        """Return `evaluation`."""
        schema = self.spec(Evaluation)
        described = schema["properties"]["metrics"].get("description", "")
        items = {"type": "array", "items": _metric(self.whole)}
        schema["properties"]["metrics"] = {
            "anyOf": [items, {"type": "null"}],
            "description": described,
        }
        described = schema["properties"]["checks"].get("description", "")
        items = {"type": "array", "items": self.whole.component(check_registry())}
        schema["properties"]["checks"] = {
            "anyOf": [{"type": "boolean"}, items],
            "default": True,
            "description": described,
        }
        return schema

    def deployment(self) -> Schema:
        """Return `deployment`, whose models may be a mapping by name."""
        schema = self.spec(Deployment)
        models = schema["properties"]["models"]
        reference = models.pop("items")
        named = {**self.defs[reference["$ref"].rpartition("/")[2]]}
        unnamed = {key: value for key, value in named["properties"].items() if key != "name"}
        short: Schema = {**named, "properties": unnamed, "required": ["champion"]}
        listed = {key: models.pop(key) for key in ("type", "minItems") if key in models}
        schema["properties"]["models"] = {
            "anyOf": [
                {**listed, "items": reference},
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"anyOf": [{"type": "string", "minLength": 1}, short]},
                },
            ],
            **models,
        }
        return schema

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
                "type": "array",
                "minItems": 0 if self.is_piece else 1,
                "items": {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {"allOf": [feature], "required": ["name"]},
                    ]
                },
            },
            {
                "type": "object",
                "minProperties": 0 if self.is_piece else 1,
                "additionalProperties": {
                    "anyOf": [
                        {"type": "null"},
                        {"enum": self.types(is_input=is_input)},
                        PLUGIN,
                        feature,
                    ]
                },
            },
        ]
        short: list[Schema] = [{"const": "all"}] if is_input else []
        return {"anyOf": [*short, *forms]}

    def types(self, *, is_input: bool) -> list[str]:
        """Return the names of types a feature may have."""
        names = [n for n in FEATURES.names() if is_input or FEATURES.get(n).is_output]
        return [AUTO, *names, *(alias for name in names for alias in aliases_of(FEATURES, name))]

    def feature(self, *, is_input: bool) -> Schema:
        """Return a reference to one feature as a mapping; `name` is not required here."""
        key = self.key("input_feature" if is_input else "output_feature")
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
            "type": {"anyOf": [{"enum": self.types(is_input=is_input)}, PLUGIN, {"type": "null"}]},
            "column": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
            "preprocessing": {},
            **{part: {} for part in parts},
        }
        properties = {
            key: {**value, "description": described[key].get("description", "")}
            for key, value in properties.items()
        }
        properties |= {
            key: described[key] for key in (("monotone",) if is_input else ("class_weights",))
        }
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "allOf": [
                *self._by_type(parts, is_input=is_input),
                *self._untyped(parts, is_input=is_input),
            ],
        }

    def _by_type(self, parts: tuple[str, ...], *, is_input: bool) -> list[Schema]:
        conditions: list[Schema] = []
        for name in FEATURES.names():
            if not is_input and not FEATURES.get(name).is_output:
                continue
            known = [name, *aliases_of(FEATURES, name)]
            inner = {"preprocessing": self.options(name), **{p: self.part(p, name) for p in parts}}
            conditions.append(
                {
                    "if": {"properties": {"type": {"enum": known}}, "required": ["type"]},
                    "then": {"properties": inner},
                }
            )
        return conditions

    def _untyped(self, parts: tuple[str, ...], *, is_input: bool) -> list[Schema]:
        """Options depend on the type: without one they must be empty or `auto`.

        A piece takes its type from what it is laid over.
        """
        empty: Schema = {"enum": [None, AUTO, {}]}
        nothing = {"properties": {"preprocessing": empty, **dict.fromkeys(parts, empty)}}
        absent: Schema = {"not": {"required": ["type"]}}
        is_open: Schema = {"required": ["type"], "properties": {"type": {"enum": [None, AUTO]}}}
        names = [n for n in FEATURES.names() if is_input or FEATURES.get(n).is_output]
        one_of_them = {
            "anyOf": [
                {
                    "properties": {
                        "preprocessing": self.options(name),
                        **{part: self.part(part, name) for part in parts},
                    }
                }
                for name in names
            ]
        }
        return [
            {"if": is_open, "then": nothing},
            {"if": absent, "then": one_of_them if self.is_piece else nothing},
        ]

    def trainers(self) -> list[Schema]:
        """Return one condition a family: the keys of its trainer."""
        default = Document.model_fields["model_type"].get_default(call_default_factory=True).type
        conditions: list[Schema] = []
        for name in FAMILIES.names():
            known = [name, *aliases_of(FAMILIES, name)]
            named: Schema = {
                "properties": {
                    "model_type": {
                        "anyOf": [
                            {"enum": known},
                            {
                                "type": "object",
                                "properties": {"type": {"enum": known}},
                                "required": ["type"],
                            },
                        ]
                    }
                },
                "required": ["model_type"],
            }
            if name == default and not self.is_piece:
                absent = {
                    "anyOf": [
                        {"not": {"required": ["model_type"]}},
                        {"properties": {"model_type": {"type": "null"}}},
                    ]
                }
                named = {"anyOf": [named, absent]}
            trainer = self.nullable(self.trainer(name))
            conditions.append({"if": named, "then": {"properties": {"trainer": trainer}}})
        if self.is_piece:
            conditions.append(self._any_trainer())
        return conditions

    def _any_trainer(self) -> Schema:
        """Return the condition of a piece that does not say which family it is of."""
        has_type = {"required": ["type"]}
        untyped = {"properties": {"model_type": {"type": "object", "not": has_type}}}
        either = [{"$ref": self.trainer(name)["$ref"]} for name in FAMILIES.names()]
        return {
            "if": {"anyOf": [{"not": {"required": ["model_type"]}}, untyped]},
            "then": {"properties": {"trainer": {"anyOf": [*either, {"type": "null"}]}}},
        }

    def trainer(self, family: str) -> Schema:
        """Return a reference to the keys of a family's trainer."""
        key = self.key(f"trainer.{family}")
        if key not in self.defs:
            self.defs[key] = {}
            self.defs[key] = self.spec(FAMILIES.get(family).Trainer)
        return {"$ref": f"#/$defs/{key}"}


def _metric(parts: Parts) -> Schema:
    """Return one metric; its `type` may be told by a key or by its name instead."""
    registry = metric_registry()
    untyped: Schema = {"not": {"required": ["type"]}}
    by_key: list[Schema] = [
        {"allOf": [parts.definition(registry, name), {**untyped, "required": [key]}]}
        for key, name in types_by_key().items()
    ]
    words_of = {name: [name, *aliases_of(registry, name)] for name in registry.names()}
    by_name: Schema = {
        "type": "object",
        "properties": {"name": {"enum": [word for known in words_of.values() for word in known]}},
        "required": ["name"],
        **untyped,
        "allOf": [
            {
                "if": {"properties": {"name": {"enum": known}}},
                "then": parts.definition(registry, name),
            }
            for name, known in words_of.items()
        ],
    }
    return {"anyOf": [parts.component(registry), *by_key, by_name]}
