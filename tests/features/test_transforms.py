"""Transforms of numbers beside those of scikit-learn."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)

from ordain.features.feature import Form
from ordain.features.number import NumberFeature

VALUES = np.random.default_rng(1).gamma(2.0, 3.0, 500) + 0.1


def transformed(values=VALUES, **options):
    feature = NumberFeature(missing_indicator=False, **options).settle(Form.LINEAR)[0]
    encoding = feature.fit(pl.Series("x", values), seed=0)
    return feature.encode(pl.Series("x", values), encoding).values, encoding


@pytest.mark.parametrize(
    ("method", "reference", "tolerance"),
    [
        ("zscore", StandardScaler(), 1e-6),
        ("minmax", MinMaxScaler(), 1e-6),
        ("iq", RobustScaler(), 1e-6),
        ("yeo_johnson", PowerTransformer("yeo-johnson"), 1e-4),
        ("box_cox", PowerTransformer("box-cox"), 1e-4),
        ("quantile_uniform", QuantileTransformer(n_quantiles=500), 2e-3),
    ],
)
def test_scales_equal_those_of_scikit_learn(method, reference, tolerance):
    cells, _ = transformed(normalization=method)
    expected = reference.fit_transform(VALUES[:, None])
    np.testing.assert_allclose(cells, expected, atol=tolerance)


def test_quantile_gives_a_normal_distribution():
    cells, _ = transformed(normalization="quantile")
    reference = QuantileTransformer(n_quantiles=500, output_distribution="normal")
    expected = reference.fit_transform(VALUES[:, None])
    inner = np.abs(expected) < 2
    np.testing.assert_allclose(cells[inner], expected[inner], atol=0.02)


def test_log_is_of_one_more_and_keeps_the_sign():
    cells, _ = transformed(np.array([-3.0, 0.0, 5.0]), normalization="log1p")
    np.testing.assert_allclose(cells[:, 0], [-np.log(4), 0, np.log(6)], rtol=1e-6)


def test_robust_lies_within_three_and_hardly_bends_the_middle():
    cells, _ = transformed(np.array([*range(100), 1e9]), normalization="robust")
    assert np.abs(cells).max() <= 3
    z = (60 - 50) / 50
    assert cells[60, 0] == pytest.approx(z / np.sqrt(1 + (z / 3) ** 2), rel=1e-5)


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize(("places", "knots"), [("quantile", "quantile"), ("width", "uniform")])
def test_splines_equal_those_of_scikit_learn(degree, places, knots):
    feature = NumberFeature(spline_knots=6, spline_degree=degree, cut_places=places)
    feature = feature.settle(Form.TREES)[0]
    encoding = feature.fit(pl.Series("x", VALUES), seed=0)
    beyond = np.array([*VALUES, -5.0, 1e6])
    cells = feature.encode(pl.Series("x", beyond), encoding).values
    reference = SplineTransformer(n_knots=6, degree=degree, knots=knots, extrapolation="constant")
    expected = reference.fit(VALUES[:, None]).transform(beyond[:, None])
    np.testing.assert_allclose(cells, expected, atol=1e-6)
    np.testing.assert_allclose(cells.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("places", "strategy"), [("quantile", "quantile"), ("width", "uniform")])
def test_bins_equal_those_of_scikit_learn(places, strategy):
    given = {"quantile_method": "linear"} if strategy == "quantile" else {}
    reference = KBinsDiscretizer(5, encode="ordinal", strategy=strategy, **given)
    expected = reference.fit_transform(VALUES[:, None])[:, 0]
    index, _ = transformed(bins=5, cut_places=places)
    onehot, _ = transformed(bins=5, bin_form="onehot", cut_places=places)
    ordinal, _ = transformed(bins=5, bin_form="ordinal", cut_places=places)
    np.testing.assert_array_equal(index - 1, expected)
    np.testing.assert_array_equal(onehot.argmax(axis=1) - 1, expected)
    np.testing.assert_allclose(ordinal[:, 0], expected / 4)


def test_a_missing_number_has_its_own_bin():
    values = pl.Series("x", [1.0, 2.0, None, 4.0])
    feature = NumberFeature(bins=2, bin_form="onehot", missing_value_strategy="keep")
    feature = feature.settle(Form.TREES)[0]
    cells = feature.encode(values, feature.fit(values, seed=0)).values
    assert cells[2].tolist() == [1.0, 0.0, 0.0]


def test_box_cox_counts_numbers_that_are_not_above_zero():
    cells, encoding = transformed(np.array([1.0, 2.0, 5.0, 0.0, -3.0]), normalization="box_cox")
    assert encoding.facts["not_positive"]["count"] == 2
    assert cells[3] == cells[4] == cells[0]


@pytest.mark.parametrize("method", ["box_cox", "yeo_johnson", "quantile_uniform"])
def test_a_predicted_number_comes_back_from_its_scale(method):
    feature = NumberFeature(normalization=method).settle(None)[0]
    column = pl.Series("x", VALUES)
    encoding = feature.fit(column, seed=0)
    scores = feature.encode(column, encoding).values[:, 0]
    back = feature.decode(scores, encoding, "y")["y_prediction"].to_numpy()
    np.testing.assert_allclose(back, VALUES, rtol=2e-3)


@pytest.mark.parametrize("strategy", ["clip", "keep"])
def test_outliers_are_clipped_or_become_missing(strategy):
    values = np.array([*np.zeros(50), *np.ones(50), 1000.0])
    feature = NumberFeature(outlier_strategy=strategy, outlier_threshold=3).settle(Form.TREES)[0]
    encoding = feature.fit(pl.Series("x", values), seed=0)
    last = feature.encode(pl.Series("x", values), encoding).values[-1, 0]
    bound = values.mean() + 3 * values.std()
    assert encoding.facts["n_outliers"] == 1
    assert np.isnan(last) if strategy == "keep" else last == pytest.approx(bound)


def test_bins_and_splines_exclude_each_other():
    with pytest.raises(ValidationError, match="`bins` and `spline_knots` exclude each other"):
        NumberFeature(bins=3, spline_knots=4)
