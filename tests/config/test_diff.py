"""What differs in meaning between two configs, and what it touches."""

import pytest
from corpus import NEURAL

from ordain.config import Config
from ordain.config.diff import diff, reruns
from ordain.config.effects import effect

SHARES = "preprocessing.split.probabilities"
THRESHOLD = "input_features.tenure.preprocessing.outlier_threshold"


def changes(before, after):
    return [str(change) for change in diff(Config.load(before, env={}), Config.load(after, env={}))]


def test_comments_order_and_short_forms_are_no_changes():
    before = "name: x\ninput_features: {a: number}\noutput_features: [y]\n"
    after = (
        "# hi\noutput_features: {y: auto}\n"
        "input_features: [{type: number, name: a}]\nname: x\nseed: 42\n"
    )
    assert changes(before, after) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("epochs: 20", "epochs: 30", "~ trainer.epochs: 20 -> 30  (touches train)"),
        (
            "where: tenure > 0",
            "where: tenure > 1",
            "~ data.where: tenure > 0 -> tenure > 1  (touches read)",
        ),
        ("seed: 7", "seed: 8", "~ seed: 7 -> 8  (touches split)"),
        (
            "[0.7, 0.1, 0.2]",
            "[0.8, 0.1, 0.1]",
            f"~ {SHARES}: [0.7, 0.1, 0.2] -> [0.8, 0.1, 0.1]  (touches split)",
        ),
        (
            "outlier_threshold: 3.5",
            "outlier_threshold: 4.5",
            f"~ {THRESHOLD}: 3.5 -> 4.5  (touches encode tenure)",
        ),
        (
            "num_filters: 32",
            "num_filters: 64",
            "~ input_features.notes.encoder.num_filters: 32 -> 64  (touches train)",
        ),
        (
            "weight: 0.5",
            "weight: 0.6",
            "~ output_features.charge.loss.weight: 0.5 -> 0.6  (touches train)",
        ),
        (
            "baselines: true",
            "baselines: false",
            "~ evaluation.baselines: true -> false  (touches evaluate)",
        ),
        ("name: churn", "name: leave", "~ name: churn -> leave  (touches nothing)"),
        ("device: cpu", "device: cuda", "~ backend.device: cpu -> cuda  (touches train)"),
    ],
)
def test_a_change_names_its_path_and_what_it_touches(old, new, expected):
    assert changes(NEURAL, NEURAL.replace(old, new, 1)) == [expected]


def test_features_are_compared_by_name():
    before = "input_features: {a: number, b: number}\noutput_features: [y]\nname: x\n"
    after = "input_features: {b: number, c: number}\noutput_features: [y]\nname: x\n"
    found = diff(Config.load(before, env={}), Config.load(after, env={}))
    assert [(c.kind, c.path, c.stage) for c in found] == [
        ("removed", "input_features.a", "encode a"),
        ("added", "input_features.c", "encode c"),
    ]


def test_another_component_is_one_change():
    before = (
        "input_features: {a: {type: category, encoder: embed}}\noutput_features: [y]\nname: x\n"
    )
    found = changes(before, before.replace("embed", "onehot"))
    assert len(found) == 1
    assert found[0].startswith("~ input_features.a.encoder: ")


def compared(before, after):
    return diff(Config.load(before, env={}), Config.load(after, env={}))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("epochs: 20", "epochs: 30", "learns longer"),
        ("epochs: 20", "epochs: 10", "shorter time"),
        ("learning_rate: 0.001", "learning_rate: 0.01", "larger steps"),
        ("num_filters: 32", "num_filters: 64", "more weights"),
        ("dropout: 0.1", "dropout: 0.3", "stronger regularisation"),
        ("  - name: since\n    type: date\n", "", "one column less"),
        ("where: tenure > 0", "where: tenure > 1", "do not compare"),
    ],
)
def test_a_change_says_what_it_tends_to_do(old, new, told):
    assert told in compared(NEURAL, NEURAL.replace(old, new))[0].effect


def test_every_key_of_a_document_has_an_effect():
    filled = Config.load(NEURAL, env={}).to_dict()
    silent = []
    for section, block in filled.items():
        for key in block if isinstance(block, dict) else [None]:
            path = section if key is None else f"{section}.{key}"
            if not effect(path, 1, 2, "changed"):
                silent.append(path)
    assert silent == []


@pytest.mark.parametrize(
    ("old", "new", "stages"),
    [
        ("epochs: 20", "epochs: 30", ["train", "evaluate"]),
        ("seed: 7", "seed: 8", ["split", "encode", "train", "evaluate"]),
        (
            "outlier_threshold: 3.5",
            "outlier_threshold: 4.5",
            ["encode tenure", "train", "evaluate"],
        ),
        ("baselines: true", "baselines: false", ["evaluate"]),
        ("name: churn", "name: left", []),
    ],
)
def test_the_stages_that_run_again_are_named(old, new, stages):
    assert reruns(compared(NEURAL, NEURAL.replace(old, new))) == stages


def test_two_environments_of_one_document_compare():
    text = NEURAL + "environments: {dev: {trainer: {epochs: 2}}, prod: {seed: 9}}\n"
    dev, prod = (Config.load(text, environment=name, env={}) for name in ("dev", "prod"))
    assert [change.path for change in diff(dev, prod)] == ["seed", "trainer.epochs"]
