"""Trees as tables of bits answer what LightGBM answers."""

import numpy as np
import pytest

from ordain.core.events import Events
from ordain.models.families.gbm import Gbm, GbmTrainer
from ordain.models.family import FitContext
from ordain.models.gbm.mask_tables import compile_masks
from ordain.models.gbm.masks import Shared, Table
from ordain.testing.families import FamilyCase


def grown(tmp_path, output, **trainer):
    """Return the fitted model of one output and the text of its booster."""
    case = FamilyCase.of("gbm")
    settings = {"num_boost_round": 25, "early_stop": 0, "min_data_in_leaf": 2, **trainer}
    model = Gbm().fit(
        case.problem(output),
        case.rows(1500),
        None,
        trainer=GbmTrainer(**settings),
        context=FitContext(seed=1, events=Events(), folder=tmp_path),
    )
    return model, model._trees[0].text


def strange_rows(model, n_rows=700):
    """Return a matrix with missing cells, infinities, and categories that no tree knows."""
    random = np.random.default_rng(5)
    rows = model._layout.gather(FamilyCase.of("gbm").rows(n_rows, seed=9).inputs, slice(0, n_rows))
    rows[random.random(rows.shape) < 0.15] = np.nan
    numbers = [c for c in range(rows.shape[1]) if c not in model._layout.categorical]
    rows[3, numbers], rows[4, numbers], rows[5, numbers] = np.inf, -np.inf, 1e-38
    rows[6, list(model._layout.categorical)] = 1_000
    return rows


@pytest.mark.parametrize("output", ["number", "binary", "category"])
@pytest.mark.parametrize("num_leaves", [2, 7, 13, 30, 60])
def test_tables_answer_what_lightgbm_answers(tmp_path, output, num_leaves):
    model, text = grown(tmp_path, output, num_leaves=num_leaves)
    rows = strange_rows(model)
    masks, booster = compile_masks(text), model._boosters[0]
    shape = (len(rows), booster.n_scores) if output == "category" else (len(rows),)
    expected, found = np.empty(shape), np.empty(shape)
    booster.predict(rows, expected, n_threads=1)
    masks.predict(rows, found)
    if output == "number":  # sums are to the bit; `exp` may differ in its last
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_blocks_of_rows_join_without_a_seam(tmp_path, monkeypatch):
    model, text = grown(tmp_path, "binary")
    rows, masks = strange_rows(model), compile_masks(text)
    whole, pieces = np.empty(len(rows)), np.empty(len(rows))
    masks.predict(rows, whole)
    monkeypatch.setattr("ordain.models.gbm.masks.BLOCK_CELLS", 25 * 3)
    masks.predict(rows, pieces)
    np.testing.assert_array_equal(whole, pieces)


@pytest.mark.parametrize(
    "trainer",
    [
        {"num_leaves": 90},
        {"boosting_type": "rf", "bagging_fraction": 0.5, "bagging_freq": 1},
    ],
    ids=["more leaves than bits", "averaged trees"],
)
def test_what_tables_cannot_hold_is_left_to_lightgbm(tmp_path, trainer):
    model, text = grown(tmp_path, "number", **trainer)
    assert compile_masks(text) is None
    assert np.isfinite(model.predict(FamilyCase.of("gbm").rows(100).inputs)["number"]).all()


def test_tables_that_are_too_large_are_not_made(tmp_path, monkeypatch):
    _, text = grown(tmp_path, "number")
    monkeypatch.setattr("ordain.models.gbm.mask_tables.MOST_BYTES", 100)
    assert compile_masks(text) is None


def test_threads_answer_as_one_does(tmp_path, monkeypatch):
    model, _ = grown(tmp_path, "binary")
    inputs = FamilyCase.of("gbm").rows(40_000).inputs
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one = model.predict(inputs)["binary"]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    model._n_threads = 0
    np.testing.assert_array_equal(model.predict(inputs)["binary"], one)


@pytest.mark.parametrize("n_bytes", [0, 1 << 10, 1 << 30])
def test_columns_that_share_a_table_answer_as_apart(tmp_path, monkeypatch, n_bytes):
    model, text = grown(tmp_path, "number", num_leaves=13)
    rows = strange_rows(model)
    expected, found = np.empty((2, len(rows)))
    monkeypatch.setattr("ordain.models.gbm.masks.SHARED_BYTES", 0)
    compile_masks(text).predict(rows, expected)
    monkeypatch.setattr("ordain.models.gbm.masks.SHARED_BYTES", n_bytes)
    compile_masks(text).predict(rows, found)
    np.testing.assert_array_equal(found, expected)


def test_only_columns_of_few_bins_share_a_table():
    words = np.arange(4, dtype=np.uint64).reshape(-1, 1)
    small = [Table(at, np.array([0.5, 1.5], np.float32), words) for at in range(3)]
    large = Table(3, np.arange(9_998, dtype=np.float32), np.ones((10_000, 1), np.uint64))
    shared = Shared.of([large, *small])
    assert [[table.column for table in one.tables] for one in shared] == [[0, 1, 2], [3]]
    rows = np.array([[0, 1, 2, 7], [np.nan, 0, 1, 7]], dtype=np.float32)
    assert shared[0].lines(rows).tolist() == [0 * 16 + 1 * 4 + 2, 3 * 16 + 0 * 4 + 1]
    assert shared[0].words[3 * 16 + 2 * 4 + 1, 0] == 3 & 2 & 1
