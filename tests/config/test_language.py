"""The document: short forms, places, messages, what never happens."""

import json

import pytest
from corpus import NEURAL, TREES
from hypothesis import given, settings
from hypothesis import strategies as st

from ordain.config import Config, Document, check, yaml
from ordain.config.codes import CODES
from ordain.config.document import InputFeature
from ordain.core.diagnostics import format_diagnostic
from ordain.core.errors import ConfigError
from ordain.features.number import NumberFeature
from ordain.models.neural.encoders.embed import EmbedEncoder


def load(source, **more):
    return Config.load(source, env={}, **more)


def first(source):
    return check(source, env={})[0]


@pytest.mark.parametrize(
    "features",
    [
        "{a: number, b: text}",
        "{a: {type: number}, b: {type: text, encoder: auto}}",
        "[{name: a, type: number}, {name: b, type: text}]",
        "[{type: number, name: a, preprocessing: {}}, {name: b, type: text, column: b}]",
    ],
)
def test_short_forms_mean_the_same(features):
    plain = (
        "input_features: [{name: a, type: number}, {name: b, type: text}]\n"
        "output_features: {y: binary}\n"
    )
    assert (
        load(f"input_features: {features}\noutput_features: {{y: binary}}\n").document
        == load(plain).document
    )


def test_names_alone_leave_the_types_open():
    document = load("input_features: [a, b]\noutput_features: [y]\n").document
    assert [f.type for f in document.input_features] == ["auto", "auto"]
    assert document.output_features[0].column == "y"


def test_yaml_json_and_python_say_the_same():
    plain = yaml.parse(NEURAL, "n").plain()
    assert load(NEURAL).document == load(json.dumps(plain)).document == load(plain).document


def test_typed_objects_may_stand_in_python_data():
    document = load(
        {
            "input_features": [
                {"name": "a", "type": "category", "encoder": EmbedEncoder(embedding_size=3)},
                InputFeature(name="b", type="number", preprocessing=NumberFeature(fill_value=2.0)),
            ],
            "output_features": ["y"],
        }
    ).document
    assert document.input_features[0].encoder.embedding_size == 3
    assert document.input_features[1].preprocessing.fill_value == 2.0


@pytest.mark.parametrize("text", [NEURAL, TREES])
def test_the_filled_document_reads_back_equal(text):
    config = load(text)
    again = load(config.to_yaml())
    assert again.document == config.document
    assert again.to_yaml() == config.to_yaml()
    assert load(config.document).document == config.document


def test_as_written_keeps_what_the_user_wrote():
    assert load("input_features: all\noutput_features: {y: binary}\n").to_dict(filled=False) == {
        "input_features": "all",
        "output_features": {"y": "binary"},
    }


def test_the_name_is_that_of_the_file(tmp_path):
    path = tmp_path / "churn.yaml"
    path.write_text("input_features: all\noutput_features: {y: binary}\n")
    config = load(path)
    assert (config.document.name, config.folder) == ("churn", tmp_path)


def test_a_place_is_known_by_path():
    place = load(NEURAL).location(("trainer", "optimizer", "weight_decay"))
    assert place.text == "    weight_decay: 0.01"


def test_python_data_is_told_by_path():
    fault = first(
        {"input_features": "all", "output_features": {"y": "binary"}, "trainer": {"epoch": 3}}
    )
    assert format_diagnostic(fault).startswith(
        "E201 trainer.epoch  unknown key `epoch` in `trainer`"
    )


def test_python_objects_that_are_no_data_are_refused():
    with pytest.raises(ConfigError, match="object is not data that a config can hold"):
        load({"input_features": object(), "output_features": ["y"]})


def test_a_fault_in_an_override_points_at_the_override():
    fault = check(TREES, overrides=["trainer.num_leaves=many"], env={})[0]
    assert (fault.code, fault.place.file, fault.place.column) == ("E205", "-o", 20)


def test_the_message_is_as_the_style_shows_it():
    text = (
        "input_features:\n  review:\n    type: text\n    encoder: transfomer\n"
        "output_features: {y: binary}\n"
    )
    assert format_diagnostic(first(text)) == (
        "E204 <text>:4:14  unknown encoder 'transfomer' for feature `review`\n"
        "  4 |     encoder: transfomer\n"
        "    |              ^^^^^^^^^^\n"
        f"  {first(text).allowed}\n"
        "  Fix: encoder: transformer"
    )


def test_options_of_a_source_may_stand_beside_it():
    data = load(TREES + "data: {source: a.csv, separator: ';'}\n").document.data
    assert (data.source.type, data.source.path, data.source.separator) == ("csv", "a.csv", ";")


@pytest.mark.parametrize(("written", "read"), [("0.5", 0.5), ("1000", 1000), ("1.0", 1.0)])
def test_a_sample_is_a_share_or_a_number_of_rows(written, read):
    sample = load(TREES + f"data: {{sample: {written}}}\n").document.data.sample
    assert (sample, type(sample)) == (read, type(read))


def test_a_plugin_is_named_by_module_and_class():
    home = "ordain.models.neural.encoders.embed"
    text = f"input_features: {{a: {{type: category, encoder: '{home}:EmbedEncoder'}}}}\n"
    document = load(text + "output_features: [y]\n").document
    assert document.input_features[0].encoder.type == "embed"
    wrong = first(text.replace("EmbedEncoder", "NoSuch") + "output_features: [y]\n")
    assert (wrong.code, "cannot be imported" in wrong.message) == ("E204", True)


def test_equal_documents_are_equal_and_hash_to_equal_text():
    assert isinstance(load(TREES).document, Document)
    assert load(TREES).document == load("# a comment\n" + TREES).document


def test_every_code_says_what_it_means_in_a_sentence():
    assert all(meaning.endswith(".") and code[0] in "EW" for code, meaning in CODES.items())


SCRAPS = st.recursive(
    st.sampled_from(
        [None, True, 0, -1, 2.5, "auto", "all", "text", "number", "embed", "", "${X}", "a.b"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "name", "column", "encoder", "preprocessing", "loss", "split", "x", "1"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
BLOCKS = st.sampled_from(
    [*Document.model_fields, "training", "hyperopt", "include", "ludwig_version", "nonsense"]
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(BLOCKS, SCRAPS, max_size=6))
def test_no_document_ends_in_anything_but_diagnostics(document):
    for fault in check(document, env={"X": "1"}):
        assert fault.code in CODES
        assert fault.message
        assert format_diagnostic(fault)
