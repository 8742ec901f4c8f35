"""The JSON Schema accepts what the language accepts, and nothing else."""

import copy
import json

import jsonschema
import pytest
from corpus import NEURAL, TREES, corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.config import Config, check, yaml
from ordain.config.document import Data
from ordain.config.schema import BEYOND, STRUCTURAL, json_schema
from ordain.config.schema_parts import aliases_of
from ordain.config.words import registries

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
BASES = [{"version": 1, **yaml.parse(text, "base").plain()} for text in (NEURAL, TREES)]
PLAIN = [
    *BASES,
    {"version": 1, "input_features": "all", "output_features": ["y"]},
    {"version": 1, "input_features": ["a", {"name": "b"}], "output_features": {"y": None}},
    {
        "version": 1,
        "input_features": {"a": "text"},
        "output_features": {"y": "category"},
        "data": {"source": "a.csv", "separator": ";"},
        "model_type": {"type": "linear"},
    },
    {
        "version": 1,
        "input_features": {"a": {"type": "text", "encoder": "lstm"}},
        "combiner": "concat",
        "output_features": {"y": {"type": "number", "loss": {"weight": 2.0}}},
        "model_type": "ecd",
        "preprocessing": {"split": "random"},
        "trainer": None,
        "defaults": {"text": None},
    },
]


def verdicts(document):
    """Return whether the schema and the language accept a document; None where they may differ."""
    by_schema = VALIDATOR.is_valid(document)
    codes = {fault.code for fault in check(document, env={}) if fault.severity == "error"}
    by_language = not codes & STRUCTURAL
    if codes and not codes & STRUCTURAL:
        assert all(code in BEYOND for code in codes), codes
    return by_schema, by_language


def is_beyond(document):
    """Return whether a document uses forms that, says `BEYOND`, the schema does not judge."""
    text = json.dumps(document)
    if "my_module:Thing" in text or "${" in text:
        return True
    data = document.get("data")
    if isinstance(data, dict) and set(data) - set(Data.model_fields) and "separator" in data:
        return True
    trainer = document.get("trainer")
    schedule = trainer.get("learning_rate_scheduler") if isinstance(trainer, dict) else None
    return isinstance(schedule, dict) and not isinstance(schedule.get("type"), str)


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("document", PLAIN)
def test_sound_documents_pass_both(document):
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []
    assert [fault.message for fault in check(document, env={})] == []


@pytest.mark.parametrize("document", PLAIN)
def test_filled_documents_pass_both(document):
    filled = json.loads(json.dumps(Config.load(document, env={}).to_dict()))
    assert [(error.json_path, error.message[:200]) for error in VALIDATOR.iter_errors(filled)] == []


def test_the_corpus_is_judged_alike():
    differing = []
    for broken in corpus()[::3]:
        try:
            document = yaml.parse(broken.text, "t").plain()
        except Exception:  # noqa: BLE001 - the text is no document: beyond a schema
            continue
        document = {"version": 1, **document}
        if is_beyond(document):
            continue
        by_schema, by_language = verdicts(document)
        if by_schema != by_language:
            differing.append((broken.label, by_schema, by_language))
    assert differing == []


def paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def at(value, path):
    for key in path:
        value = value[key]
    return value


VALUES = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        3,
        0.5,
        1.5,
        1e9,
        "auto",
        "all",
        "number",
        "text",
        "embed",
        "random",
        "gbm",
        "x",
        "",
        [],
        {},
        [1],
        ["a"],
        [0.7, 0.1, 0.2],
        {"type": "embed"},
        {"type": "nope"},
        {"type": "adam"},
        {"x": 1},
        {"type": None},
        {"name": "n"},
        "my_module:Thing",
    ]
)
KEYS = st.sampled_from(
    [
        "type",
        "name",
        "epochs",
        "encoder",
        "preprocessing",
        "split",
        "loss",
        "x",
        "dropout",
        "column",
        "normalization",
        "class_weights",
        "weight",
        "num_leaves",
        "metrics",
        "where",
        "device",
        "optimizer",
        "fc_layers",
    ]
)


@st.composite
def mutated(draw):
    document = copy.deepcopy(draw(st.sampled_from(PLAIN)))
    for _ in range(draw(st.integers(1, 3))):
        where = draw(st.sampled_from(sorted(paths(document), key=str)))
        target = at(document, where)
        how = draw(st.sampled_from(["replace", "add", "drop"]))
        if how == "add" and isinstance(target, dict):
            target[draw(KEYS)] = copy.deepcopy(draw(VALUES))
        elif where and where != ("version",):
            parent = at(document, where[:-1])
            if how == "drop":
                del parent[where[-1]]
            else:
                parent[where[-1]] = copy.deepcopy(draw(VALUES))
    return document


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_changed_documents_are_judged_alike(document):
    if is_beyond(document):
        return
    by_schema, by_language = verdicts(document)
    assert by_schema == by_language, [fault.message for fault in check(document, env={})]


def test_every_component_stands_in_the_schema_with_its_description():
    for kind, registry in registries().items():
        for name in registry.names():
            known = SCHEMA["$defs"].get(f"{kind.replace(' ', '_')}.{name}") or SCHEMA["$defs"].get(
                f"options.{name}"
            )
            assert known, (kind, name)
            assert known.get("description"), (kind, name)
            assert all(alias not in registry.names() for alias in aliases_of(registry, name))


def test_every_key_has_a_description_for_hovering():
    for name, schema in SCHEMA["$defs"].items():
        for key, value in schema.get("properties", {}).items():
            assert key == "type" or value.get("description") or "$ref" in value, (name, key)
