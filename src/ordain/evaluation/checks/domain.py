"""Two samples of rows told apart by a model that learns which is which (a domain classifier).

Source: Lopez-Paz and Oquab 2017, "Revisiting classifier two-sample tests".
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ordain.core.events import Events
from ordain.evaluation.evaluate import evaluate_output
from ordain.evaluation.judgement import Interval
from ordain.evaluation.subject import Encoded
from ordain.features.encoded import EncodedColumn, Kind, Shape, concatenate
from ordain.models.family import FAMILIES, Dataset, Family, FitContext, Input, Output, Problem

DOMAIN = "domain"
N_PARTS = 2
TREES = {
    "num_boost_round": 30,
    "num_leaves": 16,
    "learning_rate": 0.2,
    "early_stop": -1,
    # Every column and row for every tree: what only shows in two columns together must be seen.
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "bagging_freq": 0,
    "min_data_in_leaf": 20,
}
MOST_WORDS = 1 << 18
"""Ids of a text column up to which it is looked at."""


def tell_apart(
    first: Encoded, second: Encoded, *, names: Sequence[str], seed: int
) -> tuple[float, Interval | None] | None:
    """Return how well a model tells rows of two samples apart, with its interval.

    The area under the ROC curve: 0.5 where the samples are drawn alike, 1 where any row shows where
    it is from. Each half of the rows is told apart by a model that learned from the other half.

    Args:
        first: encoded inputs of N rows.
        second: of M rows.
        names: of the inputs to look at.
        seed: of the halves and of the model.

    Returns:
        None where no input can be looked at.
    """
    columns = {n: concatenate([first[n], second[n]]) for n in names if is_readable(first[n])}
    if not columns:
        return None
    sizes = [len(next(iter(one.values()))) for one in (first, second)]
    truth = np.repeat(np.array([0, 1]), sizes)
    parts = np.random.default_rng(seed).permutation(len(truth)) % N_PARTS
    family = _family(columns)
    scores = np.zeros(len(truth))
    for part in range(N_PARTS):
        learns, judges = np.flatnonzero(parts != part), np.flatnonzero(parts == part)
        scores[judges] = _scores(family, columns, truth, learns=learns, judges=judges, seed=seed)
    judged = evaluate_output(
        "binary", truth, scores, metrics=["roc_auc"], has_intervals=True, has_detail=False
    )
    value = judged.metrics["roc_auc"]
    return None if value is None else (value, judged.interval)


def is_readable(column: EncodedColumn) -> bool:
    """Return whether a domain classifier reads the column; sequences of tokens are left out."""
    if column.kind is Kind.TOKENS:
        return False
    return column.kind is not Kind.BAG or int(column.values.max(initial=0)) < MOST_WORDS


def _family(columns: Mapping[str, EncodedColumn]) -> Family:
    """Return trees, or the linear family where there is text, which trees do not read."""
    has_text = any(column.kind is Kind.BAG for column in columns.values())
    return FAMILIES.build("linear" if has_text else "gbm")


def _scores(
    family: Family,
    columns: Mapping[str, EncodedColumn],
    truth: npt.NDArray[np.int64],
    *,
    learns: npt.NDArray[np.int64],
    judges: npt.NDArray[np.int64],
    seed: int,
) -> npt.NDArray[np.float64]:
    problem = Problem(
        tuple(Input(name, "", _shape(column)) for name, column in columns.items()),
        (Output(DOMAIN, "binary", Shape(kind=Kind.SCALAR, role="binary"), ("first", "second")),),
    )
    answers = EncodedColumn(Kind.SCALAR, truth[learns].astype(np.float32)[:, None])
    rows = Dataset(
        inputs={name: column.take(learns) for name, column in columns.items()},
        outputs={DOMAIN: answers},
        n_rows=len(learns),
    )
    keys = TREES if family.type == "gbm" else {"regularization": 1.0, "max_iterations": 30}
    with tempfile.TemporaryDirectory() as folder:
        fitted = family.fit(
            problem,
            rows,
            None,
            trainer=family.Trainer.model_validate(keys),
            context=FitContext(seed=seed, events=Events(), folder=Path(folder)),
        )
    found = fitted.predict({name: column.take(judges) for name, column in columns.items()})
    return np.asarray(found[DOMAIN], dtype=np.float64)


def _shape(column: EncodedColumn) -> Shape:
    if column.kind in {Kind.SCALAR, Kind.VECTOR}:
        return Shape(kind=column.kind, width=column.values.shape[1])
    return Shape(kind=column.kind, cardinality=int(column.values.max(initial=0)) + 1)
