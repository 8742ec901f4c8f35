"""Gates and limits: met or not, by how much, in words that can be read."""

from dataclasses import replace

import numpy as np
import pytest
from judged_runs import binary_scores, number_scores
from pydantic import ValidationError
from subjects import binary_target

from ordain.config.evaluation import Evaluation, Gate, Limit, Threshold
from ordain.core.errors import UsageError
from ordain.evaluation.evaluate import SetScores, judge_output
from ordain.evaluation.gates import Measured, judge_gates, judge_limits
from ordain.evaluation.scenarios import ScenarioReport, ScenarioResult
from ordain.evaluation.slices.cuts import Cut
from ordain.evaluation.slices.judged import judge_slices


@pytest.fixture(scope="module")
def measured():
    truth, good, poor = binary_scores(1_500)
    sets = {
        "validation": SetScores(truth[:500], good[:500]),
        "test": SetScores(truth, good, {"gbm": poor, "twin": good, "prior": np.full(1_500, 0.3)}),
    }
    churn = judge_output("binary", sets, ("No", "Yes"))
    price = judge_output("number", {"test": SetScores(*number_scores(300))})
    rows = np.zeros(1_500, dtype=bool)
    cuts = [
        Cut("contract = 'a'", "contract", "contract = 'a'", np.arange(1_500) < 700),
        Cut("contract = 'b'", "contract", "contract = 'b'", np.arange(1_500) >= 700),
        Cut("nobody", "nobody", "tenure > 99", rows),
        Cut("new", "new", "tenure < 6", np.arange(1_500) < 3),
    ]
    slices = judge_slices(binary_target(truth, good), cuts, metrics=["roc_auc", "recall"])
    report = ScenarioReport(
        file="c.csv",
        n_rows=3,
        n_failed=1,
        results=(
            ScenarioResult(name="a", passed=True),
            ScenarioResult(name="b", passed=False, failures=("x",)),
            ScenarioResult(name="c", passed=True),
        ),
    )
    return Measured(
        outputs={"churn": churn, "price": price},
        slices={"churn": slices},
        scenarios=report,
        figures={"latency_ms": 0.4, "size_bytes": 1e6},
    )


def judge(measured, **keys):
    return judge_gates([Gate(**keys)], measured)


def test_a_bound_that_holds(measured):
    (one,) = judge(measured, metric="roc_auc", at_least=0.8)
    value = measured.outputs["churn"].sets["test"].metrics["roc_auc"]
    assert one.passed
    assert one.margin == pytest.approx(value - 0.8)
    assert one.name == "`roc_auc` of `churn` on `test` at least 0.8"
    assert one.reason.endswith(f"{value - 0.8:.4g} inside the bound")
    assert f"is {value:.4g} ({one.interval.low:.4g} to " in one.reason


def test_a_bound_that_does_not_hold(measured):
    (one,) = judge(measured, metric="log_loss", at_most=0.01, name="sharp")
    assert (one.passed, one.name) == (False, "sharp")
    assert one.margin < 0
    assert one.reason.endswith("outside the bound")


def test_a_value_just_at_the_bound_passes(measured):
    value = measured.outputs["churn"].sets["test"].metrics["recall"]
    (one,) = judge(measured, metric="recall", at_least=value, at_most=value)
    assert one.passed
    assert one.reason.endswith(", just at the bound")


def test_a_certain_gate_needs_the_whole_interval(measured):
    interval = measured.outputs["churn"].sets["test"].intervals["roc_auc"]
    between = (interval.low + measured.outputs["churn"].sets["test"].metrics["roc_auc"]) / 2
    assert judge(measured, metric="roc_auc", at_least=between)[0].passed
    (one,) = judge(measured, metric="roc_auc", at_least=between, certain=True)
    assert not one.passed
    assert "whose worse end is" in one.reason
    assert one.name.endswith(", for certain")


def test_another_set_is_judged_where_it_is_named(measured):
    (one,) = judge(measured, metric="roc_auc", at_least=0.5, set="validation")
    assert one.value == measured.outputs["churn"].sets["validation"].metrics["roc_auc"]


def test_without_a_metric_each_output_is_judged_by_the_one_that_decides(measured):
    found = judge(measured, at_least=0.1)
    assert [(one.output, one.name.split("`")[1]) for one in found] == [
        ("churn", "roc_auc"),
        ("price", "r2"),
    ]


def test_a_column_of_slices_is_as_good_as_its_worst(measured):
    (one,) = judge(measured, slice="contract", metric="recall", at_least=0.1)
    values = [s.metrics["recall"] for s in measured.slices["churn"][:2]]
    assert one.value == min(values)


@pytest.mark.parametrize("name", ["tenure < 6", "new"])
def test_a_slice_goes_by_name_or_condition(measured, name):
    (one,) = judge(measured, slice=name, metric="recall", at_least=0.0, output="churn")
    assert "on the slice new" in one.reason


def test_a_slice_without_rows_has_not_passed(measured):
    (one,) = judge(measured, slice="nobody", metric="recall", at_least=0.1, output="churn")
    assert (one.passed, one.value) == (False, None)
    assert one.reason == "`recall` of `churn` on the slice nobody has no value: there are no rows"


def test_three_rows_are_never_certain_of_much(measured):
    gate = {"slice": "new", "metric": "recall", "at_least": 0.99, "output": "churn"}
    assert not judge(measured, **gate, certain=True)[0].passed


@pytest.mark.parametrize(
    ("baseline", "wish", "passed", "verdict"),
    [
        ("gbm", "better", True, "better"),
        ("twin", "not_worse", True, "cannot tell"),
        ("twin", "better", False, "cannot tell"),
    ],
)
def test_a_baseline_is_compared_with(measured, baseline, wish, passed, verdict):
    (one,) = judge(measured, baseline=baseline, output="churn", **{wish: True})
    assert one.passed == passed
    assert one.reason.endswith(f": {verdict}")
    assert f"for `{baseline}`, a gain of" in one.reason


def test_a_comparison_without_a_value_has_not_passed():
    truth = np.ones(50, dtype=int)
    scores = np.linspace(0, 1, 50)
    churn = judge_output(
        "binary", {"test": SetScores(truth, scores, {"gbm": scores})}, metrics=["roc_auc"]
    )
    (one,) = judge(Measured({"churn": churn}), baseline="gbm", not_worse=True)
    assert not one.passed
    assert one.reason == "`roc_auc` of `churn` has no value to compare with `gbm`"


def test_scenarios_must_all_hold(measured):
    (one,) = judge(measured, scenarios=True)
    assert (one.passed, one.value, one.reason) == (False, 1.0, "2 of 3 hold; not: 'b'")
    (none,) = judge(Measured(measured.outputs), scenarios=True)
    assert none.reason == "`evaluation.scenarios` names no file of scenarios"


def test_figures_of_the_bundle_are_bounded_too(measured):
    (one,) = judge_limits([Limit(metric="latency_ms", at_most=0.3)], measured)
    assert (one.passed, one.reason) == (False, "`latency_ms` is 0.4, 0.1 outside the bound")
    assert judge(measured, metric="size_bytes", at_most=2e6, certain=True)[0].passed


def test_what_the_training_took_is_bounded_where_it_is_known(measured):
    known = replace(measured, figures={"training_seconds": 12.0})
    assert judge(known, metric="training_seconds", at_most=20)[0].passed
    (one,) = judge(known, metric="training_cost", at_most=1)
    assert not one.passed
    assert one.reason == "`training_cost` has no value: `budget.price_per_hour` is not declared"
    (one,) = judge(known, metric="energy_joules", at_most=1)
    assert one.reason == "`energy_joules` has no value: this machine does not tell it"


def test_a_metric_of_the_user_s_that_raises_has_not_passed():
    truth, good, _ = binary_scores(100)
    churn = judge_output(
        "binary",
        {"test": SetScores(truth, good)},
        metrics=["roc_auc", {"name": "mine", "call": "my_measures:raises"}],
    )
    (one,) = judge(Measured({"churn": churn}), metric="mine", at_least=0)
    assert not one.passed
    assert "has no value: `my_measures:raises` raised" in one.reason


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"metric": "roc_au", "at_least": 1}, "no metric 'roc_au' to judge by; nearest: 'roc_auc'"),
        ({"metric": "f1", "at_least": 1, "output": "chrun"}, "no output 'chrun'.*nearest: 'churn'"),
        ({"metric": "f1", "at_least": 1, "set": "tset"}, "no set 'tset' .* nearest: 'test'"),
        ({"slice": "nwe", "at_least": 1, "output": "churn"}, "no slice 'nwe' .* nearest: 'new'"),
        ({"baseline": "gmb", "better": True, "output": "churn"}, "no baseline 'gmb' .*: 'gbm'"),
    ],
)
def test_a_name_that_is_not_there_is_told_with_the_nearest(measured, keys, message):
    with pytest.raises(UsageError, match=f"(?s)evaluation.gates`: there is {message}"):
        judge(measured, **keys)


@pytest.mark.parametrize(
    ("spec", "keys", "message"),
    [
        (Gate, {"metric": "f1"}, "it needs `at_least`, `at_most`, `baseline` or"),
        (Gate, {"baseline": "gbm"}, "`baseline` goes with `not_worse: true` or"),
        (Gate, {"better": True}, "`baseline` goes with"),
        (Gate, {"scenarios": True, "metric": "f1"}, "`scenarios: true` is a gate by itself"),
        (
            Gate,
            {"baseline": "gbm", "better": True, "metric": "f1", "slice": "a"},
            "it has no `metric` and no `slice`",
        ),
        (Gate, {"at_least": 2, "at_most": 1}, "no value is at least 2 and at most 1"),
        (Limit, {"metric": "f1"}, "it needs `at_least` or `at_most`"),
        (Limit, {"metric": "f1", "at_least": 2, "at_most": 1}, "no value is at least 2"),
        (Threshold, {}, "it needs either `maximize` or `minimize`"),
        (Threshold, {"maximize": "f1", "minimize": "f1"}, "it needs either"),
        (Evaluation, {"intervals": 0.4}, "greater than 0.5"),
        (Evaluation, {"slices": [{"name": "a"}]}, "it needs one of `column`, `where` and `tags`"),
        (Evaluation, {"abstain": {}}, "it needs either `confidence_below` or"),
    ],
)
def test_a_condition_that_says_nothing_or_too_much_is_refused(spec, keys, message):
    with pytest.raises(ValidationError, match=message):
        spec.model_validate(keys)


def test_a_bound_that_few_rows_cannot_tell_of_says_so(measured):
    gate = {"slice": "new", "metric": "recall", "at_least": 0.5, "output": "churn"}
    (one,) = judge(measured, **gate)
    assert (one.n_rows, one.is_sure) == (3, False)
    assert one.passed == (one.value >= 0.5)
    assert " 3 rows" in one.reason
    assert one.reason.endswith("; cannot tell: too few rows")


def test_rows_that_a_metric_rests_on_are_told(measured):
    (one,) = judge(measured, metric="recall", at_least=0.1)
    n_positive = sum(row["rows"] for row in measured.outputs["churn"].sets["test"].per_class[1:])
    assert (one.n_rows, one.n_effective, one.is_sure) == (1_500, n_positive, True)
    assert f"1,500 rows of which {n_positive:,} count)" in one.reason


def test_few_positive_rows_cannot_tell_whatever_the_rows():
    truth, good, _ = binary_scores(400)
    rows = np.concatenate([np.flatnonzero(truth == 1)[:3], np.flatnonzero(truth == 0)])
    churn = judge_output("binary", {"test": SetScores(truth[rows], good[rows])})
    (one,) = judge(Measured({"churn": churn}), metric="recall", at_least=0.6)
    assert (one.n_effective, one.is_sure) == (3, False)
    (other,) = judge(Measured({"churn": churn}), metric="accuracy", at_least=0.01)
    assert other.is_sure
