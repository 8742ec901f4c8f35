"""`evaluation.metrics` and `evaluation.optimize`: what may be written, and what is told."""

import sys

import pytest
from language_schema import validator

from ordain.config import Config, check, yaml
from ordain.evaluation.metric import METRICS

BASE = "input_features: {a: number}\noutput_features: {y: binary}\nevaluation:\n"


def faults_of(evaluation):
    text = BASE + "".join(f"  {line}\n" for line in evaluation.splitlines())
    return [(fault.code, fault.message, fault.path) for fault in check(text)]


@pytest.mark.parametrize(
    "evaluation",
    [
        "metrics: [roc_auc, f1, {name: cost, cost_matrix: {FN: 50, FP: 5}}]",
        "metrics: [{cost_matrix: {yes: {no: 3}}, other_cost: 1}]",
        'metrics: [{name: mine, call: "statistics:fmean"}]\noptimize: mine',
        "metrics: [{name: f_beta, beta: 2}]\noptimize: f_2",
        "metrics: [{type: kappa, weighting: quadratic}, kappa]\noptimize: kappa_quadratic",
        "metrics: [{type: ece, adaptive: true}, ece, {type: lift, share: 0.2}, map, ndcg]",
        "optimize: brier",
    ],
)
def test_forms_of_a_metric_are_read_and_allowed_by_the_schema(evaluation):
    assert faults_of(evaluation) == []
    text = BASE + "".join(f"  {line}\n" for line in evaluation.splitlines())
    validator().validate({"version": 1, **yaml.parse(text, "t").plain()})


@pytest.mark.parametrize(
    ("evaluation", "code", "message", "place"),
    [
        ("metrics: [{name: wrong}]", "E209", "metric 'wrong' has no `type`, and no", (0,)),
        ("metrics: [{k: 3}]", "E209", "a metric has no `type`", (0,)),
        ("metrics: [roc_auk]", "E204", "unknown metric 'roc_auk'", (0,)),
        ("metrics: [f1, {type: f1}]", "E319", "two metrics are called 'f1', the other", (1,)),
        (
            'metrics: [{call: "statistics:none"}]',
            "E320",
            "metric 'none': `statistics:none` cannot be called: 'none' is not there",
            (0, "call"),
        ),
        ("metrics: [{type: call}]", "E207", "`call` is missing", (0, "call")),
        ("metrics: [{type: call, call: mine}]", "E206", "`call` is mine", (0, "call")),
        ("metrics: [{type: lift, share: 2}]", "E206", "`share` is 2, which is", (0, "share")),
        ("metrics: [rmse]", "E312", "metric 'rmse' fits no output", (0,)),
        (
            'metrics: [{call: "statistics:fmean", output_type: number}]',
            "E312",
            "metric 'fmean' fits no output",
            (0,),
        ),
    ],
)
def test_fault_of_a_metric_is_told_with_its_place(evaluation, code, message, place):
    found = faults_of(evaluation)
    assert [fault[0] for fault in found] == [code]
    assert message in found[0][1]
    assert found[0][2][:3] == ("evaluation", "metrics", *place)[:3]


@pytest.mark.parametrize(
    ("evaluation", "code", "message"),
    [
        ("optimize: roc_auk", "E204", "unknown metric 'roc_auk'"),
        ("optimize: mae", "E312", "metric 'mae' fits no output"),
        ("metrics: [f1]\noptimize: f_1", "E204", "unknown metric 'f_1'"),
    ],
)
def test_metric_that_decides_must_be_one_that_fits(evaluation, code, message):
    found = faults_of(evaluation)
    assert [(fault[0], fault[2]) for fault in found] == [(code, ("evaluation", "optimize"))]
    assert message in found[0][1]


def test_sealed_document_keeps_the_name_of_a_function_and_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "foreign_measures.py").write_text("def one(y, s):\n    return 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    text = BASE + '  metrics: [{name: mine, call: "foreign_measures:one"}]\n'
    config = Config.load(text, is_sealed=True)
    assert METRICS.build(config.document.evaluation.metrics[0]).label == "mine"
    assert "foreign_measures" not in sys.modules


def test_check_imports_the_function_where_the_document_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "measures_that_fail.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    ((code, message, _),) = faults_of('metrics: [{call: "measures_that_fail:one"}]')
    assert code == "E320"
    assert "cannot be imported: ZeroDivisionError: division by zero" in message


@pytest.mark.parametrize(
    ("written", "fix"), [("roc_auk", "roc_auc"), ("{type: roc_auk}", "type: roc_auc")]
)
def test_the_fix_of_a_metric_is_written_as_the_metric_was(written, fix):
    (fault,) = check(f"{BASE}  metrics: [{written}]\n")
    assert fault.fix == fix


def test_a_gate_that_compares_a_family_with_itself_says_so():
    gates = "  gates: [{baseline: linear, better: true}]\n"
    (fault,) = check(f"model_type: linear\n{BASE}{gates}")
    assert (fault.code, fault.fix) == ("E323", None)
    assert fault.message == "'linear' is the family of the model itself"
