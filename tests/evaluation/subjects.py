"""Subjects made up from a seed: rows with truth and scores, and no model behind them."""

import numpy as np
import polars as pl

from ordain.evaluation.subject import Column, Subject, Target

TYPES = {pl.String: "category", pl.Boolean: "binary", pl.Date: "date"}


def expit(odds):
    return 1 / (1 + np.exp(-odds))


def binary_target(truth, scores, **more):
    given = {"labels": ("No", "Yes"), "name": "churn", "column": "churn"}
    return Target(
        type="binary", truth=np.asarray(truth), scores=np.asarray(scores), **{**given, **more}
    )


def category_target(truth, scores, labels, **more):
    given = {"name": "topic", "column": "topic", **more}
    return Target(
        type="category",
        labels=labels,
        truth=np.asarray(truth),
        scores=np.asarray(scores),
        **given,
    )


def number_target(truth, scores, **more):
    given = {"name": "price", "column": "price", "labels": (), **more}
    return Target(type="number", truth=np.asarray(truth), scores=np.asarray(scores), **given)


def subject_of(frame, *targets, types=None, **more):
    """Return a subject of a frame whose columns are the inputs."""
    columns = tuple(
        Column(name, name, (types or {}).get(name, TYPES.get(frame.schema[name], "number")))
        for name in frame.columns
    )
    return Subject(
        frame=frame,
        columns=columns,
        encoded={},
        targets={target.name: target for target in targets},
        score=lambda _: {target.name: target.scores for target in targets},
        encode=lambda *_: None,
        **more,
    )
