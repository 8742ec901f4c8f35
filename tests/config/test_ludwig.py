"""Configs written in Ludwig's grammar, after its public documentation, are read as they are."""

from pathlib import Path

import pytest

from ordain.config import Config, check
from ordain.config import ludwig as tables
from ordain.config.migrate import migrate
from ordain.features.feature import FEATURES

FOLDER = Path(__file__).parent / "ludwig"
CONFIGS = sorted(FOLDER.glob("*.yaml"))


def faults_of(text):
    return [fault for fault in check(text, env={}) if fault.severity == "error"]


def test_there_are_seven():
    assert len(CONFIGS) == 7


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_of_ludwig_is_accepted(path):
    config = Config.load(path, env={})
    assert config.document.output_features
    assert all(notice.code == "W505" and notice.place for notice in config.notices)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_migrated_needs_no_more_migrating_and_means_the_same(path):
    migrated = migrate(path)
    config = Config.load(migrated.text, env={})
    assert [n.message for n in config.notices if "was read as" in n.message] == []
    before = Config.load(path, env={}).to_dict()
    assert {**config.to_dict(), "name": ""} == {**before, "name": ""}


def test_flat_keys_move_into_the_blocks_that_have_them():
    body = Config.load(FOLDER / "spam.yaml", env={})
    inputs = {feature.name: feature for feature in body.document.input_features}
    assert inputs["body"].encoder.type == "parallel_cnn"
    assert inputs["body"].encoder.num_filters == 64
    assert body.document.output_features[0].class_weights == {"ham": 1.0, "spam": 3.0}


def test_every_change_is_told_with_its_place():
    account = {
        note.message: note.place.text.strip() for note in migrate(FOLDER / "claims.yaml").account
    }
    assert account["`training` was read as `trainer`"] == "training:"
    assert account["type 'numerical' was read as 'number'"] == "type: numerical"
    assert (
        account["`preprocessing.category` was read as `defaults.category.preprocessing`"]
        == "category:"
    )
    moved = "`missing_value_strategy` was read as `preprocessing.missing_value_strategy`"
    assert account[moved] == "missing_value_strategy: fill_with_mean"


def test_a_document_with_a_version_is_held_to_todays_language():
    text = "version: 1\ninput_features: all\noutput_features: {y: binary}\ntraining: {epochs: 3}\n"
    assert [(fault.code, fault.fix) for fault in faults_of(text)] == [("E201", "trainer: ...")]


@pytest.mark.parametrize("block", sorted(tables.UNSUPPORTED))
def test_a_key_that_ordain_lacks_gets_its_own_message(block):
    for key, why in tables.UNSUPPORTED[block].items():
        rows = {
            "": f"{key}: 1\n",
            "preprocessing": f"preprocessing: {{{key}: 1}}\n",
            "trainer": f"trainer: {{{key}: 1}}\n",
            "input_features": "",
            "output_features": "",
        }
        inside = f", {key}: 1" if block == "input_features" else ""
        outside = f", {key}: 1" if block == "output_features" else ""
        text = (
            f"input_features: [{{name: a, type: number{inside}}}]\n"
            f"output_features: [{{name: y, type: binary{outside}}}]\n{rows[block]}"
        )
        found = faults_of(text)
        assert [fault.code for fault in found] == ["E208"], (block, key, found)
        assert why[1:] in found[0].allowed


@pytest.mark.parametrize("name", sorted(tables.UNSUPPORTED_TYPES))
def test_a_type_that_ordain_lacks_gets_its_own_message(name):
    assert not FEATURES.has(name), "take the type out of ludwig.yaml"
    found = faults_of(f"input_features: {{a: {name}}}\noutput_features: {{y: binary}}\n")
    assert [fault.code for fault in found] == ["E208"]
    assert tables.UNSUPPORTED_TYPES[name] in found[0].message


def test_keys_without_effect_are_told_and_dropped():
    text = (
        "input_features: all\noutput_features: {y: {type: binary, top_k: 3}}\nludwig_version: 0.8\n"
    )
    notices = Config.load(text, env={}).notices
    assert [notice.message.partition(" has")[0] for notice in notices] == [
        "`top_k`",
        "`ludwig_version`",
    ]


def test_older_keys_of_layers_optimizers_and_encoders_are_read_as_those_of_today():
    text = """
input_features:
  - {name: a, type: number, encoder: {type: dense, num_layers: 2}}
output_features:
  - {name: b, type: binary, fc_layers: [{fc_size: 24}]}
trainer:
  optimizer: {type: adam, beta1: 0.8, beta2: 0.99, epsilon: 1.0e-07}
"""
    document = Config.load(text, env={}).document
    assert document.inputs[0].encoder.num_fc_layers == 2
    assert document.output_features[0].decoder.fc_layers[0].output_size == 24
    optimizer = document.trainer.optimizer
    assert (optimizer.betas, optimizer.eps) == ((0.8, 0.99), 1e-07)


def test_a_range_for_predictions_gets_a_message_of_its_own():
    [fault] = faults_of(
        "input_features: {a: number}\noutput_features:\n  - {name: b, type: number, clip: [0, 5]}\n"
    )
    assert fault.code == "E208"
    assert "clip_to_training_range" in fault.allowed


def test_an_override_by_todays_name_reaches_a_block_by_its_older_name():
    text = """
input_features: [{name: a, type: number}]
output_features: [{name: b, type: binary}]
training: {epochs: 40, early_stop: 10}
"""
    trainer = Config.load(text, overrides=["trainer.epochs=1"], env={}).document.trainer
    assert (trainer.epochs, trainer.early_stop) == (1, 10)


def test_a_block_by_both_names_is_an_error():
    text = "input_features: {a: number}\noutput_features: {b: binary}\n"
    [fault] = faults_of(text + "training: {epochs: 40}\ntrainer: {epochs: 2}\n")
    assert fault.code == "E202"
