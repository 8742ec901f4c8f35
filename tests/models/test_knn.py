"""What `knn` promises beyond the contract of every family."""

import numpy as np
import pytest

from ordain.core.errors import BundleError
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.knn import Knn
from ordain.models.family import Input
from ordain.models.neighbours.points import Space
from ordain.models.neighbours.search import Search
from ordain.testing.families import CHECKS, FamilyCase
from ordain.testing.rows import row_cells


def case(**trainer):
    return FamilyCase.of("knn", trainer=trainer)


def space_of(**columns):
    """Return the space and points of columns: floats are numbers, ints ids, tuples texts."""
    inputs, encoded = [], {}
    for name, values in columns.items():
        if isinstance(values[0], float):
            inputs.append(Input(name, "number", Shape(kind=Kind.SCALAR)))
            array = np.array(values, dtype=np.float32)[:, None]
            encoded[name] = EncodedColumn(Kind.SCALAR, array)
        elif isinstance(values[0], int):
            inputs.append(Input(name, "category", Shape(kind=Kind.INDEX, cardinality=9)))
            encoded[name] = EncodedColumn(Kind.INDEX, np.array(values, dtype=np.int32))
        else:
            inputs.append(Input(name, "text", Shape(kind=Kind.BAG, cardinality=9)))
            ids = np.array([i for row in values for i in row], dtype=np.int32)
            offsets = np.cumsum([0, *map(len, values)]).astype(np.int64)
            shares = np.array([len(row) ** -0.5 for row in values for _ in row], dtype=np.float32)
            encoded[name] = EncodedColumn(Kind.BAG, ids, offsets, shares)
    n_rows = len(next(iter(columns.values())))
    space = Space.of(tuple(inputs), encoded)
    return space, space.points(encoded, n_rows)


def squares(points):
    """Return squared distances between all rows, in the order of rows."""
    found = Search(points).nearest(points, len(points))
    table = np.empty((len(points), len(points)))
    np.put_along_axis(table, found.rows, found.distances**2, axis=1)
    return table


def test_numbers_are_apart_in_standard_deviations():
    values = [1.0, 3.0, 8.0]
    _, points = space_of(x=values)
    z = np.array(values) / np.std(values)
    np.testing.assert_allclose(squares(points), (z[:, None] - z) ** 2, atol=5e-3)


def test_categories_differ_by_two_and_missing_by_one():
    _, points = space_of(c=[1, 2, 0, 1, 0])
    np.testing.assert_allclose(squares(points)[0], [0, 2, 1, 0, 1], atol=1e-9)
    np.testing.assert_allclose(squares(points)[2], [1, 1, 0, 1, 0], atol=1e-9)


def test_texts_differ_by_their_cosine():
    _, points = space_of(t=[(1, 2), (2, 3), (4,), ()])
    np.testing.assert_allclose(squares(points)[0], [0, 1, 2, 1], atol=1e-4)


def test_columns_add_up():
    _, points = space_of(c=[1, 2, 1], t=[(1,), (2,), (2,)])
    np.testing.assert_allclose(squares(points)[0], [0, 4, 2], atol=1e-6)


def test_search_equals_brute_force_over_many_blocks():
    random = np.random.default_rng(0)
    _, points = space_of(
        x=random.normal(size=3_000).tolist(),
        y=random.normal(size=3_000).tolist(),
        c=random.integers(0, 4, 3_000).tolist(),
    )
    asked = points.rows(0, 40)
    found = Search(points).nearest(asked, 25)
    apart = ((asked.dense[:, None] - points.dense[None]) ** 2).sum(axis=2)
    own, theirs = asked.levels[:, None, 0], points.levels[None, :, 0]
    apart += (own > 0) * 1 + (theirs > 0) * 1 - 2 * ((own == theirs) & (own > 0))
    for row in range(40):
        order = np.lexsort((np.arange(3_000), apart[row]))[:25]
        np.testing.assert_array_equal(found.rows[row], order)
        np.testing.assert_array_equal(found.distances[row], np.sqrt(apart[row][order]))


def test_ties_go_to_the_row_that_is_first():
    _, points = space_of(c=[1] * 2_000)
    found = Search(points).nearest(points.rows(1_500, 1_501), 5)
    assert found.rows.tolist() == [[0, 1, 2, 3, 4]]


def test_a_row_alone_has_the_neighbours_of_the_batch_bit_for_bit(tmp_path):
    knn = case(k=7, weights="distance")
    problem, test = knn.problem(), knn.rows(40, seed=2)
    model = knn.fit(problem, knn.rows(900), None, folder=tmp_path)
    batch, answer = model.predict(test.inputs), model.row_predictor()
    for row in range(40):
        single = answer(row_cells(problem.inputs, test.inputs, row))
        for name, scores in batch.items():
            np.testing.assert_array_equal(np.asarray(single[name]), scores[row])


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("kind", ["binary", "number"])
def test_scores_equal_those_of_scikit_learn(tmp_path, weights, kind):
    peers = pytest.importorskip("sklearn.neighbors")
    knn = case(k=9, weights=weights, smoothing=0)
    problem, rows, test = knn.problem(kind), knn.rows(500), knn.rows(100, seed=3)
    model = knn.fit(problem, rows, None, folder=tmp_path)
    kept = model._kept
    matrices = [
        np.hstack([points.dense, one_hot(points), texts(points)])
        for points in (kept.points, kept.space.points(test.inputs, 100))
    ]
    peer = (peers.KNeighborsClassifier if kind == "binary" else peers.KNeighborsRegressor)(
        9, weights=weights, algorithm="brute"
    ).fit(matrices[0], rows.outputs[kind].values[:, 0])
    expected = (
        peer.predict_proba(matrices[1])[:, 1] if kind == "binary" else peer.predict(matrices[1])
    )
    np.testing.assert_allclose(model.predict(test.inputs)[kind], expected, atol=1e-6)


def one_hot(points):
    return np.eye(9)[points.levels][:, :, 1:].reshape(len(points), -1)


def texts(points):
    matrix = np.zeros((len(points), 50))
    for column in points.terms:
        rows = np.repeat(np.arange(len(points)), np.diff(column.offsets))
        np.add.at(matrix, (rows, column.values), column.weights)
    return matrix


def test_k_is_chosen_on_validation_rows(tmp_path):
    knn = case()
    model = knn.fit(knn.problem("number"), knn.rows(400), knn.rows(200, seed=1), folder=tmp_path)
    facts = model.facts["outputs"]["number"]
    assert facts["k"] == int(min(facts["losses"], key=facts["losses"].get))
    assert model.facts["judged_on"] == "200 validation rows"


def test_without_validation_training_rows_are_judged_by_the_others(tmp_path):
    knn = case()
    model = knn.fit(knn.problem("number"), knn.rows(300), None, folder=tmp_path)
    assert model.facts["judged_on"] == "300 training rows, each judged by the others"
    assert model.facts["outputs"]["number"]["k"] > 1


def test_nearest_names_training_rows(tmp_path):
    knn = case(k=3)
    rows = knn.rows(120)
    model = knn.fit(knn.problem("binary"), rows, None, folder=tmp_path)
    found = model.nearest(rows.inputs, 4)
    assert found.rows.shape == (120, 4)
    assert found.rows[:, 0].tolist() == list(range(120))
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_rows_above_the_bound_are_drawn_counted_and_still_named(tmp_path):
    knn = case(k=1, max_rows=50)
    rows = knn.rows(200)
    model = knn.fit(knn.problem("binary"), rows, None, folder=tmp_path)
    assert (model.facts["n_rows"], model.facts["rows_left_out"]) == (50, 150)
    kept = np.unique(model.nearest(rows.inputs, 50).rows)
    assert len(kept) == 50
    assert kept.max() > 50


def test_no_class_is_impossible(tmp_path):
    knn = case(k=3)
    model = knn.fit(knn.problem("category"), knn.rows(200), None, folder=tmp_path)
    assert model.predict(knn.rows(50, seed=1).inputs)["category"].min() > 0


def test_distance_weights_keep_the_contract(tmp_path):
    for check in CHECKS:
        check(case(weights="distance", k=4), tmp_path / check.__name__)


def test_rows_of_another_problem_are_refused(tmp_path):
    knn = case()
    knn.fit(knn.problem("binary"), knn.rows(40), None, folder=tmp_path).save(tmp_path / "s")
    with pytest.raises(BundleError, match=r"answers for \['binary'\] from .* does not fit"):
        Knn().load(tmp_path / "s", knn.problem("number"))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BundleError, match=r"the `knn` rows cannot be read.*knn\.json"):
        Knn().load(tmp_path, case().problem())
