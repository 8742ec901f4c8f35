"""Device and number format: what is chosen, what is refused, and that learning works in each."""

import numpy as np
import pytest
import torch

from ordain.core.errors import UsageError
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.family import Backend, Dataset, Input, Output, Problem
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.device import choose_device, choose_precision

CPU = torch.device("cpu")
HAS_GPU = torch.cuda.is_available()


def texts(n_rows=200, seed=0):
    """Rows of 1 to 6 tokens; the class is whether token 7 occurs, as it does in half of them."""
    random = np.random.default_rng(seed)
    rows = [random.integers(8, 20, random.integers(1, 7)) for _ in range(n_rows)]
    for row in rows[::2]:
        row[:1] = 7
    offsets = np.cumsum([0, *(len(row) for row in rows)])
    column = EncodedColumn(Kind.TOKENS, np.concatenate(rows).astype(np.int32), offsets)
    truth = np.array([[float(7 in row)] for row in rows], dtype=np.float32)
    return Dataset({"t": column}, {"y": EncodedColumn(Kind.SCALAR, truth)}, n_rows)


@pytest.mark.skipif(HAS_GPU, reason="what is chosen where there is no GPU")
def test_auto_is_the_processor_and_full_precision_without_a_gpu():
    assert choose_device(Backend()) == CPU
    assert choose_precision(Backend(), CPU).name == "float32"
    assert choose_precision(Backend(), torch.device("cuda")).name == "float32"


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
def test_auto_is_the_gpu_where_there_is_one():
    assert choose_device(Backend()).type == "cuda"


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_precision_that_is_named_wins_over_everything(name, device):
    precision = choose_precision(Backend(precision=name), torch.device(device), is_mixed=True)
    assert precision.name == name


def test_trainer_may_ask_for_mixed_precision():
    assert choose_precision(Backend(), CPU, is_mixed=True).name == "bfloat16"


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_missing_device_is_an_error_with_a_fix():
    with pytest.raises(UsageError, match=r"(?s)'cuda' and PyTorch finds no GPU.*Fix: device: cpu"):
        choose_device(Backend(device="cuda"))


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is one")
def test_missing_apple_device_is_an_error_with_a_fix():
    with pytest.raises(UsageError, match=r"(?s)'mps' and PyTorch finds none.*Fix: device: cpu"):
        choose_device(Backend(device="mps"))


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.slow
def test_table_is_learned_in_half_precision(fit, table, name):
    backend = Backend(precision=name, device="cpu")
    model = fit(train=table(1000).data, epochs=10, backend=backend)
    assert model.facts["precision"] == name
    assert all(p.dtype is torch.float32 for p in model.network.parameters())
    test = table(1000, seed=2)
    guess = model.predict(test.inputs)["yes"] > 0.5
    assert (guess == test.outputs["yes"].values[:, 0]).mean() > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["parallel_cnn", "lstm", "transformer"])
def test_text_is_learned_in_bfloat16(fit, encoder):
    shape = Shape(kind=Kind.TOKENS, cardinality=20)
    keys = {"type": encoder, "reduced_dropout": 0.0, "token_dropout": 0.0}
    output = Output("y", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes"))
    problem = Problem((Input("t", "text", shape, ENCODERS.build(keys)),), (output,))
    backend = Backend(precision="bfloat16", device="cpu")
    model = fit(
        problem, texts(600), texts(100, seed=1), epochs=15, learning_rate=0.005, backend=backend
    )
    test = texts(300, seed=2)
    guess = model.predict(test.inputs)["y"] > 0.5
    assert (guess == test.outputs["y"].values[:, 0]).mean() > 0.9
