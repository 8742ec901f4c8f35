from __future__ import annotations

import numpy as np
import pytest

from ordain.evaluation.diagnosis.growth import Grown, fit_growth


def points(noise: float, *, floor: float = 0.05, seed: int = 0) -> list[Grown]:
    random = np.random.default_rng(seed)
    return [
        Grown(
            n_rows=size,
            seed=one,
            value=1 - (floor + 2 * size**-0.5) + noise * float(random.standard_normal()),
        )
        for size in (500, 1000, 2000, 4000)
        for one in range(3)
    ]


def fitted(found: list[Grown], **more: object):
    return fit_growth(found, metric="accuracy", best=1.0, is_higher_better=True, **more)  # type: ignore[arg-type]


def test_a_known_power_law_is_recovered() -> None:
    growth = fitted(points(0.0))
    assert growth.exponent == pytest.approx(0.5, abs=0.03)
    assert growth.floor == pytest.approx(0.95, abs=0.002)
    truth = 2 * 4000**-0.5 - 2 * 40_000**-0.5
    assert growth.forecasts[-1].gain == pytest.approx(truth, rel=0.05)
    assert "10 x the data would make accuracy better by 0.02" in growth.sentence


def test_the_interval_of_the_forecast_holds_the_truth_most_of_the_time() -> None:
    truth = 2 * 4000**-0.5 - 2 * 40_000**-0.5
    held = 0
    for seed in range(40):
        far = fitted(points(0.003, seed=seed), seed=seed).forecasts[-1]
        held += far.low <= truth <= far.high
    assert held >= 34


def test_a_flat_curve_promises_nothing() -> None:
    random = np.random.default_rng(1)
    flat = [
        Grown(n_rows=size, seed=one, value=0.8 + 0.002 * float(random.standard_normal()))
        for size in (500, 1000, 2000, 4000)
        for one in range(3)
    ]
    far = fitted(flat).forecasts[-1]
    assert far.low < 0.001
    assert far.gain < 0.01


def test_a_metric_that_is_to_be_low_grows_downwards() -> None:
    found = [one.model_copy(update={"value": 1 - one.value}) for one in points(0.0)]
    growth = fit_growth(found, metric="mae", best=0.0, is_higher_better=False)
    assert growth.floor == pytest.approx(0.05, abs=0.002)
    assert growth.forecasts[-1].gain > 0


def test_too_few_sizes_and_no_best_value_say_why_there_is_no_forecast() -> None:
    two = [one for one in points(0.0) if one.n_rows < 2000]
    assert "a curve needs 3" in fitted(two).sentence
    none = fit_growth(points(0.0), metric="gain", best=float("inf"), is_higher_better=True)
    assert "no best value" in none.sentence


def test_one_draw_of_each_size_is_as_unsure_as_the_rows_that_judge() -> None:
    single = [one for one in points(0.0) if one.seed == 0]
    ends = []
    for noise in (0.0, 0.01):
        growth = fit_growth(single, metric="accuracy", best=1.0, is_higher_better=True, noise=noise)
        ends.append(growth.forecasts[-1].high - growth.forecasts[-1].low)
    assert ends[1] > 10 * ends[0]
