"""Train within a limit of addresses and print events and facts as JSON; arguments: KIND MEBIBYTES.

`wide`: a step of the whole batch needs more than there is, and is foreseen to.
`hidden`: a network takes memory that nothing foresees.
"""

import json
import resource
import sys
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import Backend, Dataset, FitContext, Input, Output, Problem
from ordain.models.neural.combiners.concat import ConcatCombiner
from ordain.models.neural.component import Encoder

N_ROWS = 4096


class Hoarder(Encoder):
    """Takes 64 KiB a row for a moment, in a way that leaves no trace for the way back."""

    type: Literal["hoarder"] = "hoarder"
    kinds = frozenset({Kind.SCALAR})

    def build(self, shapes):
        class Module(torch.nn.Module):
            width = sum(shape.width for shape in shapes)

            def forward(self, x):
                with torch.no_grad():
                    torch.zeros(len(x), 1 << 14).add_(1.0)
                return x

        return Module()


def main(kind, mebibytes):
    random = np.random.default_rng(0)
    x = random.normal(size=(N_ROWS, 8)).astype(np.float32)
    rows = Dataset(
        {"x": EncodedColumn(Kind.VECTOR if kind == "wide" else Kind.SCALAR, x)},
        {"y": EncodedColumn(Kind.SCALAR, (x[:, :1] > 0).astype(np.float32))},
        N_ROWS,
    )
    shape = Shape(kind=Kind.VECTOR if kind == "wide" else Kind.SCALAR, width=8)
    encoder = None if kind == "wide" else Hoarder()
    keys = {"num_fc_layers": 4, "output_size": 2048} if kind == "wide" else {"num_fc_layers": 1}
    problem = Problem(
        (Input("x", "vector" if kind == "wide" else "number", shape, encoder),),
        (Output("y", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes")),),
        ConcatCombiner(**keys),
    )
    heard = []
    family = NeuralFamily()
    trainer = family.Trainer(epochs=1, batch_size=N_ROWS, checkpoint_interval=0)
    with tempfile.TemporaryDirectory() as folder:
        context = FitContext(
            seed=1,
            events=Events(lambda e: heard.append(e.data) if e.kind == "warning" else None),
            folder=Path(folder),
            backend=Backend(threads=1, device="cpu"),
        )
        torch.zeros(8, requires_grad=True).sum().backward()  # what backward starts is there
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(mebibytes) * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        model = family.fit(problem, rows, None, trainer=trainer, context=context)
    losses = [entry["losses"]["train"] for entry in model.history]
    record = {"warnings": heard, "parts": model.facts["batch_parts"], "losses": losses}
    sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
