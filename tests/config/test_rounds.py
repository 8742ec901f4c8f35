"""All faults in one round: a fault hides no other, and causes no false alarm."""

import functools

import polars as pl
import pytest
from corpus import corpus
from test_corpus import PROFILES

from ordain.config import Config, check
from ordain.core.errors import ConfigError

CORPUS = [broken for broken in corpus() if not broken.needs_data]
N = 40
BASE = """
input_features: {tenure: number, contract: category, charge: number}
output_features: {left: binary}
"""


def faults(text, profiles=None, **more):
    return [d for d in check(text, profiles, env={}, **more) if d.severity == "error"]


def codes(text, profiles=None, **more):
    return [d.code for d in faults(text, profiles, **more)]


def with_column(name, values):
    from column_profiles import profiles_of

    return {**PROFILES, **profiles_of(pl.DataFrame({name: values}))}


UNREADABLE = with_column("charge", [f"about {'x' * (i % 7)}" for i in range(N)])


@functools.cache
def alone(text):
    return check(text, env={})


@pytest.mark.slow
def test_a_fault_of_the_document_causes_none_of_its_data():
    profiles = {**PROFILES, **with_column("notes", PROFILES["remarks"].sample)}
    profiles |= with_column("tenures", [i % 9 for i in range(N)])
    alarms = {}
    for broken in CORPUS:
        told = {(d.code, d.message) for d in alone(broken.text)}
        more = [d for d in check(broken.text, profiles, env={}) if (d.code, d.message) not in told]
        if more:
            alarms[broken.label] = [d.message for d in more]
    assert alarms == {}


def test_values_are_judged_beside_faults_of_other_features():
    text = BASE.replace("contract: category", "contract: {type: category, encodr: embed}")
    assert codes(text, UNREADABLE) == ["E201", "E402"]


def test_values_are_judged_beside_faults_of_other_blocks():
    text = BASE + "trainer: {epohs: 3}\npreprocessing: {split: {type: grup, column: tenur}}\n"
    assert codes(text, UNREADABLE) == ["E402", "E201", "E204"]


def test_a_faulty_block_keeps_its_sound_keys():
    text = BASE + "preprocessing: {split: {type: group, column: tenur}, sample_ratio: 2}\n"
    assert codes(text, PROFILES) == ["E401", "E206"]


def test_values_of_a_feature_whose_reading_is_in_doubt_are_not_judged():
    text = BASE.replace("charge: number", "charge: {type: number, preprocessing: {formt: x}}")
    assert codes(text, UNREADABLE) == ["E201"]
    assert codes(BASE.replace("charge: number", "charge: nmber"), UNREADABLE) == ["E204"]
    defaults = "defaults: {number: {preprocessing: {zzz: x}}}"
    assert codes(BASE + defaults, UNREADABLE) == ["E201"]


def test_a_target_without_values_is_told_beside_a_fault_in_its_options():
    profiles = with_column("left", pl.Series([None] * N, dtype=pl.String))
    text = BASE.replace("left: binary", "left: {type: binary, preprocessing: {x: 1}}")
    assert codes(text, profiles) == ["E404", "E201"] or set(codes(text, profiles)) == {
        "E404",
        "E201",
    }


def test_a_misspelled_column_key_is_not_told_as_an_absent_column_too():
    text = BASE.replace("charge: number", "money: {type: number, colum: charge}")
    assert codes(text, PROFILES) == ["E201"]


def test_derived_columns_in_a_faulty_block_are_not_told_as_absent():
    derived = BASE.replace("charge: number", "spent: number")
    assert codes(derived + "data: {colums: {spent: tenure * charge}}\n", PROFILES) == ["E201"]
    assert codes(derived + "data: {columns: {spent: 3}}\n", PROFILES) == ["E203"]
    assert codes(derived + "data: {colums: {}}\n", PROFILES) == ["E401", "E201"]


def test_a_misspelled_family_does_not_hide_faults_of_the_trainer():
    assert codes(BASE + "model_type: gmb\ntrainer: {num_leafs: 3}\n") == ["E204", "E201"]
    assert codes(BASE + "model_type: gmb\ntrainer: {num_leaves: x}\n") == ["E204", "E205"]


def test_keys_of_any_family_are_right_while_the_family_is_unknown():
    assert codes(BASE + "model_type: forest\ntrainer: {num_leaves: 3, epochs: 4}\n") == ["E204"]
    assert codes(BASE + "model_type: forest\ntrainer: {nonsense: 3}\n") == ["E204", "E201"]


def test_a_misspelled_type_does_not_hide_faults_of_its_parts():
    text = BASE.replace("contract: category", "contract: {type: categry, encoder: {type: embd}}")
    assert codes(text) == ["E204", "E204"]
    text = BASE.replace("contract: category", "n: {type: text, encoder: {type: lstmm, foo: 1}}")
    assert codes(text) == ["E204", "E201"]


def test_a_duplicate_key_does_not_hide_other_faults():
    assert codes(BASE + "seed: 1\nseed: 2\ntrainer: {epohs: 3}\n", UNREADABLE) == [
        "E402",
        "E103",
        "E201",
    ]


def test_an_unset_variable_does_not_hide_other_faults():
    text = BASE + "model_type: ${FAMILY}\nseed: ${SEED}\ntrainer: {num_leaves: 3, epohs: 1}\n"
    assert codes(text, UNREADABLE) == ["E402", "E115", "E115", "E201"]


def test_a_wrong_override_does_not_hide_other_faults():
    found = faults(BASE + "trainer: {epohs: 3}\n", overrides=["input_features.tenur.type=text"])
    assert [(d.code, d.place.file) for d in found] == [("E118", "-o"), ("E201", "<text>")]


def test_a_config_with_any_of_these_is_not_loaded():
    with pytest.raises(ConfigError, match="stands twice"):
        Config.load(BASE + "seed: 1\nseed: 2\n", env={})
    with pytest.raises(ConfigError, match="`SEED` is not set"):
        Config.load(BASE + "seed: ${SEED}\n", env={})


def test_an_inferred_output_is_held_to_the_defaults_of_its_type():
    text = """
input_features: [tenure]
output_features: [left]
defaults: {binary: {preprocessing: {missing_value_strategy: keep}}}
"""
    assert codes(text) == []
    found = faults(text, PROFILES)
    assert [(d.code, d.place.line, d.place.column) for d in found] == [("E314", 4, 61)]
    assert "inferred to be 'binary'" in found[0].message
