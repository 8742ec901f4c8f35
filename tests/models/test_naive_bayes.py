"""What `naive_bayes` promises beyond the contract of every family."""

from dataclasses import replace

import numpy as np
import pytest

from ordain.core.errors import BundleError, TrainingError
from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.naive_bayes import NaiveBayes, NaiveBayesTrainer
from ordain.models.family import Dataset, FitContext, Input, Output, Problem
from ordain.testing.families import CHECKS, FamilyCase

CLASSES = ("a", "b", "c")


def fit(inputs, columns, truth, folder, *, class_weights=(), **trainer):
    """Fit a category of three classes."""
    output = Output(
        "y", "category", Shape(kind=Kind.INDEX, cardinality=3), CLASSES, class_weights=class_weights
    )
    rows = Dataset(columns, {"y": EncodedColumn(Kind.INDEX, truth.astype(np.int32))}, len(truth))
    return NaiveBayes().fit(
        Problem(inputs, (output,)),
        rows,
        None,
        trainer=NaiveBayesTrainer(**trainer),
        context=FitContext(seed=1, events=Events(), folder=folder),
    )


def numbers(n_rows=300, n_columns=4):
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, n_rows)
    matrix = random.normal(size=(n_rows, n_columns)) + truth[:, None] * np.arange(n_columns)
    inputs = tuple(Input(f"x{i}", "number", Shape(kind=Kind.SCALAR)) for i in range(n_columns))
    matrix = matrix.astype(np.float32)
    columns = {f"x{i}": EncodedColumn(Kind.SCALAR, matrix[:, [i]]) for i in range(n_columns)}
    return inputs, columns, matrix.astype(float), truth


def words(n_rows=200, n_words=30):
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, n_rows)
    shares = random.dirichlet(np.full(n_words, 0.3), size=3)
    counts = np.stack([random.multinomial(12, shares[c]) for c in truth])
    rows = [np.flatnonzero(row) for row in counts]
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    ids = np.concatenate(rows).astype(np.int32)
    weights = np.concatenate([row[i] for row, i in zip(counts, rows, strict=True)])
    column = EncodedColumn(Kind.BAG, ids, offsets, weights.astype(np.float32))
    inputs = (Input("t", "text", Shape(kind=Kind.BAG, cardinality=n_words)),)
    return inputs, {"t": column}, counts, truth


@pytest.mark.parametrize("text", ["multinomial", "bernoulli"])
def test_every_model_of_text_keeps_the_contract(text, tmp_path):
    case = FamilyCase.of("naive_bayes", trainer={"text": text})
    for check in CHECKS:
        check(case, tmp_path / check.__name__)


def test_numbers_equal_gaussian_naive_bayes(tmp_path):
    peers = pytest.importorskip("sklearn.naive_bayes")
    inputs, columns, matrix, truth = numbers()
    model = fit(inputs, columns, truth, tmp_path, variance_smoothing=1e-12)
    expected = peers.GaussianNB(var_smoothing=1e-15, priors=prior(truth)).fit(matrix, truth)
    np.testing.assert_allclose(
        model.predict(columns)["y"], expected.predict_proba(matrix), atol=1e-5
    )


def prior(truth):
    counts = np.bincount(truth) + 0.5
    return counts / counts.sum()


def test_categories_equal_categorical_naive_bayes(tmp_path):
    peers = pytest.importorskip("sklearn.naive_bayes")
    random = np.random.default_rng(2)
    truth = random.integers(0, 3, 300)
    ids = (1 + (truth[:, None] + random.integers(0, 3, (300, 2))) % 4).astype(np.int32)
    inputs = tuple(
        Input(f"c{i}", "category", Shape(kind=Kind.INDEX, cardinality=5)) for i in range(2)
    )
    columns = {f"c{i}": EncodedColumn(Kind.INDEX, ids[:, i].copy()) for i in range(2)}
    model = fit(inputs, columns, truth, tmp_path, smoothing=2.0)
    peer = peers.CategoricalNB(alpha=2.0, class_prior=prior(truth), min_categories=4)
    expected = peer.fit(ids - 1, truth).predict_proba(ids - 1)
    np.testing.assert_allclose(model.predict(columns)["y"], expected, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("multinomial", "MultinomialNB"),
        ("bernoulli", "BernoulliNB"),
        ("complement", "ComplementNB"),
    ],
)
def test_texts_equal_those_of_scikit_learn(tmp_path, text, peer):
    peers = pytest.importorskip("sklearn.naive_bayes")
    inputs, columns, counts, truth = words()
    model = fit(inputs, columns, truth, tmp_path, text=text)
    expected = getattr(peers, peer)(alpha=1.0).fit(counts, truth).predict_log_proba(counts)
    expected = expected - expected[:, :1]
    found = np.log(model.predict(columns)["y"])
    shift = np.log(prior(truth) / prior(truth)[0])
    if text != "complement":  # scikit-learn's leaves the prior out
        own = np.bincount(truth) / len(truth)
        shift = shift - np.log(own / own[0])
    np.testing.assert_allclose(found - found[:, :1], expected + shift, atol=1e-6)


def test_what_is_missing_is_left_out(tmp_path):
    inputs, columns, _, truth = numbers(n_columns=2)
    model = fit(inputs, columns, truth, tmp_path)
    alone = fit(inputs[1:], {"x1": columns["x1"]}, truth, tmp_path)
    nothing = EncodedColumn(Kind.SCALAR, np.full((300, 1), np.nan, dtype=np.float32))
    np.testing.assert_allclose(
        model.predict({**columns, "x0": nothing})["y"],
        alone.predict({"x1": columns["x1"]})["y"],
        atol=1e-9,
    )


def test_class_weights_move_the_prior(tmp_path):
    inputs, columns, _, truth = numbers(n_columns=1)
    plain = fit(inputs, columns, truth, tmp_path).predict(columns)["y"].mean(axis=0)
    heavy = fit(inputs, columns, truth, tmp_path, class_weights=(9.0, 1.0, 1.0))
    assert heavy.predict(columns)["y"].mean(axis=0)[0] > plain[0] + 0.1


def test_an_input_without_factors_is_named(tmp_path):
    case = FamilyCase.of("naive_bayes")
    problem, rows = case.problem("binary"), case.rows(20)
    strange = problem.inputs[0].shape.model_copy(update={"kind": "image"})
    inputs = (replace(problem.inputs[0], shape=strange), *problem.inputs[1:])
    with pytest.raises(TrainingError, match=r"cannot read input `number_in`.*'image'"):
        case.fit(replace(problem, inputs=inputs), rows, None, folder=tmp_path)


def test_tables_of_another_problem_are_refused(tmp_path):
    case = FamilyCase.of("naive_bayes")
    case.fit(case.problem("binary"), case.rows(40), None, folder=tmp_path).save(tmp_path / "s")
    with pytest.raises(BundleError, match=r"answers for \['binary'\] does not fit"):
        NaiveBayes().load(tmp_path / "s", case.problem("category"))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(
        BundleError, match=r"`naive_bayes` tables cannot be read.*naive_bayes\.json"
    ):
        NaiveBayes().load(tmp_path, FamilyCase.of("naive_bayes").problem())
