"""`evaluation.checks`: what may be written, and what is told."""

import pytest
from language_schema import validator

from ordain.config import Config, check, yaml

BASE = "input_features: {a: number}\noutput_features: {y: binary}\nevaluation:\n  checks: "


def faults_of(checks):
    return [(fault.code, fault.message, fault.path) for fault in check(BASE + checks + "\n")]


@pytest.mark.parametrize(
    "checks", ["true", "false", "[leak, drift]", "[{type: leak, auc_at_least: 0.9}, test_size]"]
)
def test_forms_of_checks_are_read_and_allowed_by_the_schema(checks):
    assert faults_of(checks) == []
    plain = yaml.parse(BASE + checks + "\n", "t").plain()
    validator().validate({"version": 1, **plain})


@pytest.mark.parametrize(
    ("checks", "code", "message", "place"),
    [
        ("[leek]", "E204", "unknown check 'leek'", 0),
        ("[leak, {type: drifts}]", "E204", "unknown check 'drifts'", 1),
        ("[{type: drift, auc_at_least: 7}]", "E206", "`auc_at_least` is 7, which is out", 0),
        ("[{type: leak, auc: 0.9}]", "E201", "unknown key `auc` in", 0),
        ("[{auc_at_least: 0.9}]", "E209", "a check has no `type`", 0),
        ("[leak, drift, leak]", "E210", "the check 'leak' stands twice, the other is number 1", 2),
        ("leak", "E203", "`checks` must be", None),
    ],
)
def test_fault_of_checks_is_told_at_its_place(checks, code, message, place):
    ((found_code, found, path),) = faults_of(checks)
    assert found_code == code
    assert found.startswith(message)
    assert path[:2] == ("evaluation", "checks")
    assert place is None or path[2] == place


def test_checks_stand_in_the_filled_document_as_written():
    config = Config.load(BASE + "[leak, {type: drift, max_rows: 500}]\n")
    assert config.document.evaluation.checks == ("leak", {"type": "drift", "max_rows": 500})
    assert Config.load(config.to_dict()).document.evaluation == config.document.evaluation
