"""Made-up rows of every kind of column, for the contract of families, and changes to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import EncodedColumn, Kind, RowValue, Shape
from ordain.features.feature import Form
from ordain.models.family import Dataset, Input, Output

BUCKETS = 50
"""Ids of the text column."""

OUTPUTS = {
    "number": Output("number", "number", Shape(kind=Kind.SCALAR), bounds=(-8.0, 8.0)),
    "binary": Output("binary", "binary", Shape(kind=Kind.SCALAR, role="binary"), ("no", "yes")),
    "category": Output(
        "category", "category", Shape(kind=Kind.INDEX, cardinality=3), ("red", "green", "blue")
    ),
}


def make_inputs(text: Form) -> tuple[Input, ...]:
    """Return a number, a wide number, a binary, a category, a vector and a text."""
    kinds = {Form.TREES: Kind.VECTOR, Form.TOKENS: Kind.TOKENS}
    kind = kinds.get(text, Kind.BAG)
    words = (
        Shape(kind=kind, width=4) if kind is Kind.VECTOR else Shape(kind=kind, cardinality=BUCKETS)
    )
    return (
        Input("number_in", "number", Shape(kind=Kind.SCALAR)),
        Input("wide_in", "number", Shape(kind=Kind.SCALAR, width=2)),
        Input("binary_in", "binary", Shape(kind=Kind.SCALAR, role="binary")),
        Input("category_in", "category", Shape(kind=Kind.INDEX, cardinality=5)),
        Input("date_in", "date", Shape(kind=Kind.VECTOR, width=3)),
        Input("text_in", "text", words),
    )


def make_rows(n_rows: int, text: Form, random: np.random.Generator) -> Dataset:
    """Return rows whose outputs follow from the inputs, with some noise."""

    def normal(width: int) -> npt.NDArray[np.float32]:
        return random.normal(size=(n_rows, width)).astype(np.float32)

    number, vector = normal(1), normal(3)
    category = random.integers(0, 4, n_rows).astype(np.int32)
    is_missing = random.random((n_rows, 1)) < 0.1  # noqa: PLR2004
    wide = np.hstack([np.where(is_missing, 0, normal(1)), is_missing]).astype(np.float32)
    binary = random.choice(np.array([0, 0.5, 1], dtype=np.float32), (n_rows, 1), p=[0.4, 0.1, 0.5])
    signal = number[:, 0] + (category == 2) - (category == 1) + binary[:, 0]  # noqa: PLR2004
    signal = signal + 0.3 * random.normal(size=n_rows)
    inputs = {
        "number_in": EncodedColumn(Kind.SCALAR, number),
        "wide_in": EncodedColumn(Kind.SCALAR, wide),
        "binary_in": EncodedColumn(Kind.SCALAR, binary),
        "category_in": EncodedColumn(Kind.INDEX, category),
        "date_in": EncodedColumn(Kind.VECTOR, vector),
        "text_in": _words(n_rows, text, random),
    }
    truth = signal.astype(np.float32)[:, None]
    outputs = {
        "number": EncodedColumn(Kind.SCALAR, truth),
        "binary": EncodedColumn(Kind.SCALAR, (truth > 0.5).astype(np.float32)),  # noqa: PLR2004
        "category": EncodedColumn(Kind.INDEX, np.digitize(signal, [0, 1]).astype(np.int32)),
    }
    return Dataset(inputs, outputs, n_rows)


def _words(n_rows: int, text: Form, random: np.random.Generator) -> EncodedColumn:
    if text is Form.TREES:
        return EncodedColumn(Kind.VECTOR, random.normal(size=(n_rows, 4)).astype(np.float32))
    lengths = random.integers(0, 6, n_rows)
    rows = [np.sort(random.choice(BUCKETS, n, replace=False)) for n in lengths]
    ids = np.concatenate([*rows, np.zeros(0)]).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    if text is Form.TOKENS:
        return EncodedColumn(Kind.TOKENS, ids, offsets)
    weights = random.random(len(ids)).astype(np.float32)
    return EncodedColumn(Kind.BAG, ids, offsets, weights)


def row_cells(inputs: Sequence[Input], columns: Mapping[str, EncodedColumn], row: int) -> list[Any]:
    """Return one row's cells as `Feature.row` gives them, in the order of the inputs."""
    return [_cell(column.shape, columns[column.name].rows(row, row + 1)) for column in inputs]


def _cell(shape: Shape, one: EncodedColumn) -> RowValue:
    if shape.kind is Kind.INDEX:
        return int(one.values[0])
    if shape.kind is Kind.TOKENS:
        return [int(value) for value in one.values]
    if shape.kind is Kind.BAG:
        assert one.weights is not None, "a bag has weights"
        return one.values.tolist(), one.weights.tolist()
    values = tuple(float(value) for value in one.values.reshape(-1))
    return values[0] if shape.kind is Kind.SCALAR and shape.width == 1 else values


def only_input(rows: Dataset, name: str) -> Dataset:
    """Return rows with one input alone."""
    return replace(rows, inputs={name: rows.inputs[name]})


def with_constant_truth(rows: Dataset) -> Dataset:
    """Return rows whose truths never vary."""
    n = rows.n_rows
    outputs = {
        "number": EncodedColumn(Kind.SCALAR, np.full((n, 1), 1.5, dtype=np.float32)),
        "binary": EncodedColumn(Kind.SCALAR, np.ones((n, 1), dtype=np.float32)),
        "category": EncodedColumn(Kind.INDEX, np.ones(n, dtype=np.int32)),
    }
    return replace(rows, outputs=outputs)


def with_missing_columns(rows: Dataset, *, is_nan: bool) -> Dataset:
    """Return rows of which a number and a category are all missing."""
    n = rows.n_rows
    number = np.full((n, 1), np.nan if is_nan else 0, dtype=np.float32)
    inputs = {
        **rows.inputs,
        "number_in": EncodedColumn(Kind.SCALAR, number),
        "category_in": EncodedColumn(Kind.INDEX, np.zeros(n, dtype=np.int32)),
    }
    return replace(rows, inputs=inputs)


def frozen(rows: Dataset) -> Dataset:
    """Return rows whose arrays may not be written to."""
    for column in (*rows.inputs.values(), *rows.outputs.values()):
        for array in (column.values, column.offsets, column.weights):
            if array is not None:
                array.flags.writeable = False
    return rows


def copied(columns: Mapping[str, EncodedColumn]) -> dict[str, EncodedColumn]:
    """Return columns whose values are not shared."""
    return {name: replace(column, values=column.values.copy()) for name, column in columns.items()}
