"""Batches hold every row once an epoch, in an order that the seed decides."""

import numpy as np
import pytest
import torch

from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.family import Input, Output, Problem
from ordain.models.neural import rows as rows_module
from ordain.models.neural.component import ENCODERS
from ordain.models.neural.packing import Columns, Layout
from ordain.models.neural.rows import Rows

N_ROWS = 5000


def make(*, resident_bytes=1 << 30, batch_size=64, tokens=False, n_rows=N_ROWS, columns=None):
    inputs = [Input("x", "number", Shape(kind=Kind.SCALAR), ENCODERS.build("passthrough"))]
    data = {"x": EncodedColumn(Kind.SCALAR, np.arange(n_rows, dtype=np.float32)[:, None])}
    if tokens:
        lengths = np.random.default_rng(0).integers(0, 30, n_rows)
        offsets = np.concatenate([[0], lengths.cumsum()])
        ids = np.repeat(np.arange(n_rows), lengths).astype(np.int32)
        shape = Shape(kind=Kind.TOKENS, cardinality=n_rows)
        inputs.append(Input("t", "text", shape, ENCODERS.build("embed")))
        data["t"] = EncodedColumn(Kind.TOKENS, ids, offsets)
    output = Output("y", "number", Shape(kind=Kind.SCALAR))
    truth = {"y": EncodedColumn(Kind.SCALAR, -data["x"].values)}
    layout = Layout.of(Problem(tuple(inputs), (output,)))
    return Rows(
        columns or Columns(data, truth, None, n_rows),
        layout,
        torch.device("cpu"),
        batch_size=batch_size,
        seed=3,
        resident_bytes=resident_bytes,
    )


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("resident_bytes", [1 << 30, 0])
def test_every_row_comes_once_an_epoch_with_its_truth(resident_bytes, tokens, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 20_000)
    rows = make(resident_bytes=resident_bytes, tokens=tokens)
    batches = list(rows.batches(0))
    numbers = torch.cat([batch.numbers[:, 0] for batch in batches])
    assert len(batches) == rows.n_steps == round(N_ROWS / 64)
    assert sorted(numbers.tolist()) == list(range(N_ROWS))
    assert torch.equal(torch.cat([batch.truths[0] for batch in batches]), -numbers)
    assert numbers.tolist() != sorted(numbers.tolist())
    for batch in batches if tokens else []:
        ids, mask = batch.ragged[0].tensors()
        expected = batch.numbers.int().expand_as(ids)
        assert torch.equal(ids[mask], expected[mask])


@pytest.mark.parametrize("resident_bytes", [1 << 30, 0])
def test_epoch_can_be_entered_at_any_step(resident_bytes, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 5_000)
    rows = make(resident_bytes=resident_bytes)
    whole = [batch.numbers for batch in rows.batches(2)]
    for start in (1, 17, rows.n_steps - 1, rows.n_steps):
        late = [batch.numbers for batch in rows.batches(2, start=start)]
        assert len(late) == rows.n_steps - start
        assert all(torch.equal(a, b) for a, b in zip(whole[start:], late, strict=True))


def test_epochs_differ_and_seeds_repeat():
    first, second = (next(make().batches(epoch)).numbers for epoch in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, next(make().batches(0)).numbers)


def test_no_batch_is_much_smaller_than_the_rest():
    sizes = {batch.n_rows for batch in make(batch_size=64, n_rows=4 * 64 + 1).batches(0)}
    assert sizes <= {64, 65}


def test_rows_of_like_length_lie_together():
    rows = make(tokens=True)
    spare = [1 - float(batch.ragged[0].tensors()[1].float().mean()) for batch in rows.batches(0)]
    assert np.mean(spare) < 0.2  # without sorting it is 0.5


def test_memory_mapped_rows_are_gathered_chunk_by_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 10_000)
    values = np.arange(N_ROWS, dtype=np.float32)[:, None]
    EncodedColumn(Kind.SCALAR, values).save(tmp_path / "x")
    mapped = EncodedColumn.load(tmp_path / "x", Kind.SCALAR)
    rows = make(resident_bytes=0, columns=Columns({"x": mapped}, {"y": mapped}, None, N_ROWS))
    numbers = torch.cat([batch.numbers[:, 0] for batch in rows.batches(0)])
    assert sorted(numbers.tolist()) == list(range(N_ROWS))
    blocks = torch.cat([batch.numbers[:, 0] for batch in rows.blocks(700)])
    assert blocks.tolist() == list(range(N_ROWS))
