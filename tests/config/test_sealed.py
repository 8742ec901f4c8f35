"""Documents that are not to be trusted, and text that looks like a variable."""

import sys

import polars as pl
import pytest

from ordain.config import Config, bind, yaml
from ordain.core.component import Registry, sealed
from ordain.core.errors import ConfigError, UsageError

BASE = "input_features: {a: number}\noutput_features: {y: binary}\n"


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A folder on Python's path with a module that leaves a trace when it is imported."""
    (tmp_path / "foreign_code.py").write_text("class X: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("foreign_code", None)


@pytest.mark.parametrize(
    "text",
    [
        BASE + "model_type: foreign_code:X\n",
        BASE + "model_type: {type: foreign_code:X}\n",
        BASE + "combiner: foreign_code:X\n",
        BASE + "data: {source: {type: foreign_code:X}}\n",
        BASE + "preprocessing: {split: foreign_code:X}\n",
        BASE + "trainer: {optimizer: foreign_code:X}\n",
        BASE + "evaluation: {metrics: ['foreign_code:X']}\n",
        BASE + "evaluation: {metrics: [{type: 'foreign_code:X'}]}\n",
        BASE + "defaults: {number: {encoder: 'foreign_code:X'}}\n",
        "input_features: {a: {type: number, encoder: 'foreign_code:X'}}\noutput_features: [y]\n",
        "input_features: {a: 'foreign_code:X'}\noutput_features: [y]\n",
        "input_features: [a]\noutput_features: {y: {type: binary, loss: 'foreign_code:X'}}\n",
        "input_features: [a]\noutput_features: {y: {type: binary, decoder: 'foreign_code:X'}}\n",
    ],
)
def test_a_sealed_document_imports_nothing(foreign, text):
    with pytest.raises(ConfigError, match="foreign_code:X") as caught:
        Config.load(text, is_sealed=True)
    assert {found.code for found in caught.value.diagnostics} == {"E204"}
    assert "foreign_code" not in sys.modules


def test_the_seal_ends_with_the_reading(foreign):
    shapes = Registry("encoder", object, package="ordain.models.neural.encoders")
    with sealed(), pytest.raises(UsageError, match="names a module"):
        shapes.get("foreign_code:X")
    with pytest.raises(AttributeError, match="type_name"):  # imported, and then no component
        shapes.get("foreign_code:X")
    assert "foreign_code" in sys.modules


def test_a_sealed_document_may_not_include(tmp_path):
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "config.yaml").write_text("include: base.yaml\n")
    assert Config.load(tmp_path / "config.yaml").document.inputs[0].name == "a"
    with pytest.raises(ConfigError, match="a sealed document may not include files"):
        Config.load(tmp_path / "config.yaml", is_sealed=True)


def test_variables_of_a_sealed_document_stay_text(monkeypatch):
    monkeypatch.setenv("HOME_OF_SECRETS", "secret")
    text = BASE + "data: {source: '${HOME_OF_SECRETS}/${NOT_SET}/$${x}/${bad-}.csv'}\n"
    config = Config.load(text, is_sealed=True)
    assert config.document.data.source == "${HOME_OF_SECRETS}/${NOT_SET}/${x}/${bad-}.csv"
    for filled in (True, False):
        again = Config.load(config.to_yaml(filled=filled), env={})
        assert again.document == config.document


LITERALS = ["x = '${y}'", "x = '$${y}' and '$$'", "${", "$$${a}$", "a$b${c}"]


@pytest.mark.parametrize("literal", LITERALS)
def test_text_that_looks_like_a_variable_survives(literal):
    config = Config.load(BASE + "data: {where: '${TEXT}'}\n", env={"TEXT": literal})
    assert config.document.data.where == literal
    assert config.to_dict()["data"]["where"] == "${TEXT}"
    again = Config.load(config.document, env={})
    assert again.document == config.document
    for filled in (True, False):
        assert Config.load(again.to_yaml(filled=filled), env={}).document == config.document
        sealed_too = Config.load(again.to_yaml(filled=filled), is_sealed=True)
        assert sealed_too.document == config.document


def test_a_name_that_looks_like_a_variable_survives():
    config = Config.load("input_features: {'${a}': number}\noutput_features: [y]\n", env={})
    for filled in (True, False):
        assert Config.load(config.to_yaml(filled=filled), env={}).document == config.document


def test_a_bound_document_escapes_too():
    from column_profiles import profiles_of

    frame = pl.DataFrame({"a": list(range(40)), "y": ["n", "${p}"] * 20})
    text = BASE + "name: '$${x}'\n"
    bound = bind(Config.load(text, env={}), profiles_of(frame))
    assert bound.to_dict()["name"] == "$${x}"
    assert yaml.parse(Config.load(text, env={}).to_yaml(), "n").plain()["name"] == "$${x}"
