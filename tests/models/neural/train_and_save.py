"""Train a small model from fixed rows and save it; arguments: CHECKPOINTS FOLDER KIND."""

import sys
from pathlib import Path

import numpy as np

from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import Dataset, FitContext, Input, Output, Problem
from ordain.models.neural.component import ENCODERS

N_ROWS = 400


def rows(kind, seed):
    random = np.random.default_rng(seed)
    number = random.normal(size=(N_ROWS, 1)).astype(np.float32)
    inputs = {"x": EncodedColumn(Kind.SCALAR, number)}
    if kind == "text":
        lengths = random.integers(0, 9, N_ROWS)
        ids = random.integers(0, 30, int(lengths.sum())).astype(np.int32)
        inputs["t"] = EncodedColumn(Kind.TOKENS, ids, np.concatenate([[0], lengths.cumsum()]))
    truth = EncodedColumn(Kind.SCALAR, (number > 0).astype(np.float32))
    return Dataset(inputs, {"y": truth}, N_ROWS)


def main(checkpoints, folder, kind):
    inputs = [Input("x", "number", Shape(kind=Kind.SCALAR))]
    if kind == "text":
        shape = Shape(kind=Kind.TOKENS, cardinality=30)
        keys = {"type": "gru", "embedding_size": 16, "state_size": 16, "dropout": 0.2}
        inputs.append(Input("t", "text", shape, ENCODERS.build(keys)))
    output = Output("y", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes"))
    family = NeuralFamily()
    trainer = family.Trainer(epochs=15, batch_size=16, checkpoint_interval="7 steps")
    context = FitContext(seed=1, events=Events(), folder=Path(checkpoints))
    problem = Problem(tuple(inputs), (output,))
    model = family.fit(problem, rows(kind, 0), rows(kind, 1), trainer=trainer, context=context)
    model.save(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
