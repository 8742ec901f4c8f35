"""Neural models leave as ONNX, torch.export and TorchScript, and run without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exported_rows import Trained, customers, document, largest

import ordain
from ordain.core.errors import UsageError
from ordain.store.export.formats.onnx import run_graph
from ordain.store.export.formats.runtime import run_script


def _with_note(encoder: dict[str, Any] | str) -> dict[str, Any]:
    inputs = {"note": {"type": "text", "encoder": encoder}, "tenure": "number"}
    return document("neural", "churn", "binary", input_features=inputs, trainer={"epochs": 1})


def _texts() -> pl.DataFrame:
    place = pl.int_range(pl.len())
    words = pl.when(pl.col("churn") == "Yes").then(pl.lit("bad and slow")).otherwise(pl.lit("good"))
    note = pl.when(place % 11 == 0).then(None).when(place % 7 == 0).then(pl.lit("a fine long line"))
    return customers(300).with_columns(note=note.otherwise(words))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "kind"), [("churn", "binary"), ("size", "category"), ("price", "number")]
)
def test_graph_of_a_network_answers_any_number_of_rows(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame, output: str, kind: str
) -> None:
    folder = trained(document("neural", output, kind))
    made = ordain.export(folder, tmp_path / "m.onnx", format="onnx")
    model = ordain.load(folder)
    for n_rows in (1, 2, 400):
        own = rows.head(n_rows)
        assert largest(model.predict(own), run_graph(model, made.path, own)) < 1e-5


@pytest.mark.slow
def test_matrices_in_eight_bits_are_smaller_and_their_change_is_told(
    tmp_path: Path, trained: Trained, rows: pl.DataFrame
) -> None:
    folder = trained(document("neural", "churn", "binary"))
    made = ordain.export(folder, tmp_path / "m.onnx", format="onnx", options={"quantize": "int8"})
    assert made.n_bytes < made.facts["bytes_before"] / 2
    assert 0 < made.difference.largest < 0.05
    model = ordain.load(folder)
    found = run_graph(model, made.path, rows)["churn_probability_Yes"]
    assert (found - model.predict(rows)["churn_probability_Yes"]).abs().max() < 0.05


@pytest.mark.slow
def test_a_tighter_bound_on_eight_bits_refuses_them(tmp_path: Path, trained: Trained) -> None:
    folder = trained(document("neural", "churn", "binary"))
    options = {"quantize": "int8", "quantize_tolerance": "1e-7"}
    with pytest.raises(ordain.StoreError, match="it is refused and nothing is written"):
        ordain.export(folder, tmp_path / "m.onnx", format="onnx", options=options)
    assert not list(tmp_path.iterdir())


def test_eight_bits_are_for_networks_alone(tmp_path: Path, trained: Trained) -> None:
    folder = trained(document("linear", "churn", "binary"))
    with pytest.raises(UsageError, match="`quantize` is for a neural model: a `linear` model"):
        ordain.export(folder, tmp_path / "m.onnx", format="onnx", options={"quantize": "int8"})


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["torch_export", "torchscript"])
def test_modules_of_pytorch_answer_as_the_bundle(
    tmp_path: Path, trained: Trained, format_: str
) -> None:
    folder = trained(document("neural", "size", "category"))
    made = ordain.export(folder, tmp_path / "half", format=format_)
    assert made.difference.largest < 1e-5
    assert (made.path / "encoder" / "bundle" / "features.json").exists()
    assert {path.name for path in made.path.glob("model.*")} <= {"model.pt2", "model.pt"}


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["onnx", "torch_export", "torchscript", "runtime"])
@pytest.mark.parametrize("encoder", ["bag", "parallel_cnn", "transformer"])
def test_networks_that_read_text_leave_too(
    tmp_path: Path, trained: Trained, encoder: str, format_: str
) -> None:
    folder = trained(_with_note(encoder), _texts())
    made = ordain.export(folder, tmp_path / "half", format=format_)
    assert made.difference.largest < 1e-4
    model = ordain.load(folder)
    own = _texts().drop("churn").tail(77)
    if format_ == "onnx":
        assert largest(model.predict(own), run_graph(model, made.path / "model.onnx", own)) < 1e-4
    if format_ == "runtime":
        assert largest(model.predict(own), run_script(made.path, own)) < 1e-4


RECURRENT: list[dict[str, Any]] = [
    {"type": "rnn"},
    {"type": "lstm", "state_size": 8},
    {"type": "gru", "bidirectional": True, "num_layers": 2, "state_size": 8},
]


def _of_many_lengths() -> pl.DataFrame:
    words = ["bad", "slow", "a", "fine", "line", "good", "unseen"]
    texts = [
        " ".join(words[(i + j) % 7] for j in range(n)) for i, n in enumerate((0, 1, 2, 7, 8, 90))
    ]
    return pl.DataFrame({"note": texts, "tenure": [3, 9, 27, 40, 50, 60]})


@pytest.mark.slow
@pytest.mark.parametrize("encoder", RECURRENT, ids=lambda one: one["type"])
def test_recurrent_networks_read_texts_of_any_length(
    tmp_path: Path, trained: Trained, encoder: dict[str, Any]
) -> None:
    folder = trained(_with_note(encoder), _texts())
    model = ordain.load(folder)
    graph = ordain.export(folder, tmp_path / "graph", format="onnx").path / "model.onnx"
    many = _of_many_lengths()
    for own in (many, many.head(1), many.tail(1), many[2:4]):
        assert largest(model.predict(own), run_graph(model, graph, own)) < 1e-5
    if encoder["type"] == "gru":
        small = ordain.export(folder, tmp_path / "small", format="runtime")
        assert largest(model.predict(many), run_script(small.path, many)) < 1e-5
        ordain.export(folder, tmp_path / "script", format="torchscript")
    with pytest.raises(UsageError, match=r"one length of text where an encoder is `rnn`, `lstm`"):
        ordain.export(folder, tmp_path / "program", format="torch_export")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tokeniser and a small BERT of random weights that reads 32 tokens."""
    tokenizers = pytest.importorskip("tokenizers")
    transformers = pytest.importorskip("transformers")
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    words = [*special.values(), "bad", "and", "slow", "good", "a", "fine", "long", "line"]
    ids = {word: place for place, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("pretrained")
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, **special).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=32,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["frozen", "learned further"])
def test_pretrained_encoders_leave_too_and_read_no_further_than_they_can(
    tmp_path: Path, trained: Trained, pretrained: Path, weights: str
) -> None:
    encoder = {
        "type": "auto_transformer",
        "pretrained_model_name_or_path": str(pretrained),
        "trainable": weights != "frozen",
    }
    folder = trained(_with_note(encoder), _texts())
    model, many = ordain.load(folder), _of_many_lengths()
    expected = model.predict(many)
    graph = ordain.export(folder, tmp_path / "graph", format="onnx").path / "model.onnx"
    assert largest(expected, run_graph(model, graph, many)) < 1e-5
    small = ordain.export(folder, tmp_path / "small", format="runtime")
    assert not any(line.startswith(("torch", "transf")) for line in small.facts["requirements"])
    assert largest(expected, run_script(small.path, many)) < 1e-5
    for format_ in ("torch_export", "torchscript") if weights != "frozen" else ():
        made = ordain.export(folder, tmp_path / format_, format=format_)
        assert made.difference.largest < 1e-5


def test_an_encoder_that_cannot_leave_is_named(tmp_path: Path, trained: Trained) -> None:
    from ordain.store.export.network import exported, network_of

    fitted = network_of(ordain.load(trained(_with_note("bag"), _texts())))

    def fails() -> None:
        raise RuntimeError("aten::strange is not supported")

    with pytest.raises(UsageError, match="`bag` of note") as found:
        exported(fitted, fails, what="an ONNX graph")
    assert "aten::strange is not supported" in str(found.value)
    assert "Possible:" in str(found.value)
