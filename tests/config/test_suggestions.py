"""What a message proposes must be right, and short enough to read."""

import json

import pytest
from language_schema import validator

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
    validator().validate(config.to_dict(filled=False))
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


@pytest.mark.parametrize("version", ["", "version: 1\n"])
def test_an_older_name_of_a_type_is_mended_with_todays(version):
    text = version + "input_features: {a: {type: numericl}}\noutput_features: {y: number}\n"
    assert only(text).fix == "type: number"
    if version:
        assert only(text.replace("numericl", "numerical")).fix == "type: number"


@pytest.mark.parametrize(("given", "fix"), [("0", "threads: 1"), ("100000", "threads: 256")])
def test_threads_have_bounds(given, fix):
    found = only(BASE, f"backend.threads={given}")
    assert (found.code, found.fix) == ("E206", fix)


def test_a_form_is_told_by_examples():
    found = only(BASE, "preprocessing.split={type: datetime, column: a, gap: soon}")
    assert found.message == "`gap` is soon, which is not of the form it must have"
    assert found.allowed == "It must be text (such as 7d, 12h, 1mo) or null."


@pytest.mark.parametrize(("given", "count"), [("[0.7, 0.3]", 2), ("[1]", 1)])
def test_too_few_shares_are_counted_and_named(given, count):
    found = only(BASE, f"preprocessing.split.probabilities={given}")
    assert found.message == (
        f"`preprocessing.split.probabilities` needs 3 values (train, validation, test), "
        f"and has {count}"
    )
    assert found.path == ("preprocessing", "split", "probabilities")


def test_two_shares_are_mended_to_those_of_a_validation_set_cut_from_training():
    found = only(BASE, "preprocessing.split.probabilities=[0.8, 0.2]")
    assert (found.code, found.fix) == ("E207", "probabilities: [0.72, 0.08, 0.2]")
    assert not check(BASE, overrides=[f"preprocessing.split.{found.fix.replace(': ', '=', 1)}"])


def test_too_many_shares_are_counted_and_named():
    found = only(BASE, "preprocessing.split.probabilities=[0.7, 0.1, 0.1, 0.1]")
    assert found.code == "E206"
    assert found.message == (
        "`preprocessing.split.probabilities` needs 3 values (train, validation, test), and has 4"
    )


def test_a_combiner_without_type_is_the_one_there_is():
    text = BASE + "model_type: neural\ncombiner: {num_fc_layers: 2}\n"
    config = Config.load(text, env={})
    assert config.document.combiner.type == "concat"
    validator().validate({**config.to_dict(filled=False), "combiner": {}})


def test_a_key_of_another_encoder_names_it():
    text = BASE.replace("[a]", "{a: number}") + "model_type: neural\n"
    found = only(text, "input_features.a.encoder.num_fc_layers=1")
    assert (found.code, found.allowed) == ("E202", "It is a key of the encoder `dense`.")
    assert found.fix == "encoder:\n  type: dense\n  num_fc_layers: 1"


@pytest.mark.parametrize("value", ["%Y/%m/%d", "a: b: c", "@home"])
def test_a_value_that_is_no_yaml_is_text(value):
    assert Config.load(BASE, overrides=[f"name={value}"], env={}).document.name == (value)


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("input_features: [a, b", "input_features: [a, b]"),
        ("input_features: {a: number", "input_features: {a: number}"),
        ("input_features: [{a: b}", None),
    ],
)
def test_an_open_bracket_is_closed_in_the_fix(line, fix):
    found = only(f"{line}\noutput_features: {{y: number}}\n")
    assert (found.code, found.fix) == ("E101", fix)


def test_no_message_of_the_yaml_reader_is_passed_on_raw():
    assert "a value is missing here" in only("a: ]\n").message
