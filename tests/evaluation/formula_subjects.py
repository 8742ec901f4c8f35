"""Subjects whose model is a formula, so that what an explanation must say is known."""

from __future__ import annotations

import numpy as np
import polars as pl

from ordain.evaluation.subject import Column, Subject, Target
from ordain.features.encoded import EncodedColumn, Kind

WORDS = ("good", "bad", "the", "a")


def encode_cells(values, kind):
    if kind == "number":
        cells = values.cast(pl.Float32).fill_null(float("nan")).to_numpy()
        return EncodedColumn(Kind.SCALAR, cells.astype(np.float32).reshape(-1, 1))
    if kind == "category":
        ids = values.replace_strict({"a": 1, "b": 2, "c": 3}, default=0).to_numpy()
        return EncodedColumn(Kind.INDEX, ids.astype(np.int32))
    ids = [[WORDS.index(w) for w in text.split() if w in WORDS] for text in values.to_list()]
    offsets = np.cumsum([0, *map(len, ids)]).astype(np.int64)
    return EncodedColumn(
        Kind.TOKENS, np.array([i for row in ids for i in row], dtype=np.int32), offsets
    )


def subject_by(frame, types, formula, *, target="number", truth=None, **more):
    """Return a subject of a frame whose scores are a formula of its encoded columns."""
    encoded = {name: encode_cells(frame[name], kind) for name, kind in types.items()}

    def score(inputs):
        return {"y": np.asarray(formula(inputs), dtype=np.float64)}

    scores = score(encoded)["y"]
    labels = {"number": (), "binary": ("no", "yes"), "category": ("p", "q", "r")}[target]
    answers = Target("y", "y", target, labels, scores if truth is None else truth, scores)
    return Subject(
        frame=frame,
        columns=tuple(Column(name, name, kind) for name, kind in types.items()),
        encoded=encoded,
        targets={"y": answers},
        score=score,
        encode=lambda name, values, rows: encode_cells(values, types[name]),
        **more,
    )


def number_of(inputs, name):
    return np.nan_to_num(inputs[name].values[:, 0].astype(np.float64))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))
