import pytest

from ordain.core.errors import UsageError
from ordain.evaluation.metric import LEAD, METRICS, metrics_for
from ordain.testing.metrics import CHECKS, metric_cases


@pytest.mark.parametrize("case", metric_cases(), ids=str)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_metric_keeps_the_contract(check, case):
    check(case)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("root_mean_squared_error", "rmse"),
        ("mean_squared_error", "mse"),
        ("mean_absolute_error", "mae"),
        ("mean_absolute_percentage_error", "mape"),
        ("root_mean_squared_percentage_error", "rmspe"),
        ("hits_at_k", "top_k"),
        ("accuracy_micro", "accuracy"),
    ],
)
def test_names_of_ludwig_are_read(alias, name):
    assert METRICS.get(alias).type_name() == name


@pytest.mark.parametrize("type_name", ["binary", "category", "number"])
def test_default_metrics_start_with_those_shown_first(type_name):
    labels = [metric.label for metric in metrics_for(type_name)]
    assert tuple(labels[: len(LEAD[type_name])]) == LEAD[type_name]
    assert len(set(labels)) == len(labels)


def test_metric_of_another_type_is_refused_with_those_that_fit():
    with pytest.raises(UsageError, match=r"'rmse' does not fit a `binary` output.*roc_auc"):
        metrics_for("binary", ["rmse"])


def test_chosen_metrics_keep_their_order_and_parameters():
    found = metrics_for("binary", ["f1", {"type": "f_beta", "beta": 0.5}, "roc_auc"])
    assert [metric.label for metric in found] == ["f1", "f_0.5", "roc_auc"]


def test_metric_may_be_given_a_name():
    assert METRICS.build({"type": "top_k", "k": 5, "name": "among_five"}).label == "among_five"
