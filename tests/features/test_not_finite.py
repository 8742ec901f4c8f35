"""NaN and infinities in columns of numbers: missing, whatever fills them, up to the answer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest

import ordain
from ordain.features.feature import Form
from ordain.features.number import NumberFeature

VALUES = pl.Series("a", [1.0, math.nan, 3.0, math.inf, 5.0, -math.inf, None, 8.0])
OTHERS = pl.DataFrame({"town": ["u", "u", "v", "v", "u", "v", "u", "v"], "size": range(8)})
STRATEGIES: dict[str, dict[str, Any]] = {
    "fill_with_mean": {},
    "fill_with_median": {},
    "fill_with_mode": {},
    "fill_with_const": {"fill_value": 2.0},
    "fill_with_group_mean": {"missing_group": "town"},
    "fill_with_group_median": {"missing_group": "town"},
    "fill_with_model": {"missing_inputs": {"town": "category", "size": "number"}},
    "ffill": {},
    "bfill": {},
}


@pytest.mark.parametrize("scale", ["zscore", "robust", "quantile", None])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_not_finite_is_filled_as_what_is_missing(strategy: str, scale: str | None):
    feature, _ = NumberFeature(
        missing_value_strategy=strategy, normalization=scale, **STRATEGIES[strategy]
    ).settle(Form.DENSE)
    encoding = feature.fit(VALUES, seed=0, others=OTHERS)
    absent = pl.Series("a", [x if x is not None and math.isfinite(x) else None for x in VALUES])
    cells = feature.encode(VALUES, encoding, OTHERS).values
    assert np.isfinite(cells).all()
    assert np.array_equal(cells, feature.encode(absent, encoding, OTHERS).values)
    assert encoding.facts["unparsed"]["count"] == 2


@pytest.mark.parametrize("strategy", list(STRATEGIES)[:-2])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "inf", "nan"])
def test_one_row_that_is_not_finite_is_filled_as_one_that_is_missing(strategy: str, bad: object):
    feature, _ = NumberFeature(missing_value_strategy=strategy, **STRATEGIES[strategy]).settle(
        Form.DENSE
    )
    encoding = feature.fit(VALUES, seed=0, others=OTHERS)
    row = {"town": "u", "size": 3}
    cell: Any = feature.row(encoding)
    given = (row,) if feature.reads else ()
    assert cell(bad, *given) == cell(None, *given)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["linear", "gbm", "neural", "knn", "naive_bayes"])
def test_model_of_every_family_learns_from_and_answers_them(
    family: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ORDAIN_HOME", str(tmp_path))
    generator = np.random.default_rng(0)
    a = generator.normal(size=400)
    target = np.where(a + generator.normal(size=400) / 3 > 0, "yes", "no")
    a[::7], a[3::50], a[5::60] = np.nan, np.inf, -np.inf
    frame = pl.DataFrame({"a": a, "b": generator.choice(["u", "v"], 400), "y": target})
    config: dict[str, Any] = {
        "input_features": {"a": "number", "b": "category"},
        "output_features": {"y": "binary"},
        "model_type": family,
    }
    if family == "neural":
        config["trainer"] = {"epochs": 2}
    model = ordain.train(config, frame)
    answers = model.predict(frame.head(20))["y_probability"]
    assert answers.is_finite().all()
    one = model.predict_row({"a": math.inf, "b": "u"})
    assert one["y_probability"] == pytest.approx(
        model.predict_row({"a": None, "b": "u"})["y_probability"]
    )
