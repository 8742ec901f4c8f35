"""Functions of the user's as metrics."""

import my_measures
import numpy as np
import pytest
from judged_runs import binary_scores, category_scores, number_scores

from ordain.core.component import sealed
from ordain.core.errors import UsageError
from ordain.evaluation.evaluate import evaluate_output, judge_output
from ordain.evaluation.intervals import value_interval
from ordain.evaluation.metric import METRICS, Undefined
from ordain.evaluation.metrics.call import load_function
from ordain.evaluation.sample import Extras, make_sample
from ordain.evaluation.scores import SetScores


def metric_of(name, **keys):
    return METRICS.build({"name": "mine", "call": f"my_measures:{name}", **keys})


def value(name, **keys):
    truth, scores, _ = binary_scores(100)
    return metric_of(name, **keys).evaluate(make_sample("binary", truth, scores))


def test_function_gets_numpy_arrays_by_name():
    truth, scores, _ = binary_scores(200)
    my_measures.CALLS.clear()
    found = evaluate_output(
        "binary", truth, scores, ("no", "yes"), metrics=[{"call": "my_measures:lift"}]
    )
    assert my_measures.CALLS[0] == (np.ndarray, np.ndarray, [1.0, 1.0], ["no", "yes"])
    best = scores >= np.quantile(scores, 0.9)
    assert found.metrics["lift"] == pytest.approx(truth[best].mean() / truth.mean())


def test_first_two_arguments_may_have_any_name_and_others_are_left_out():
    truth, scores, _ = binary_scores(100)
    assert value("plain") == pytest.approx(np.mean(np.abs(truth - scores)))
    assert value("greedy") == 4
    sample = make_sample("binary", truth, scores, threshold=0.2)
    found = metric_of("at_threshold").evaluate(sample)
    assert found == pytest.approx(np.mean((scores >= 0.2) == truth))


def test_metric_of_a_library_may_be_called():
    truth, scores, _ = binary_scores(100)
    metric = METRICS.build({"call": "sklearn.metrics:brier_score_loss", "goal": "minimize"})
    found = metric.compute(truth, scores)
    assert found == pytest.approx(METRICS.build("brier").compute(truth, scores))
    assert (metric.label, metric.is_higher_better) == ("brier_score_loss", False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises", "`my_measures:raises` raised ValueError: no such thing as this"),
        ("nan", "`my_measures:nan` returned nan"),
        ("several", r"returned \[1, 2\] \(list\) where a number must be"),
        ("array", r"returned an array of shape \[100\] where a number must be"),
        ("nothing", "returned nothing where a number must be"),
        ("word", r"returned '0.5' \(str\) where a number must be"),
        ("absent", "'absent' is not there in my_measures"),
        ("not_a_function", "'not_a_function' is no function in my_measures"),
        ("alone", "cannot be called with truth and scores: too many positional"),
        ("needs_more", "missing a required argument: 'extra'"),
    ],
)
def test_what_is_no_number_is_said_in_words(name, reason):
    found = value(name)
    assert isinstance(found, Undefined)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


def test_scalar_of_numpy_is_a_number():
    assert value("scalar") == 0.25


def test_function_that_changes_its_arrays_spoils_nothing():
    truth, scores, _ = binary_scores(100)
    before = truth.copy(), scores.copy()
    assert metric_of("spoils").compute(truth, scores) == 1.0
    assert np.array_equal(truth, before[0])
    assert np.array_equal(scores, before[1])


def test_fault_is_a_warning_and_other_metrics_are_kept():
    truth, scores, _ = binary_scores(200)
    found = judge_output(
        "binary",
        {"test": SetScores(truth, scores)},
        metrics=["roc_auc", {"name": "mine", "call": "my_measures:raises"}],
    ).sets["test"]
    assert found.metrics["mine"] is None
    assert found.metrics["roc_auc"] > 0.9
    assert found.warnings == (
        "metric `mine` has no value: `my_measures:raises` raised ValueError: no such thing as this",
    )


def test_module_that_is_not_there_is_told_with_its_file():
    with pytest.raises(UsageError, match=r"No module named 'absent'\n  Fix: put 'absent/deep.py'"):
        load_function("absent.deep:lift")


def test_module_may_lie_in_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "measures_beside_the_config.py").write_text("def one(y, s):\n    return 1.0\n")
    monkeypatch.chdir(tmp_path)
    assert load_function("measures_beside_the_config:one")(0, 0) == 1.0


def test_interval_draws_rows_for_a_function_that_knows_no_weights():
    truth, scores, _ = binary_scores(300)
    sample = make_sample("binary", truth, scores)
    interval = value_interval(metric_of("plain"), sample)
    exact = value_interval(METRICS.build({"type": "call", "call": "my_measures:plain"}), sample)
    assert interval == exact
    errors = np.abs(truth - scores)
    spread = errors.std() / np.sqrt(300)
    assert (interval.high - interval.low) / 3.92 == pytest.approx(spread, rel=0.2)
    assert value_interval(metric_of("plain", interval=False), sample) is None


def test_function_fits_every_type_unless_one_is_named():
    assert all(metric_of("plain").fits(name) for name in ("binary", "category", "number"))
    only = metric_of("plain", output_type="number")
    assert [name for name in ("binary", "category", "number") if only.fits(name)] == ["number"]
    truth, scores = category_scores(30, 3)
    found = judge_output("category", {"test": SetScores(truth, scores)}, metrics=[only])
    assert "mine" not in found.sets["test"].metrics


def test_model_compared_by_a_function_is_never_called_slightly_better():
    truth, scores = number_scores(200)
    found = judge_output(
        "number",
        {"test": SetScores(truth, scores, {"double": scores * 2})},
        metrics=[metric_of("plain", goal="minimize")],
    ).differences["test"][0]
    assert (found.verdict, found.is_small, found.test) == ("better", False, "permutation")


def test_sealed_document_has_no_function_called():
    my_measures.CALLS.clear()
    truth, scores, _ = binary_scores(50)
    sample = make_sample("binary", truth, scores, extras=Extras(labels=("no", "yes")))
    with sealed():
        found = metric_of("lift").evaluate(sample)
    assert "is no part of the model; name its module in ORDAIN_PLUGINS" in found.reason
    assert not my_measures.CALLS


def test_sealed_document_may_use_modules_of_the_environment(monkeypatch):
    monkeypatch.setenv("ORDAIN_PLUGINS", "other, my_measures")
    with sealed():
        assert value("scalar") == 0.25
