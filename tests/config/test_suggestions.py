"""What a message proposes must be right, and short enough to read."""

import json

import jsonschema
import pytest

from ordain.config import Config, check
from ordain.config.schema import json_schema
from ordain.core.diagnostics import format_diagnostic

BASE = "input_features: [a]\noutput_features: {y: number}\n"


def only(text, *overrides):
    (found,) = check(text, overrides=list(overrides), env={})
    return found


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ("2.5", "epochs: 3"),
        ("'2.4'", "epochs: 2"),
        ("3.0", "epochs: 3"),
        ("'7'", "epochs: 7"),
        ("0.2", None),
        ("true", None),
    ],
)
def test_a_fix_is_never_the_wrong_value_again(value, fix):
    assert only(BASE, f"trainer.epochs={value}").fix == fix


def test_the_model_name_of_ludwig_is_the_name():
    found = only(BASE + "model_name: x\n")
    assert (found.code, found.fix) == ("E201", "name: x")


@pytest.mark.parametrize("key", ["epoch", "frobnicate"])
def test_of_many_keys_the_nearest_are_listed(key):
    found = only(BASE + f"trainer: {{{key}: 3}}\n")
    line = next(t for t in format_diagnostic(found).splitlines() if "It may have" in t)
    assert "more; `ordain render` shows all)" in line
    assert line.count(",") <= 14
    assert key != "epoch" or " epochs," in line


def test_of_many_keys_beside_a_misplaced_one_few_are_listed():
    found = only(BASE + "trainer: {encoder: 3}\n")
    assert found.code == "E202"
    assert all(note.count(",") <= 14 for note in found.notes)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (BASE, ["preprocessing.split.k_fold=5"]),
        (BASE + "preprocessing: {split: {probabilities: [0.6, 0.2, 0.2]}}\n", []),
        (BASE + "version: 1\npreprocessing: {split: {k_fold: 5}}\n", []),
    ],
)
def test_a_split_without_type_is_random(text, overrides):
    config = Config.load(text, overrides=overrides, env={})
    assert config.document.preprocessing.split.type == "random"
    jsonschema.validate(config.to_dict(filled=False), json_schema())
    assert "x-default" not in json.dumps(json_schema())


@pytest.mark.parametrize(
    ("type_name", "options"),
    [
        ("number", "missing_value_strategy: keep"),
        ("category", "missing_value_strategy: keep"),
        ("category", "missing_value_strategy: fill_with_const"),
        ("binary", "missing_value_strategy: keep"),
        ("binary", "missing_value_strategy: fill_with_mean"),
        ("binary", "missing_value_strategy: fill_with_const"),
        ("binary", "missing_value_strategy: fill_with_const, fill_value: 0.3"),
    ],
)
def test_a_missing_target_may_not_become_what_is_no_target(type_name, options):
    own = f"input_features: [a]\noutput_features: {{y: {{type: {type_name}, preprocessing: {{"
    found = only(own + options + "}}}\n")
    assert (found.code, found.fix) == ("E314", "missing_value_strategy: drop_row")
    common = f"input_features: [a]\noutput_features: {{y: {type_name}}}\n"
    common += f"defaults: {{{type_name}: {{preprocessing: {{{options}}}}}}}\n"
    assert only(common).code == "E314"
    mended = own + "missing_value_strategy: drop_row}}}\n"
    assert not check(mended + common.splitlines()[2] + "\n", env={})


@pytest.mark.parametrize(
    ("type_name", "options"),
    [
        ("number", "missing_value_strategy: error"),
        ("number", "missing_value_strategy: fill_with_const"),
        ("category", "missing_value_strategy: fill_with_const, fill_value: none"),
        ("binary", "missing_value_strategy: fill_with_const, fill_value: false"),
        ("binary", "missing_value_strategy: fill_with_const, fill_value: 'no'"),
        ("binary", "missing_value_strategy: fill_with_false"),
    ],
)
def test_a_missing_target_may_become_a_target(type_name, options):
    feature = f"{{type: {type_name}, preprocessing: {{{options}}}}}"
    assert not check(f"input_features: [a]\noutput_features: {{y: {feature}}}\n", env={})
