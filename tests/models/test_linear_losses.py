"""Losses of numbers in `linear`: the minima of scikit-learn's, the share below a quantile."""

from dataclasses import replace

import numpy as np
import pytest

from ordain.core.errors import DataError
from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.linear import Linear, LinearTrainer
from ordain.models.family import Dataset, FitContext, Input, Output, Problem
from ordain.models.linear.losses import quantile
from ordain.models.neural.component import LOSSES
from ordain.testing.rows import row_cells


def amounts(n_rows=600, *, kind="poisson", seed=0):
    """Return standardised inputs and a target whose log mean is linear in them."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n_rows, 3))
    matrix = ((matrix - matrix.mean(axis=0)) / matrix.std(axis=0)).astype(np.float32)
    mean = np.exp(0.4 * matrix[:, 0] - 0.3 * matrix[:, 1] + 1.5)
    truth = {
        "poisson": lambda: random.poisson(mean),
        "gamma": lambda: random.gamma(2.0, mean / 2),
        "tweedie": lambda: random.poisson(0.7, n_rows) * random.gamma(2.0, mean / 2),
        "normal": lambda: matrix[:, 0] * 2 - matrix[:, 2] + random.standard_t(2, n_rows),
    }[kind]()
    return matrix, np.asarray(truth, dtype=np.float32)


def fit(matrix, truth, folder, *, loss=None, **trainer):
    problem = Problem(
        (Input("x", "number", Shape(kind=Kind.VECTOR, width=matrix.shape[1])),),
        (
            Output(
                "y", "number", Shape(kind=Kind.SCALAR), loss=LOSSES.build(loss) if loss else None
            ),
        ),
    )
    rows = Dataset(
        {"x": EncodedColumn(Kind.VECTOR, matrix)},
        {"y": EncodedColumn(Kind.SCALAR, truth[:, None])},
        len(truth),
    )
    exact = {"regularization": 10.0, "tolerance": 1e-12, "max_iterations": 2_000}
    model = Linear().fit(
        problem,
        rows,
        None,
        trainer=LinearTrainer(**{**exact, **trainer}),
        context=FitContext(seed=1, events=Events(), folder=folder),
    )
    return problem, rows, model


@pytest.mark.parametrize("name", ["poisson", "gamma", "tweedie"])
def test_log_links_find_the_minimum_of_scikit_learn(tmp_path, name):
    linear_model = pytest.importorskip("sklearn.linear_model")
    matrix, truth = amounts(kind=name)
    _, rows, model = fit(matrix, truth, tmp_path, loss=name)
    alpha = 1 / (10.0 * len(truth))
    power = {"poisson": 1, "gamma": 2, "tweedie": 1.5}[name]
    peer = linear_model.TweedieRegressor(
        power=power, alpha=alpha, link="log", tol=1e-10, max_iter=5_000
    )
    # The ridge is one of the scaled target, so that the unit does not decide its strength.
    scale = truth.mean(dtype=float)
    peer.fit(matrix.astype(float), truth / scale)
    expected = peer.predict(matrix.astype(float)) * scale
    np.testing.assert_allclose(model.predict(rows.inputs)["y"], expected, rtol=2e-3)


def test_distribution_is_the_loss_of_numbers_without_one(tmp_path):
    matrix, truth = amounts(kind="gamma")
    _, rows, said = fit(matrix, truth, tmp_path, loss="gamma")
    _, _, by_trainer = fit(matrix, truth, tmp_path, distribution="gamma")
    np.testing.assert_array_equal(
        said.predict(rows.inputs)["y"], by_trainer.predict(rows.inputs)["y"]
    )
    assert Linear().target_options("number", None, LinearTrainer(distribution="gamma")) == {
        "normalization": (None, "the loss 'gamma' judges the target in its own unit")
    }


def test_huber_finds_the_minimum_of_scipy(tmp_path):
    optimize = pytest.importorskip("scipy.optimize")
    matrix, truth = amounts(kind="normal")
    _, rows, model = fit(matrix, truth, tmp_path, loss={"type": "huber", "delta": 0.5})
    low, high = np.quantile(truth.astype(float), [0.25, 0.75])
    spread = (high - low) / 1.349

    def objective(w):
        error = np.abs(matrix @ w[1:] + w[0] - truth)
        values = np.where(error < 0.5, 0.5 * error**2, 0.5 * (error - 0.25))
        return values.mean() + 0.5 * (w[1:] @ w[1:]) / (10 * len(truth))

    found = optimize.minimize(objective, np.zeros(4), tol=1e-10).x
    np.testing.assert_allclose(
        model.predict(rows.inputs)["y"], matrix @ found[1:] + found[0], atol=0.02 * spread
    )


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_a_quantile_has_its_share_of_rows_below(tmp_path, level):
    linear_model = pytest.importorskip("sklearn.linear_model")
    matrix, truth = amounts(kind="normal")
    _, rows, model = fit(matrix, truth, tmp_path, loss={"type": "quantile", "level": level})
    scores = model.predict(rows.inputs)["y"]
    assert (truth <= scores + 1e-5).mean() == pytest.approx(level, abs=0.005)
    peer = linear_model.QuantileRegressor(quantile=level, alpha=0).fit(matrix, truth)
    errors = truth - scores, truth - peer.predict(matrix)
    ours, theirs = (np.maximum(level * e, (level - 1) * e).mean() for e in errors)
    assert ours < theirs * 1.01


def test_mean_absolute_error_is_the_median(tmp_path):
    matrix, truth = amounts(kind="normal")
    _, rows, by_name = fit(matrix, truth, tmp_path, loss="mean_absolute_error")
    _, _, by_level = fit(matrix, truth, tmp_path, loss={"type": "quantile", "level": 0.5})
    np.testing.assert_array_equal(
        by_name.predict(rows.inputs)["y"], by_level.predict(rows.inputs)["y"]
    )


def test_log_links_answer_a_row_as_a_batch_after_loading(tmp_path):
    matrix, truth = amounts()
    problem, rows, model = fit(matrix, truth, tmp_path, loss="poisson")
    model.save(tmp_path / "saved")
    loaded = Linear().load(tmp_path / "saved", problem)
    batch = model.predict(rows.inputs)["y"]
    np.testing.assert_array_equal(batch, loaded.predict(rows.inputs)["y"])
    answer = loaded.row_predictor()
    for row in range(10):
        single = answer(row_cells(problem.inputs, rows.inputs, row))["y"]
        assert single == pytest.approx(batch[row], rel=1e-9)


def test_a_truth_outside_the_domain_is_named(tmp_path):
    matrix, truth = amounts()
    truth[[3, 7]] = -1.5
    with pytest.raises(
        DataError,
        match=r"`y` has 2 of 600 training rows that the loss 'poisson' cannot judge: "
        r"-1\.5 in training row 3, -1\.5 in training row 7\n  Possible: targets of 0 or more",
    ):
        fit(matrix, truth, tmp_path, loss="poisson")


def test_a_gamma_target_must_be_above_zero(tmp_path):
    matrix, truth = amounts(kind="gamma")
    truth[0] = 0
    with pytest.raises(DataError, match=r"the loss 'gamma' cannot judge: 0 in training row 0"):
        fit(matrix, truth, tmp_path, loss="gamma")


def test_a_constant_count_is_answered(tmp_path):
    matrix, _ = amounts(50)
    _, rows, model = fit(matrix, np.zeros(50, dtype=np.float32), tmp_path, loss="poisson")
    assert model.predict(rows.inputs)["y"].tolist() == [0.0] * 50


def test_weighted_quantile_is_the_lowest_value_with_the_share_below():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert quantile(values, 0.25, weights) == 1.0
    assert quantile(values, 0.75, weights) == 2.0
    assert quantile(values, 0.8, weights) == 3.0


def test_row_weights_decide_a_quantile(tmp_path):
    matrix, truth = amounts(200, kind="normal")
    _, rows, _ = fit(matrix, truth, tmp_path)
    heavy = np.where(truth > np.median(truth), 1.0, 1e-3).astype(np.float32)
    problem = Problem(
        (Input("x", "number", Shape(kind=Kind.VECTOR, width=3)),),
        (Output("y", "number", Shape(kind=Kind.SCALAR), loss=LOSSES.build("quantile")),),
    )
    context = FitContext(seed=1, events=Events(), folder=tmp_path)
    model = Linear().fit(
        problem, replace(rows, weights=heavy), None, trainer=LinearTrainer(), context=context
    )
    assert (model.predict(rows.inputs)["y"] > np.median(truth)).mean() > 0.7
