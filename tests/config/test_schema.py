"""The JSON Schema accepts what the language accepts, and nothing else."""

import copy
import json

import jsonschema
import pytest
from corpus import NEURAL, TREES, corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from language_schema import validator

from ordain.config import Config, check, yaml
from ordain.config.document import Data
from ordain.config.schema import BEYOND, STRUCTURAL
from ordain.config.schema_parts import aliases_of
from ordain.config.words import registries

VALIDATOR = validator()
SCHEMA = VALIDATOR.schema
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


@pytest.mark.slow
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


def sections(schema):
    """Yield every mapping of keys that a definition has, with its required keys."""
    yield schema.get("properties", {}), schema.get("required", [])
    for part in (*schema.get("allOf", ()), *schema.get("anyOf", ())):
        yield from sections(part)


def test_every_key_that_may_be_left_out_shows_its_default():
    silent = []
    for kind, registry in registries().items():
        for name in registry.names():
            found = SCHEMA["$defs"].get(f"{kind.replace(' ', '_')}.{name}")
            found = found or SCHEMA["$defs"][f"options.{name}"]
            for key, info in registry.get(name).model_fields.items():
                if key != "type" and not info.is_required():
                    told = found["properties"][key]
                    silent += [(kind, name, key)] if "default" not in told else []
    assert silent == []


def test_keys_with_a_choice_list_it_for_completion():
    trainer = SCHEMA["$defs"]["options.number"]["properties"]["normalization"]
    assert {"zscore", "minmax"} <= set(words_in(trainer))
    assert {"gbm", "linear", "neural"} <= set(words_in(SCHEMA["$defs"]["model_family"]))
    blocks = SCHEMA["else"]["properties"]
    assert all(block.get("description") for key, block in blocks.items() if key != "trainer")


def words_in(schema):
    if isinstance(schema, dict):
        yield from schema.get("enum", [])
        for value in schema.values():
            yield from words_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from words_in(value)


def leaves(document):
    """Return the paths of scalars that are values of keys, but for `version`."""
    return [
        path
        for path in paths(document)
        if path and not isinstance(at(document, path), dict | list) and path != ("version",)
    ]


def as_text(value):
    return "" if value is None else json.dumps(value) if not isinstance(value, str) else value


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_variable_may_stand_for_any_scalar(data):
    document = copy.deepcopy(data.draw(st.sampled_from(PLAIN)))
    path = data.draw(st.sampled_from(sorted(leaves(document), key=str)))
    held = at(document, path)
    at(document, path[:-1])[path[-1]] = "${HELD}"
    accepted = not {f.code for f in check(document, env={"HELD": as_text(held)})} & STRUCTURAL
    is_type_of_text = isinstance(held, str) and not isinstance(yaml.resolve(held), str)
    assert accepted or is_type_of_text
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


SCALARS = ["", "true", "1", "0.5", "auto", "all", "random", "number", "gbm", "x", "2000000000"]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_variable_may_not_stand_where_no_scalar_may(data):
    document = copy.deepcopy(data.draw(st.sampled_from(PLAIN)))
    blocks = [path for path in paths(document) if isinstance(at(document, path), dict | list)]
    path = data.draw(st.sampled_from(sorted(blocks[1:], key=str)))
    at(document, path[:-1])[path[-1]] = "${HELD}"
    held = (check(document, env={"HELD": text}) for text in SCALARS)
    by_language = any(not {f.code for f in faults} & STRUCTURAL for faults in held)
    assert VALIDATOR.is_valid(document) == by_language


@pytest.mark.parametrize("text", ["$${SEED}", "${a b}", "$", "${", "$$$${X}"])
def test_what_is_no_variable_is_no_number(text):
    document = {**PLAIN[2], "seed": text}
    assert not VALIDATOR.is_valid(document)
    assert check(document, env={"X": "1", "SEED": "1"})


def parted(draw, document):
    """Return two documents that merge to one: each value of a mapping goes to either."""
    under, over = {}, {}
    for key, value in document.items():
        where = draw(st.sampled_from(["under", "over", "both"]))
        if isinstance(value, dict) and where == "both" and key != "class_weights":
            under[key], over[key] = parted(draw, value)
        else:
            (under if where == "under" else over)[key] = value
    return under, over


def named(document):
    """Return a document whose features are mappings by name."""
    named = copy.deepcopy(document)
    for section in ("input_features", "output_features"):
        if isinstance(named[section], list):
            named[section] = {
                f if isinstance(f, str) else f["name"]: None
                if isinstance(f, str)
                else {key: value for key, value in f.items() if key != "name"} or None
                for f in named[section]
            }
    return named


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_piece_of_a_sound_document_is_accepted_beside_an_include(data):
    document = named(data.draw(st.sampled_from(PLAIN)))
    _, over = parted(data.draw, document)
    assert [e.message[:200] for e in VALIDATOR.iter_errors({**over, "include": "base.yaml"})] == []
    over.pop("version", None)
    whole = {**document, "environments": {"prod": over, "dev": None}}
    assert [e.message[:200] for e in VALIDATOR.iter_errors(whole)] == []
    assert not {f.code for f in check(whole, environment="prod", env={})} & STRUCTURAL


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_what_the_schema_refuses_in_an_environment_the_language_refuses(document):
    if is_beyond(document):
        return
    environment = {key: value for key, value in document.items() if key != "version"}
    base = PLAIN[3]
    whole = {**base, "environments": {"prod": environment}}
    if not VALIDATOR.is_valid(whole):
        faults = check(whole, environment="prod", env={})
        if not {fault.code for fault in faults} & STRUCTURAL:
            raise AssertionError(environment)


def test_pieces_are_held_to_the_names_of_the_language():
    for piece in (
        {"trainer": {"epohs": 3}},
        {"trainer": {"epochs": 3, "num_leaves": 3}},
        {"model_type": "gbm", "trainer": {"epochs": 3}},
        {"input_features": {"a": {"preprocessing": {"normalisation": "zscore"}}}},
        {"output_features": {"y": {"los": None}}},
        {"nonsense": 1},
        {"preprocessing": {"split": {"type": "random", "column": "a"}}},
    ):
        assert not VALIDATOR.is_valid({"include": "base.yaml", **piece}), piece
        assert not VALIDATOR.is_valid({**PLAIN[2], "environments": {"prod": piece}}), piece
