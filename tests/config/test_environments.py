"""Environments: one document, laid out otherwise where it runs."""

import pytest

from ordain.config import Config, check
from ordain.core.errors import ConfigError

TEXT = """\
name: churn
data: {source: a.csv}
input_features: {tenure: number, notes: text}
output_features: {churn: binary}
model_type: neural
trainer: {epochs: 20}
environments:
  dev:
    data: {sample: 0.1}
    trainer: {epochs: 2}
  prod:
    seed: 7
    data: {source: "${CUSTOMERS}"}
    input_features: {tenure: {type: category}}
"""


def load(text=TEXT, environment=None, **more):
    return Config.load(text, environment=environment, **{"env": {}, **more})


def faults(text, environment=None, **more):
    found = check(text, environment=environment, **{"env": {}, **more})
    return [d for d in found if d.severity == "error"]


def test_without_a_choice_the_document_stands_as_it_is():
    document = load().document
    assert (document.seed, document.trainer.epochs, document.data.sample) == (42, 20, None)


def test_the_chosen_environment_is_laid_over_the_document():
    document = load(environment="dev").document
    assert (document.seed, document.trainer.epochs, document.data.sample) == (42, 2, 0.1)
    assert document.data.source == "a.csv"


def test_features_of_an_environment_merge_by_name():
    document = load(environment="prod", env={"CUSTOMERS": "b.csv"}).document
    assert [(f.name, f.type) for f in document.inputs] == [
        ("tenure", "category"),
        ("notes", "text"),
    ]
    assert (document.data.source, document.seed) == ("b.csv", 7)


def test_a_variable_of_the_process_chooses_too_and_a_choice_that_is_given_wins():
    assert load(env={"ORDAIN_ENV": "dev"}).document.trainer.epochs == 2
    assert load(environment="dev", env={"ORDAIN_ENV": "prod"}).document.trainer.epochs == 2


def test_variables_of_other_environments_need_not_be_set():
    assert load(environment="dev").document.seed == 42
    with pytest.raises(ConfigError, match="`CUSTOMERS` is not set"):
        load(environment="prod")


def test_overrides_win_over_the_environment():
    document = load(environment="dev", overrides=["trainer.epochs=5"]).document
    assert document.trainer.epochs == 5


def test_values_keep_their_place_in_the_file():
    config = load(environment="dev")
    assert config.location(("trainer", "epochs")).line == 10
    assert config.location(("data", "source")).line == 2


def test_the_filled_document_holds_the_chosen_environment_alone():
    config = load(environment="prod", env={"CUSTOMERS": "b.csv"})
    filled = config.to_dict()
    assert "environments" not in filled
    assert (filled["seed"], filled["data"]["source"]) == (7, "${CUSTOMERS}")
    assert "environments" not in config.to_dict(filled=False)


def test_an_environment_that_is_not_there_has_the_nearest_name():
    with pytest.raises(ConfigError, match="no environment 'prd'") as caught:
        load(environment="prd")
    fault = caught.value.diagnostics[0]
    assert (fault.code, fault.fix) == ("E119", "--env prod")


def test_the_variable_speaks_to_documents_without_environments_too():
    plain = TEXT.partition("environments:")[0]
    assert load(plain, env={"ORDAIN_ENV": "prod"}).document.seed == 42
    with pytest.raises(ConfigError, match="no environment 'prod'"):
        load(plain, environment="prod")
    with pytest.raises(ConfigError, match="no environment 'prd'"):
        load(env={"ORDAIN_ENV": "prd"})


def test_faults_in_every_environment_are_told_with_their_place():
    text = TEXT.replace("epochs: 2}", "epohs: 2}").replace("seed: 7", "seed: x")
    assert [(d.code, d.place.line) for d in faults(text)] == [("E201", 10), ("E203", 12)]
    with pytest.raises(ConfigError, match="epohs"):
        load(text, environment="prod", env={"CUSTOMERS": "b.csv"})


def test_a_fault_that_an_environment_causes_elsewhere_is_told_by_check():
    text = TEXT.replace("text}", "{type: text, encoder: lstm}}").replace(
        "seed: 7", "model_type: gbm"
    )
    found = faults(text)
    assert [(d.code, d.place.line) for d in found] == [("E308", 3), ("E202", 6)]
    assert all("In the environment 'prod'." in d.notes for d in found)
    assert load(text, environment="dev").document.trainer.epochs == 2


def test_a_fault_of_the_document_is_told_once():
    text = TEXT.replace("epochs: 20", "epohs: 20")
    assert [(d.code, d.place.line) for d in faults(text)] == [("E201", 6)]


@pytest.mark.parametrize(
    ("block", "code"),
    [("[dev]", "E203"), ("{dev: 3}", "E203"), ("{dev: {include: a.yaml}}", "E202")],
)
def test_environments_of_another_shape_are_refused(block, code):
    text = TEXT.partition("environments:")[0] + f"environments: {block}\n"
    assert [d.code for d in faults(text)] == [code]


def test_environments_of_included_files_merge(tmp_path):
    (tmp_path / "base.yaml").write_text(TEXT)
    main = tmp_path / "main.yaml"
    main.write_text("include: base.yaml\nenvironments: {dev: {seed: 1}, lab: {seed: 2}}\n")
    document = load(main, environment="dev").document
    assert (document.seed, document.trainer.epochs) == (1, 2)
    assert load(main, environment="lab").document.seed == 2
