"""Trainings made up from two frames, as checks see them."""

import numpy as np
import polars as pl

from ordain.evaluation.checks.check import CHECKS, Training
from ordain.evaluation.evaluate import SetScores, judge_output
from ordain.evaluation.scores import UNSEEN
from ordain.evaluation.subject import Column, Subject, Target
from ordain.features.encoded import EncodedColumn, Kind


def encoded(column):
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.cast(pl.Float32).fill_null(float("nan")).to_numpy()[:, None]
        return EncodedColumn(Kind.SCALAR, np.ascontiguousarray(values))
    codes = column.cast(pl.String).fill_null("").hash() % 1_000
    return EncodedColumn(Kind.INDEX, codes.cast(pl.Int32).to_numpy())


def target_of(frame, column, kind, labels, scores=None):
    cells = frame[column]
    if kind == "number":
        truth = cells.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    else:
        places = {label: place for place, label in enumerate(labels)}
        known = cells.cast(pl.String)
        truth = known.replace_strict(places, default=UNSEEN, return_dtype=pl.Int64)
        truth = truth.set(known.is_null(), -2).to_numpy()
    if scores is None:
        scores = noisy_scores(truth, kind, len(labels))
    return Target(column, column, kind, tuple(labels), truth, scores)


def noisy_scores(truth, kind, n_classes):
    random = np.random.default_rng(len(truth))
    if kind == "number":
        known = np.nan_to_num(truth)
        noise = 0.3 * known.std() if len(known) else 0.0
        return known + random.normal(0, noise + 1e-9, len(known))
    if kind == "binary":
        return np.clip(0.5 + 0.3 * (2 * (truth > 0) - 1) + random.normal(0, 0.15, len(truth)), 0, 1)
    scores = random.random((len(truth), n_classes)) + 2 * np.eye(n_classes)[np.maximum(truth, 0)]
    return scores / scores.sum(axis=1, keepdims=True)


def subject_of(frame, column, kind, labels, *, scores=None, types=None, name="test", inputs=None):
    names = inputs if inputs is not None else [n for n in frame.columns if n != column]
    guess = {n: "number" if frame[n].dtype.is_numeric() else "category" for n in names}
    target = target_of(frame, column, kind, labels, scores)
    return Subject(
        frame=frame,
        columns=tuple(Column(n, n, (types or {}).get(n, guess[n])) for n in names),
        encoded={n: encoded(frame[n]) for n in names},
        targets={column: target},
        score=lambda columns: {column: np.zeros(len(next(iter(columns.values()))))},
        encode=lambda name, values, rows: encoded(values),
        set=name,
    )


def training_of(train, test, column, kind="binary", *, labels=("no", "yes"), baselines=None,
                scores=None, types=None, inputs=None, **more):  # fmt: skip
    """Return a training; its scores are the truth with noise unless they are given."""
    if kind == "number":
        labels = ()
    keys = {"types": types, "inputs": inputs}
    judges = subject_of(test, column, kind, labels, scores=scores, **keys)
    target = judges.targets[column]
    judged = judge_output(
        kind, {"test": SetScores(target.truth, target.scores, baselines or {})}, labels
    )
    return Training(
        train=subject_of(train, column, kind, labels, name="train", **keys),
        test=judges,
        judged={column: judged},
        **{"family": "neural", **more},
    )


def halves(frame):
    """Return every second row and the others."""
    is_first = pl.Series(np.arange(frame.height) % 2 == 0)
    return frame.filter(is_first), frame.filter(~is_first)


def people(n_rows=2_000, *, seed=0, **more):
    """Return rows whose inputs tell a little of the target, as honest data does."""
    random = np.random.default_rng(seed)
    age, income = random.normal(40, 12, n_rows).round(), random.lognormal(10, 0.5, n_rows)
    odds = 0.04 * (age - 40) + 0.8 * (np.log(income) - 10) + random.normal(0, 1, n_rows)
    return pl.DataFrame(
        {
            "age": age,
            "income": income,
            "city": random.choice(["Bern", "Rome", "Oslo"], n_rows),
            "churn": np.where(odds > 0.8, "yes", "no"),
            "spend": income / 50 + 5 * age + random.normal(0, 100, n_rows),
            "plan": np.where(odds > 1, "gold", np.where(odds > 0, "silver", "basic")),
            **more,
        }
    )


def answers(name, training, **keys):
    return CHECKS.build({"type": name, **keys}).run(training)


def answer(name, training, **keys):
    found = answers(name, training, **keys)
    assert len(found) == 1
    return found[0]
