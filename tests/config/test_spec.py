"""A config from Python's typed parts: the same config, the same diagnostics."""

import json
import subprocess
import sys

import pytest

from ordain import Config, spec
from ordain.config import check
from ordain.config.config import Config as Loaded
from ordain.config.stub import FILE, stub
from ordain.core.errors import ConfigError
from ordain.core.hashing import digest_json

YAML = """
name: churn
seed: 7
data: {source: a.csv, where: tenure > 0}
preprocessing:
  split: {type: group, column: customer, probabilities: [0.7, 0.1, 0.2]}
input_features:
  - {name: tenure, type: number, preprocessing: {normalization: minmax}}
  - name: notes
    type: text
    column: remarks
    preprocessing: {lowercase: false}
    encoder: {type: parallel_cnn, num_filters: 32}
  - contract
output_features:
  - {name: churn, type: binary, class_weights: balanced}
combiner: {type: concat, num_fc_layers: 2}
trainer:
  epochs: 3
  optimizer: {type: adamw, weight_decay: 0.01}
evaluation: {metrics: [roc_auc, {type: f_beta, beta: 2.0}]}
backend: {threads: 1}
"""


def built(**changed):
    return Config.build(
        **{
            "name": "churn",
            "seed": 7,
            "data": spec.data(source="a.csv", where="tenure > 0"),
            "preprocessing": spec.preprocessing(
                split=spec.splits.group(column="customer", probabilities=[0.7, 0.1, 0.2])
            ),
            "input_features": [
                spec.number("tenure", normalization="minmax"),
                spec.text(
                    "notes",
                    column="remarks",
                    lowercase=False,
                    encoder=spec.encoders.parallel_cnn(num_filters=32),
                ),
                "contract",
            ],
            "output_features": [spec.binary("churn", class_weights="balanced")],
            "combiner": spec.combiners.concat(num_fc_layers=2),
            "trainer": spec.trainers.neural(
                epochs=3, optimizer=spec.optimizers.adamw(weight_decay=0.01)
            ),
            "evaluation": spec.evaluation(metrics=["roc_auc", spec.metrics.f_beta(beta=2.0)]),
            "backend": spec.backend(threads=1),
            **changed,
        }
    )


def test_four_ways_of_writing_give_one_config(tmp_path):
    from_yaml = Config.load(YAML, env={})
    plain = from_yaml.to_dict(filled=False)
    (tmp_path / "churn.json").write_text(json.dumps(plain))
    ways = [from_yaml, Config.load(tmp_path / "churn.json"), Config.load(plain), built()]
    assert len({digest_json(config.to_dict()) for config in ways}) == 1
    assert len({config.to_yaml() for config in ways}) == 1
    assert all(config.document == from_yaml.document for config in ways)


def test_each_way_reads_back_to_itself():
    config = built()
    as_json = json.dumps(config.to_dict())
    for again in (config.to_yaml(), config.to_dict(), config.document, as_json):
        assert Config.load(again, env={}).to_dict() == config.to_dict()


def test_a_variable_means_the_same_in_all_ways(monkeypatch):
    monkeypatch.setenv("SEED", "7")
    keys = {"input_features": ["a"], "output_features": ["y"], "seed": "${SEED}"}
    text = "input_features: [a]\noutput_features: [y]\nseed: ${SEED}\n"
    ways = [Config.load(text), Config.load(keys), Config.load(json.dumps(keys))]
    ways += [Config.build(**keys), Config.load(ways[0].to_dict()), Config.load(ways[0].to_yaml())]
    assert {config.document.seed for config in ways} == {7}


def test_all_faults_are_told_at_once_with_the_argument():
    with pytest.raises(ConfigError) as caught:
        built(
            input_features=[spec.number("tenure", normalisation="zscore"), spec.text("notes")],
            trainer=spec.trainers.neural(epochs="ten"),
            backend=spec.backend(thread=1),
        )
    found = {".".join(map(str, d.path)): (d.code, d.fix) for d in caught.value.diagnostics}
    assert found == {
        "input_features.0.preprocessing.normalisation": ("E201", "normalization: zscore"),
        "trainer.epochs": ("E205", None),
        "backend.thread": ("E201", "threads: 1"),
    }
    assert "E201 input_features[0].preprocessing.normalisation  unknown key" in str(caught.value)


def test_an_unknown_part_has_the_nearest_name():
    with pytest.raises(AttributeError, match=r"no encoder 'lstmm'. Did you mean 'lstm'"):
        spec.encoders.lstmm()
    with pytest.raises(AttributeError, match=r"no part 'nmber'. Did you mean 'number'"):
        spec.nmber("a")


def test_parts_are_listed_for_completion():
    assert {"number", "text", "encoders", "preprocessing", "budget"} <= set(dir(spec))
    assert {"lstm", "embed"} <= set(dir(spec.encoders))


def test_environments_are_built_too():
    config = Config.build(
        input_features=["a"],
        output_features=["y"],
        environments={"dev": {"trainer": spec.trainers.neural(epochs=2)}},
        environment="dev",
    )
    assert config.document.trainer.epochs == 2


def test_parts_and_specs_of_the_document_mix():
    from ordain.features.number import NumberFeature

    keys = {"name": "a", "type": "number", "preprocessing": NumberFeature(normalization="zscore")}
    config = Config.build(input_features=[keys], output_features=["y"])
    same = Config.build(
        input_features=[spec.number("a", normalization="zscore")], output_features=["y"]
    )
    assert config.to_dict() == same.to_dict()
    assert check(config) == []
    assert isinstance(config, Loaded)


def test_the_stub_is_in_step_with_the_components():
    assert FILE.read_text(encoding="utf-8") == stub(), "run `make docs`"


@pytest.mark.slow
def test_type_checkers_know_the_parts(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from ordain import Config, spec\n"
        "part = spec.encoders.parallel_cnn(num_filters=3)\n"
        "Config.build(input_features=[spec.text('n', encoder=part)], output_features=['y'])\n"
        "spec.number('a', normalisation='zscore')\n"
        "spec.number('a', normalization='zscor')\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if "error" in line and "mine.py" in line]
    assert len(lines) == 2, done.stdout
    assert "normalisation" in lines[0]
    assert "incompatible type \"Literal['zscor']\"" in lines[1] or "zscor" in lines[1]
