"""Every metric against scikit-learn, or against the formula written out row by row."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from ordain.evaluation.metric import METRICS, value_of
from ordain.evaluation.sample import Extras, make_sample

N = 500
C = 6


def rows(type_name, *, seed, is_coarse):
    random = np.random.default_rng(seed)
    weights = random.random(N) + 0.1
    if type_name == "binary":
        truth = (random.random(N) < 0.3).astype(np.int8)
        scores = np.clip(random.normal(0.3 + 0.3 * truth, 0.25), 0, 1)
    elif type_name == "category":
        truth = random.integers(0, C, N)
        scores = random.random((N, C)) + np.eye(C)[truth] * 0.5
        scores /= scores.sum(axis=1, keepdims=True)
        return truth, scores, weights
    else:
        truth = np.exp(random.normal(2, 1, N))
        scores = truth * random.normal(1, 0.3, N)
    return truth, np.round(scores, 1) if is_coarse else scores, weights


def at_half(function, **options):
    return lambda y, s, w: function(y, s >= 0.5, sample_weight=w, **options)


def on_scores(function, **options):
    return lambda y, s, w: function(y, s, sample_weight=w, **options)


def on_class(function, **options):
    return lambda y, s, w: function(y, s.argmax(axis=1), sample_weight=w, **options)


def ks(y, s, w):
    found, alarmed = [], []
    w = np.ones(len(y)) if w is None else w
    for threshold in np.unique(s):
        above = s >= threshold
        found.append(w[above & (y == 1)].sum() / w[y == 1].sum())
        alarmed.append(w[above & (y == 0)].sum() / w[y == 0].sum())
    return np.abs(np.array(found) - np.array(alarmed)).max()


def ece(confidence, hit, w, bins=15):
    w = np.ones(len(hit)) if w is None else w
    total = 0.0
    for k in range(bins):
        low, high = k / bins, (k + 1) / bins
        inside = (confidence >= low) & ((confidence < high) | (k == bins - 1))
        if inside.any():
            gap = np.average(hit[inside], weights=w[inside]) - np.average(
                confidence[inside], weights=w[inside]
            )
            total += abs(gap) * w[inside].sum()
    return total / w.sum()


def roc_auc_over_classes(y, s, w):
    return np.mean([sk.roc_auc_score(y == k, s[:, k], sample_weight=w) for k in range(C)])


def smape(y, s, w):
    return np.average(2 * np.abs(y - s) / (np.abs(y) + np.abs(s)), weights=w)


def rmspe(y, s, w):
    return math.sqrt(np.average(((y - s) / y) ** 2, weights=w))


def max_error(y, s, w):
    return sk.max_error(y, s)


def gain(y, s, w, share=0.1):
    """Go down the rows one by one; of equal scores each counts in proportion."""
    w = np.ones(len(y)) if w is None else w
    left, found = share * w.sum(), 0.0
    for score in np.unique(s)[::-1]:
        rows = s == score
        part = min(1.0, left / w[rows].sum())
        found += part * w[rows & (y == 1)].sum()
        left -= part * w[rows].sum()
    return found / w[y == 1].sum()


def recall_at_precision(y, s, w):
    precision, recall, _ = sk.precision_recall_curve(y, s, sample_weight=w)
    return recall[precision >= 0.9].max()


def precision_at_recall(y, s, w):
    precision, recall, _ = sk.precision_recall_curve(y, s, sample_weight=w)
    return precision[recall >= 0.9].max()


def cost(y, s, w):
    matrix = sk.confusion_matrix(y, s >= 0.5, sample_weight=w)
    return (matrix * [[0, 5], [50, 0]]).sum() / matrix.sum()


def cost_of_classes(y, s, w):
    prices = np.full((C, C), 2.0)
    np.fill_diagonal(prices, 0)
    prices[0, 1], prices[1, 0] = 5, 50
    matrix = sk.confusion_matrix(y, s.argmax(axis=1), sample_weight=w)
    return (matrix * prices).sum() / matrix.sum()


def bounds_of(y, s):
    return np.stack([s - 0.3 * np.abs(y), s + 0.2 * np.abs(y)], axis=1)


def coverage(y, s, w):
    low, high = bounds_of(y, s).T
    return np.average([a <= t <= b for a, t, b in zip(low, y, high, strict=True)], weights=w)


def width(y, s, w):
    low, high = bounds_of(y, s).T
    return np.average(high - low, weights=w)


def interval_score(y, s, w):
    low, high = bounds_of(y, s).T
    under, over = np.where(y < low, low - y, 0), np.where(y > high, y - high, 0)
    return np.average(high - low + 20 * (under + over), weights=w)


def closeness(y, s, w):
    return np.average(1 / (1 + np.abs(s - y)), weights=w)


KEYS = {
    ("binary", "cost"): {"cost_matrix": {"FN": 50, "FP": 5}},
    ("category", "cost"): {"cost_matrix": {"0": {"1": 5}, "1": {"0": 50}}, "other_cost": 2},
    ("number", "call"): {"call": "ordain.testing.metrics:closeness"},
}
BINARY = {
    "roc_auc": on_scores(sk.roc_auc_score),
    "average_precision": on_scores(sk.average_precision_score),
    "log_loss": on_scores(sk.log_loss),
    "brier": on_scores(sk.brier_score_loss),
    "accuracy": at_half(sk.accuracy_score),
    "balanced_accuracy": at_half(sk.balanced_accuracy_score),
    "precision": at_half(sk.precision_score),
    "recall": at_half(sk.recall_score),
    "specificity": at_half(sk.recall_score, pos_label=0),
    "f1": at_half(sk.f1_score),
    "f_beta": at_half(sk.fbeta_score, beta=2.0),
    "mcc": at_half(sk.matthews_corrcoef),
    "kappa": lambda y, s, w: sk.cohen_kappa_score(y, s >= 0.5, sample_weight=w),
    "ks": ks,
    "negative_predictive_value": at_half(
        lambda y, c, **w: sk.precision_score(y, c, pos_label=0, **w)
    ),
    "gain": gain,
    "lift": lambda y, s, w: gain(y, s, w) / 0.1,
    "recall_at_precision": recall_at_precision,
    "precision_at_recall": precision_at_recall,
    "cost": cost,
    "ece": lambda y, s, w: ece(s, y == 1, w),
}
CATEGORY = {
    "accuracy": on_class(sk.accuracy_score),
    "balanced_accuracy": on_class(sk.balanced_accuracy_score),
    "f1_macro": on_class(sk.f1_score, average="macro"),
    "f1_micro": on_class(sk.f1_score, average="micro"),
    "f1_weighted": on_class(sk.f1_score, average="weighted"),
    "log_loss": on_scores(sk.log_loss),
    "top_k": on_scores(sk.top_k_accuracy_score, k=3),
    "roc_auc": roc_auc_over_classes,
    "kappa": lambda y, s, w: sk.cohen_kappa_score(y, s.argmax(axis=1), sample_weight=w),
    "mcc": on_class(sk.matthews_corrcoef),
    "brier": lambda y, s, w: np.average(((s - np.eye(C)[y]) ** 2).sum(axis=1), weights=w),
    "ece": lambda y, s, w: ece(s.max(axis=1), s.argmax(axis=1) == y, w),
    "cost": cost_of_classes,
}
NUMBER = {
    "rmse": on_scores(sk.root_mean_squared_error),
    "mse": on_scores(sk.mean_squared_error),
    "mae": on_scores(sk.mean_absolute_error),
    "median_absolute_error": on_scores(sk.median_absolute_error),
    "max_error": max_error,
    "r2": on_scores(sk.r2_score),
    "mape": on_scores(sk.mean_absolute_percentage_error),
    "smape": smape,
    "rmspe": rmspe,
    "rmsle": on_scores(sk.root_mean_squared_log_error),
    "quantile_loss": on_scores(sk.mean_pinball_loss, alpha=0.5),
    "interval_coverage": coverage,
    "interval_width": width,
    "interval_score": interval_score,
    "call": closeness,
}
CASES = [
    pytest.param(type_name, name, oracle, id=f"{type_name}-{name}")
    for type_name, oracles in (("binary", BINARY), ("category", CATEGORY), ("number", NUMBER))
    for name, oracle in oracles.items()
]


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("is_coarse", [False, True], ids=["distinct", "ties"])
@pytest.mark.parametrize(("type_name", "name", "oracle"), CASES)
def test_metric_equals_the_reference(type_name, name, oracle, is_coarse, is_weighted):
    for seed in range(3):
        truth, scores, weights = rows(type_name, seed=seed, is_coarse=is_coarse)
        weights = weights if is_weighted else None
        if name == "rmsle":
            scores = np.abs(scores)
        bounds = bounds_of(truth, scores) if type_name == "number" else None
        extras = Extras(labels=tuple(map(str, range(C))), bounds=bounds)
        sample = make_sample(type_name, truth, scores, weights=weights, extras=extras)
        metric = METRICS.build({"type": name, **KEYS.get((type_name, name), {})})
        expected = oracle(truth, scores, weights)
        assert value_of(metric.evaluate(sample)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_correlation_equals_scipy(name):
    truth, scores, _ = rows("number", seed=1, is_coarse=True)
    expected = getattr(stats, f"{name}r")(truth, scores)[0]
    assert METRICS.build(name).compute(truth, scores) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("is_weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("weighting", ["linear", "quadratic"])
@pytest.mark.parametrize("type_name", ["binary", "category"])
def test_weighted_kappa_equals_the_reference(type_name, weighting, is_weighted):
    truth, scores, weights = rows(type_name, seed=1, is_coarse=True)
    weights = weights if is_weighted else None
    given = scores >= 0.5 if type_name == "binary" else scores.argmax(axis=1)
    expected = sk.cohen_kappa_score(truth, given, weights=weighting, sample_weight=weights)
    metric = METRICS.build({"type": "kappa", "weighting": weighting})
    assert metric.compute(truth, scores, weights) == pytest.approx(expected, abs=1e-12)
    assert metric.label == f"kappa_{weighting}"


@pytest.mark.parametrize("share", [0.01, 0.37, 0.9])
def test_gain_at_other_shares_equals_the_reference(share):
    truth, scores, weights = rows("binary", seed=2, is_coarse=True)
    metric = METRICS.build({"type": "gain", "share": share})
    expected = gain(truth, scores, weights, share)
    assert metric.compute(truth, scores, weights) == pytest.approx(expected, abs=1e-12)


def test_adaptive_ece_has_bins_of_equal_size():
    random = np.random.default_rng(0)
    scores = random.random(300) ** 3
    truth = (random.random(300) < 0.4).astype(np.int8)
    order = np.argsort(scores)
    gaps = [abs(truth[p].mean() - scores[p].mean()) for p in np.split(order, 15)]
    metric = METRICS.build({"type": "ece", "adaptive": True})
    assert metric.compute(truth, scores) == pytest.approx(np.mean(gaps), abs=1e-12)
    assert metric.label == "ece_adaptive"


@pytest.mark.slow
def test_metrics_equal_torchmetrics_where_scikit_learn_has_none():
    torch = pytest.importorskip("torch")
    other = pytest.importorskip("torchmetrics.functional.classification")
    # Not coarse: at a score of just one half torchmetrics calls a row negative.
    truth, scores, _ = rows("binary", seed=3, is_coarse=False)
    given = torch.tensor(scores), torch.tensor(truth).long()
    for name, expected in {
        "ece": other.binary_calibration_error(*given, n_bins=15),
        "recall_at_precision": other.binary_recall_at_fixed_precision(*given, 0.9)[0],
        "precision_at_recall": other.binary_precision_at_fixed_recall(*given, 0.9)[0],
        "specificity": other.binary_specificity(*given),
        "negative_predictive_value": other.binary_negative_predictive_value(*given),
    }.items():
        assert METRICS.build(name).compute(truth, scores) == pytest.approx(
            float(expected), abs=1e-6
        )


def test_every_metric_has_a_reference():
    lists = {"ndcg", "map"}  # in test_lists.py
    known = {"pearson", "spearman", *lists, *BINARY, *CATEGORY, *NUMBER}
    assert known == set(METRICS.names())


def test_log_loss_of_float32_equals_the_reference_where_scores_saturate():
    truth = np.array([0, 1, 1, 0], np.int8)
    scores = np.array([1.0, 0.0, 1.0, 0.0], np.float32)
    expected = sk.log_loss(truth, scores)
    assert METRICS.build("log_loss").compute(truth, scores) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "type_name", "truth", "scores", "reason"),
    [
        ("roc_auc", "binary", [1, 1], [0.2, 0.9], "every row is positive"),
        ("roc_auc", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("roc_auc", "category", [1, 1], [[0.5, 0.5], [0.1, 0.9]], "one class only"),
        ("average_precision", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("ks", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("precision", "binary", [0, 1], [0.2, 0.3], "no row is called positive"),
        ("negative_predictive_value", "binary", [0, 1], [0.7, 0.8], "no row is called negative"),
        ("gain", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("lift", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("recall_at_precision", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("precision_at_recall", "binary", [0, 0], [0.2, 0.9], "no row is positive"),
        ("map", "binary", [0, 0], [0.2, 0.9], "nothing is relevant"),
        ("ndcg", "number", [1.0, -1.0], [0.2, 0.9], "below zero in 1 row"),
        ("interval_width", "number", [1.0, 2.0], [1.0, 2.0], "predicts no intervals"),
        ("interval_coverage", "number", [1.0, 2.0], [1.0, 2.0], "predicts no intervals"),
        ("recall", "binary", [0, 0], [0.2, 0.3], "no row is positive"),
        ("f1", "binary", [0, 0], [0.2, 0.3], "no row is positive"),
        ("specificity", "binary", [1, 1], [0.2, 0.3], "no row is negative"),
        ("mcc", "binary", [0, 1], [0.2, 0.3], "predicted as one class"),
        ("mcc", "binary", [0, 0], [0.2, 0.9], "truth has one class"),
        ("kappa", "binary", [0, 0], [0.2, 0.3], "one class only"),
        ("top_k", "category", [0, 1], [[0.5, 0.5], [0.1, 0.9]], "only 2 classes"),
        ("r2", "number", [2.0, 2.0], [1.0, 3.0], "same in all rows"),
        ("pearson", "number", [2.0, 1.0], [3.0, 3.0], "prediction is the same"),
        ("spearman", "number", [2.0, 2.0], [1.0, 3.0], "truth is the same"),
        ("mape", "number", [0.0, 2.0, 0.0], [1.0, 3.0, 0.0], "truth is zero in 2 rows"),
        ("rmspe", "number", [0.0, 2.0], [1.0, 3.0], "truth is zero in 1 row"),
        ("rmsle", "number", [1.0, -1.0], [1.0, 3.0], "truth is -1 or less in 1 row"),
        ("rmsle", "number", [1.0, 1.0], [1.0, -3.0], "prediction is -1 or less in 1 row"),
    ],
)
def test_undefined_metric_says_why(name, type_name, truth, scores, reason):
    sample = make_sample(type_name, np.array(truth), np.array(scores))
    found = METRICS.build(name).evaluate(sample)
    assert reason in found.reason
    assert math.isnan(value_of(found))
