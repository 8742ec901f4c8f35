"""What `linear` promises beyond the contract of every family."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from ordain.core.errors import BundleError, TrainingError
from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.linear import Linear, LinearTrainer
from ordain.models.family import Dataset, FitContext, Input, Output, Problem
from ordain.models.linear.design import Layout, Scale
from ordain.models.linear.solver import minimise, softmax
from ordain.testing.families import FamilyCase


@pytest.fixture
def case():
    return FamilyCase.of("linear")


def numbers(n_rows, n_columns, *, kind, seed=0):
    """Return standardised numbers and an output that follows from them."""
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n_rows, n_columns)).astype(np.float32)
    matrix = ((matrix - matrix.mean(axis=0)) / matrix.std(axis=0)).astype(np.float32)
    signal = matrix @ random.normal(size=(n_columns, 3)) + random.normal(size=(n_rows, 3))
    truth = {
        "number": signal[:, :1].astype(np.float32),
        "binary": (signal[:, :1] > 0.5).astype(np.float32),
        "category": signal.argmax(axis=1).astype(np.int32),
    }[kind]
    output_kind = Kind.INDEX if kind == "category" else Kind.SCALAR
    labels = {"number": (), "binary": ("a", "b"), "category": ("a", "b", "c")}[kind]
    problem = Problem(
        (Input("x", "number", Shape(kind=Kind.VECTOR, width=n_columns)),),
        (Output("y", kind, Shape(kind=output_kind, cardinality=len(labels)), labels),),
    )
    rows = Dataset(
        {"x": EncodedColumn(Kind.VECTOR, matrix)},
        {"y": EncodedColumn(output_kind, truth)},
        n_rows,
    )
    return problem, rows, matrix, truth.reshape(n_rows)


def fit(problem, rows, folder, *, validation=None, context=None, **trainer):
    return Linear().fit(
        problem,
        rows,
        validation,
        trainer=LinearTrainer(**trainer),
        context=context or FitContext(seed=1, events=Events(), folder=folder),
    )


@pytest.mark.parametrize("kind", ["binary", "category"])
def test_probabilities_equal_those_of_scikit_learn(tmp_path, kind):
    linear_model = pytest.importorskip("sklearn.linear_model")
    problem, rows, matrix, truth = numbers(400, 5, kind=kind)
    model = fit(problem, rows, tmp_path, regularization=0.5, tolerance=1e-10, max_iterations=500)
    peer = linear_model.LogisticRegression(C=0.5, tol=1e-9, max_iter=1_000).fit(
        matrix.astype(float), truth
    )
    expected = peer.predict_proba(matrix.astype(float))
    expected = expected[:, 1] if kind == "binary" else expected
    np.testing.assert_allclose(model.predict(rows.inputs)["y"], expected, atol=1e-4)


def test_numbers_equal_ridge_regression_of_the_standardised_truth(tmp_path):
    problem, rows, matrix, truth = numbers(300, 4, kind="number")
    model = fit(problem, rows, tmp_path, regularization=0.1, tolerance=1e-12, max_iterations=500)
    middle, spread = truth.mean(), truth.std()
    inner = matrix.T @ matrix + 10 * np.eye(4)
    weights = np.linalg.solve(inner.astype(float), matrix.T @ ((truth - middle) / spread))
    expected = middle + spread * (matrix @ weights)
    np.testing.assert_allclose(model.predict(rows.inputs)["y"], expected, atol=1e-4)


def test_scores_do_not_depend_on_the_unit_of_a_number(tmp_path):
    problem, rows, matrix, _ = numbers(200, 3, kind="binary")
    large = {"x": EncodedColumn(Kind.VECTOR, matrix * 1e4 + 5e4)}
    plain = fit(problem, rows, tmp_path).predict(rows.inputs)["y"]
    scaled = fit(problem, replace(rows, inputs=large), tmp_path).predict(large)["y"]
    np.testing.assert_allclose(plain, scaled, atol=1e-2)


def test_strength_is_chosen_on_validation_rows(tmp_path):
    problem, train, _, _ = numbers(60, 40, kind="binary")
    _, validation, _, _ = numbers(2_000, 40, kind="binary", seed=9)
    model = fit(problem, train, tmp_path, validation=validation)
    tried = {r["regularization"]: r["losses"]["validation"] for r in model.history}
    assert model.facts["outputs"]["y"]["regularization"] == min(tried, key=tried.get)
    assert model.facts["outputs"]["y"]["judged_on"] == "validation"


def test_without_validation_a_fifth_of_the_rows_judges(tmp_path):
    problem, rows, _, _ = numbers(200, 3, kind="binary")
    facts = fit(problem, rows, tmp_path).facts["outputs"]["y"]
    assert facts["judged_on"] == "a fifth of the training rows, then fitted on all"


def test_unseen_terms_and_categories_have_no_weight(case, tmp_path):
    problem, rows = case.problem("binary"), case.rows(50)
    model = case.fit(problem, rows, None, folder=tmp_path)
    one = {name: column.rows(0, 1) for name, column in rows.inputs.items()}
    none = {
        **one,
        "category_in": EncodedColumn(Kind.INDEX, np.zeros(1, dtype=np.int32)),
        "text_in": EncodedColumn(
            Kind.BAG,
            np.zeros(0, dtype=np.int32),
            np.zeros(2, dtype=np.int64),
            np.zeros(0, dtype=np.float32),
        ),
    }
    seen = set(rows.inputs["text_in"].values.tolist())
    unseen = next((i for i in range(50) if i not in seen), None)
    if unseen is None:
        pytest.skip("every term was drawn")
    text = EncodedColumn(
        Kind.BAG,
        np.array([unseen], dtype=np.int32),
        np.array([0, 1], dtype=np.int64),
        np.ones(1, dtype=np.float32),
    )
    with_text = {**none, "text_in": text}
    assert model.predict(none)["binary"] == model.predict(with_text)["binary"]


def test_rows_above_the_bound_are_drawn_and_counted(tmp_path):
    problem, rows, _, _ = numbers(300, 3, kind="binary")
    facts = fit(problem, rows, tmp_path, max_rows=100).facts
    assert (facts["n_rows"], facts["rows_left_out"]) == (100, 200)


def test_stop_keeps_the_weights_so_far(tmp_path):
    problem, rows, _, _ = numbers(300, 3, kind="binary")
    stop = threading.Event()
    stop.set()
    context = FitContext(seed=1, events=Events(), folder=tmp_path, stop=stop)
    model = fit(problem, rows, tmp_path, context=context)
    assert model.facts["stop_reason"] == "interrupted"
    assert np.isfinite(model.predict(rows.inputs)["y"]).all()


def test_blocks_built_anew_give_the_same_weights(case, tmp_path, monkeypatch):
    rows = case.rows(100)
    held = case.fit(case.problem(), rows, None, folder=tmp_path)
    monkeypatch.setattr("ordain.models.linear.design._HELD_CELLS", 0)
    built = case.fit(case.problem(), rows, None, folder=tmp_path)
    for name, scores in held.predict(rows.inputs).items():
        np.testing.assert_array_equal(scores, built.predict(rows.inputs)[name])


def test_scale_leaves_out_what_is_missing():
    column = EncodedColumn(Kind.SCALAR, np.array([[1], [np.nan], [3]], dtype=np.float32))
    inputs = (Input("x", "number", Shape(kind=Kind.SCALAR)),)
    scale = Scale.of(Layout.of(inputs, {"x": column}), {"x": column}, 3)
    assert (scale.centre.tolist(), scale.factor.tolist()) == ([2.0], [1.0])


def test_minimum_of_a_bent_valley_is_found():
    def rosenbrock_like(weights):
        scale = np.array([1.0, 1e4])
        return 0.5 * float(scale @ (weights - 3) ** 2), scale * (weights - 3)

    found = minimise(
        rosenbrock_like,
        np.zeros(2),
        max_iterations=200,
        tolerance=1e-14,
        should_stop=lambda: False,
    )
    np.testing.assert_allclose(found.weights, 3, atol=1e-4)


def test_softmax_bears_large_scores():
    np.testing.assert_allclose(softmax(np.array([[1e4, -1e4]])), [[1, 0]])


def test_no_rows_are_refused(case, tmp_path):
    with pytest.raises(TrainingError, match="there is no row to learn `number` from"):
        case.fit(case.problem(), case.rows(0), None, folder=tmp_path)


def test_weights_of_another_problem_are_refused(case, tmp_path):
    case.fit(case.problem("binary"), case.rows(40), None, folder=tmp_path).save(tmp_path / "saved")
    with pytest.raises(BundleError, match=r"answer \['binary'\].*asks for \['number'\]"):
        Linear().load(tmp_path / "saved", case.problem("number"))


def test_missing_file_is_named(case, tmp_path):
    with pytest.raises(BundleError, match=r"the `linear` weights cannot be read.*linear\.json"):
        Linear().load(tmp_path, case.problem())
