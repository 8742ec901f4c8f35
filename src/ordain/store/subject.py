"""Make the subject that analyses read: a model with the rows it is studied on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document
from ordain.evaluation.sample import THRESHOLD, Array
from ordain.evaluation.subject import Column, Encoded, Subject, Target
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Encoding, Scores
from ordain.models.family import FittedModel
from ordain.store.judge import scored_values, true_values
from ordain.store.problem import labels_of

if TYPE_CHECKING:
    from ordain.store.model import Model

Baselines = Mapping[str, Mapping[str, Scores]]


def subject_of(model: Model, rows: pl.DataFrame, *, name: str = "given") -> Subject:
    """Return a model with rows that hold its inputs and targets.

    Args:
        model: opened from a bundle.
        rows: as they are read; derived columns are computed here, `where` is applied.
        name: what the set of rows is called.

    Raises:
        DataError: an input or target column is missing.
    """
    document = model.document
    model.require(rows.columns, with_targets=True)
    rows = model.with_derived(rows)
    if document.data.where:
        from ordain.data import apply_expressions

        rows = apply_expressions(rows, where=document.data.where)
    encoded = {
        feature.name: feature.preprocessing.encode(
            rows[feature.column], model.encodings[feature.name]
        )
        for feature in document.inputs
    }
    return make_subject(
        document, model.encodings, model.fitted, frame=rows, encoded=encoded, name=name
    )


def make_subject(
    document: Document,
    encodings: Mapping[str, Encoding],
    fitted: FittedModel,
    *,
    frame: pl.DataFrame,
    encoded: Encoded,
    name: str,
    scores: Mapping[str, Scores] | None = None,
    baselines: Baselines | None = None,
    groups: npt.NDArray[np.int64] | None = None,
    row_ids: npt.NDArray[np.int64] | None = None,
) -> Subject:
    """Return a subject of rows that are encoded already.

    Args:
        document: with features settled.
        encodings: by feature name.
        fitted: the model.
        frame: N rows as they were read, targets included.
        encoded: the inputs of the same rows.
        name: of the set of rows.
        scores: raw scores of the rows by output, where they are known.
        baselines: raw scores of the rows by the name of another model, then by output.
        groups: see `Subject`.
        row_ids: see `Subject`.
    """
    inputs = {feature.name: feature for feature in document.inputs}

    def score(columns: Encoded) -> dict[str, Array]:
        raw = fitted.predict(columns)
        return {
            feature.name: scored_values(feature, encodings[feature.name], raw[feature.name])
            for feature in document.output_features
        }

    def encode(feature_name: str, values: pl.Series) -> EncodedColumn:
        return inputs[feature_name].preprocessing.encode(values, encodings[feature_name])

    raw = fitted.predict(encoded) if scores is None else scores
    targets = {
        feature.name: Target(
            name=feature.name,
            column=feature.column,
            type=feature.type,
            labels=labels_of(encodings[feature.name]),
            truth=true_values(feature, encodings[feature.name], frame[feature.column]),
            scores=scored_values(feature, encodings[feature.name], raw[feature.name]),
            threshold=getattr(encodings[feature.name], "threshold", THRESHOLD),
            baselines={
                other: scored_values(feature, encodings[feature.name], found[feature.name])
                for other, found in (baselines or {}).items()
            },
        )
        for feature in document.output_features
    }
    return Subject(
        frame=frame,
        columns=tuple(Column(f.name, f.column, f.type) for f in document.inputs),
        encoded=encoded,
        targets=targets,
        score=score,
        encode=encode,
        attribute=fitted.attribute,
        set=name,
        groups=groups,
        row_ids=row_ids,
        seed=document.seed,
    )
