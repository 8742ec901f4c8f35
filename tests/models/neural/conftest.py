"""A small table with a number and a yes/no to learn, and a way to fit it."""

import threading

import numpy as np
import pytest

from ordain.core.events import Events
from ordain.features.encoded import EncodedColumn, Kind, Shape
from ordain.models.families.neural import NeuralFamily
from ordain.models.family import Backend, Dataset, FitContext, Input, Output, Problem


class Table:
    """Three numbers, a category of 5 and one of 12; `yes` and `amount` follow from them."""

    def __init__(self, n_rows=300, seed=0):
        random = np.random.default_rng(seed)
        numbers = random.normal(size=(n_rows, 3)).astype(np.float32)
        few = random.integers(0, 5, n_rows).astype(np.int32)
        many = random.integers(0, 12, n_rows).astype(np.int32)
        signal = numbers[:, 0] * numbers[:, 1] + (few == 2) + 0.2 * random.normal(size=n_rows)
        self.inputs = {
            f"x{i}": EncodedColumn(Kind.SCALAR, numbers[:, i : i + 1].copy()) for i in range(3)
        }
        self.inputs |= {
            "few": EncodedColumn(Kind.INDEX, few),
            "many": EncodedColumn(Kind.INDEX, many),
        }
        self.outputs = {
            "yes": EncodedColumn(Kind.SCALAR, (signal > 0.3).astype(np.float32)[:, None]),
            "amount": EncodedColumn(Kind.SCALAR, signal.astype(np.float32)[:, None]),
        }
        self.data = Dataset(self.inputs, self.outputs, n_rows)

    @staticmethod
    def problem(*outputs, **changes):
        number = Shape(kind=Kind.SCALAR)
        inputs = [Input(f"x{i}", "number", number) for i in range(3)]
        inputs += [
            Input("few", "category", Shape(kind=Kind.INDEX, cardinality=5)),
            Input("many", "category", Shape(kind=Kind.INDEX, cardinality=12)),
        ]
        known = {
            "yes": Output("yes", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes")),
            "amount": Output("amount", "number", number, bounds=(-3.0, 3.0)),
        }
        chosen = tuple(known[name] for name in outputs or ("yes",))
        return Problem(tuple(inputs), chosen, **changes)


@pytest.fixture
def table():
    return Table


@pytest.fixture
def fit(tmp_path):
    """Fit the table: ``fit(epochs=3)``; `heard` of the function collects events."""
    heard = []

    def run(problem=None, train=None, validation=None, *, backend=None, cached=None, stop=None,
            folder=None, listener=None, **trainer):  # fmt: skip
        family = NeuralFamily()
        context = FitContext(
            seed=5,
            events=Events(heard.append, *([listener] if listener else [])),
            folder=folder or tmp_path / "checkpoints",
            backend=backend or Backend(),
            stop=stop or threading.Event(),
            cached=cached,
        )
        return family.fit(
            problem or Table.problem(),
            train or Table().data,
            validation if validation is not None else Table(100, seed=1).data,
            trainer=family.Trainer(**trainer),
            context=context,
        )

    run.heard = heard
    return run
