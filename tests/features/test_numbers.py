import math

import numpy as np
import polars as pl
import pytest

from ordain.core.errors import DataError
from ordain.features.feature import Form
from ordain.features.number import NumberFeature
from ordain.features.numerals import infer_style, number_reader, read_numbers
from ordain.features.scaling import fit_scaling, scale_array, unscale_array


def fitted(values, form=Form.DENSE, **options):
    feature = NumberFeature(**options).settle(form)[0]
    column = pl.Series("x", values)
    return feature, feature.fit(column, seed=0), column


@pytest.mark.parametrize(
    ("style", "text", "number"),
    [
        ("plain", "7", 7.0), ("plain", " 1e3 ", 1000.0), ("plain", "1,234", None),
        ("point", "1,234.5", 1234.5), ("point", "1 234.5", 1234.5), ("point", "$3", 3.0),
        ("point", "-$3", -3.0), ("point", "$-3", -3.0), ("point", "(5)", -5.0),
        ("point", "12%", 0.12), ("point", "3 EUR", 3.0),
        ("point", "1,23", None), ("point", "(5", None),
        ("point", "inf", None),
        ("point", "1'000", 1000.0), ("point", "\u22124", -4.0), ("point", "1e400", None),
        ("comma", "1.234,5", 1234.5), ("comma", "1,5", 1.5), ("comma", "\u20ac 3,5", 3.5),
        ("comma", "1.234", 1234.0), ("comma", "1.5", None),
    ],
)  # fmt: skip
def test_text_is_read_by_its_style(style, text, number):
    expected = math.nan if number is None else number
    assert number_reader(style)(text) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
    assert read_numbers(pl.Series([text]), style=style)[0] == pytest.approx(
        expected, rel=0, abs=0, nan_ok=True
    )


@pytest.mark.parametrize(
    ("texts", "style", "is_ambiguous"),
    [
        (["1", "2.5"], "plain", False),
        (["1,234.5", "7"], "point", False),
        (["1.234,5", "7"], "comma", False),
        (["1,234", "5,678"], "point", True),
        (["$1", "2"], "point", False),
    ],
)
def test_style_is_inferred(texts, style, is_ambiguous):
    assert infer_style(pl.Series(texts)) == (style, is_ambiguous)


def test_zscore_equals_its_formula():
    values = np.array([1.0, 2.0, 4.0])
    scaled = scale_array(values, fit_scaling(values, "zscore"))
    np.testing.assert_allclose(scaled, (values - values.mean()) / values.std())


def test_robust_scale_equals_its_formula():
    values = np.array([0.0, 1.0, 2.0, 3.0, 1000.0])
    z = (values - 2.0) / 2.0
    scaled = scale_array(values, fit_scaling(values, "robust"))
    np.testing.assert_allclose(scaled, z / np.sqrt(1 + (z / 3) ** 2))


def test_robust_scale_falls_back_to_half_the_range():
    values = np.array([0.0, 0.0, 0.0, 0.0, 8.0])
    assert fit_scaling(values, "robust").factor == 1 / 4


def test_constant_becomes_zero():
    for method in ("zscore", "minmax", "iq", "robust", "yeo_johnson"):
        values = np.full(4, 3.0)
        assert scale_array(values, fit_scaling(values, method)).tolist() == [0.0] * 4


def test_quantile_scale_is_normal():
    values = np.random.default_rng(0).exponential(size=4000)
    scaled = scale_array(values, fit_scaling(values, "quantile"))
    assert abs(scaled.mean()) < 0.01
    assert scaled.std() == pytest.approx(1.0, abs=0.01)


def test_yeo_johnson_equals_scikit_learn():
    from sklearn.preprocessing import PowerTransformer

    values = np.random.default_rng(0).gamma(2.0, size=500) - 1
    expected = PowerTransformer().fit_transform(values[:, None])[:, 0]
    np.testing.assert_allclose(
        scale_array(values, fit_scaling(values, "yeo_johnson")), expected, atol=1e-4
    )


@pytest.mark.parametrize(
    "method", [None, "zscore", "minmax", "iq", "log1p", "robust", "quantile", "yeo_johnson"]
)
def test_unscaling_inverts_scaling(method):
    values = np.array([-3.0, -0.5, 0.0, 1.0, 2.5, 7.0])
    scaling = fit_scaling(values, method)
    np.testing.assert_allclose(
        unscale_array(scale_array(values, scaling), scaling), values, atol=1e-6
    )


def test_missing_gets_median_and_indicator():
    feature, encoding, column = fitted([1.0, None, 3.0, 2.0], normalization=None)
    cells = feature.encode(column, encoding).values
    assert cells.tolist() == [[1, 0], [2, 1], [3, 0], [2, 0]]


def test_indicator_is_left_out_where_training_misses_nothing():
    feature, encoding, _ = fitted([1.0, 3.0, 2.0], normalization=None)
    assert feature.encode(pl.Series([None, 1.0]), encoding).values.tolist() == [[2.0], [1.0]]


def test_trees_keep_missing_as_nan():
    feature, encoding, column = fitted([1.5, None], Form.TREES)
    assert np.isnan(feature.encode(column, encoding).values[1, 0])


def test_forward_fill_takes_the_row_before():
    feature, encoding, column = fitted(
        [None, 5.0, None, 1.0], Form.TREES, missing_value_strategy="ffill"
    )
    assert feature.depends_on_order
    assert feature.encode(column, encoding).values[:, 0].tolist() == [3.0, 5.0, 5.0, 1.0]


def test_outliers_are_clipped():
    feature, encoding, _ = fitted(
        [0.0, 1.0] * 50, Form.TREES, outlier_strategy="clip", outlier_threshold=2
    )
    assert feature.encode(pl.Series([9.0]), encoding).values.tolist() == [[1.5]]


def test_unparsed_values_are_counted_with_examples():
    _, encoding, _ = fitted(["1", "x", None, "NA", "y"])
    assert encoding.facts["n_missing"] == 4
    assert encoding.facts["unparsed"] == {
        "count": 2,
        "examples": [{"row": 1, "value": "x"}, {"row": 4, "value": "y"}],
    }


def test_column_without_numbers_is_an_error():
    with pytest.raises(
        DataError, match=r"column `x`: 2 of 3 values are not numbers, such as 'a' \(row 0\)"
    ):
        fitted(["a", "b", None])


def test_dates_are_no_numbers():
    with pytest.raises(DataError, match="holds Date, which a `number` feature cannot read"):
        fitted(pl.Series(["2020-01-01"]).str.to_date())


def test_missing_value_raises_where_declared():
    feature, encoding, _ = fitted([1.0, 2.0], missing_value_strategy="error")
    with pytest.raises(DataError, match="1 of 2 values are missing"):
        feature.encode(pl.Series("x", [None, 1.0]), encoding)
    with pytest.raises(DataError, match="the value 'None' is missing"):
        feature.row(encoding)(None)


def test_output_is_decoded_in_its_own_unit():
    feature, encoding, _ = fitted([10.0, 20.0, 30.0], None, clip_to_training_range=True)
    scores = np.array([0.0, 100.0], dtype=np.float32)
    assert feature.decode(scores, encoding, "y")["y_prediction"].to_list() == [20.0, 30.0]
    assert encoding.bounds == pytest.approx((-1.2247, 1.2247), abs=1e-3)


def test_rows_of_an_output_without_truth_are_dropped():
    feature, encoding, column = fitted(["1", None, "x"], None)
    assert feature.rows_to_drop(column, encoding).to_list() == [False, True, True]
    assert feature.rows_to_drop(column).to_list() == [False, True, True]
