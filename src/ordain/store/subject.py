"""Make the subject that analyses read: a model with the rows it is studied on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document, OutputFeature
from ordain.evaluation.decision.decision import Decision
from ordain.evaluation.sample import THRESHOLD, Array
from ordain.evaluation.scores import MISSING
from ordain.evaluation.subject import Column, Encoded, Subject, Target
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Encoding, Scores
from ordain.features.number_cells import NumberEncoding
from ordain.features.scaling import Scaling
from ordain.models.attribution import Attribution
from ordain.models.family import FittedModel
from ordain.store.bundle import GOLDEN
from ordain.store.judge import scored_values, true_values
from ordain.store.problem import labels_of

if TYPE_CHECKING:
    from ordain.store.model import Model

N_BACKGROUND = 64
LINEAR = frozenset({"zscore", "minmax", "iq"})
"""Scales of a target that are a factor and a shift."""
_PLACE = "__ordain_row__"
Baselines = Mapping[str, Mapping[str, Scores]]


def subject_of(
    model: Model,
    rows: pl.DataFrame,
    *,
    name: str = "given",
    is_judged: bool = True,
    row_ids: npt.NDArray[np.int64] | None = None,
) -> Subject:
    """Return a model with rows that hold its inputs.

    Args:
        model: opened from a bundle.
        rows: as they are read; derived columns are computed here.
        name: what the set of rows is called.
        is_judged: whether the rows must hold the targets, and `where` picks among them; else every
            row stays, and a target that is not there is unknown.
        row_ids: see `Subject`.

    Raises:
        DataError: an input column is missing, or a target where one must be there.
    """
    document = model.document
    model.require(rows.columns, with_targets=is_judged)
    rows = model.with_derived(rows)
    if is_judged and document.data.where:
        from ordain.data import apply_expressions

        ids = np.arange(rows.height) if row_ids is None else row_ids
        rows = rows.with_columns(pl.Series(_PLACE, ids))
        rows = apply_expressions(rows, where=document.data.where)
        row_ids, rows = rows[_PLACE].to_numpy(), rows.drop(_PLACE)
    targets = [feature.column for feature in document.output_features]
    rows = rows.with_columns(
        pl.lit(None, dtype=pl.String).alias(column)
        for column in targets
        if column not in rows.columns
    )
    made = make_subject(
        document,
        model.encodings,
        model.fitted,
        frame=rows,
        encoded=model.encoded(rows),
        name=name,
        decisions=model.decisions,
        background=background_of(model),
        row_ids=row_ids,
    )
    derived = frozenset(document.data.columns)
    # A column computed in its own place is lost as it was read: it cannot be computed again.
    if not derived or derived & set(model.input_columns):
        return replace(made, derived=derived)
    return replace(
        made, derive=lambda frame: model.with_derived(frame.drop(derived)), derived=derived
    )


def background_of(model: Model) -> Encoded | None:
    """Return the rows kept in the model's bundle, encoded; None for a model without one."""
    if model.path is None or not (model.path / GOLDEN).exists():
        return None
    return background_of_rows(model, pl.read_parquet(model.path / GOLDEN))


def background_of_rows(model: Model, rows: pl.DataFrame) -> Encoded | None:
    """Return rows with a model's input columns encoded; None for no rows."""
    return model.encoded(model.with_derived(rows)) if rows.height else None


def make_subject(
    document: Document,
    encodings: Mapping[str, Encoding],
    fitted: FittedModel,
    *,
    frame: pl.DataFrame,
    encoded: Encoded,
    name: str,
    background: Encoded | None = None,
    decisions: Mapping[str, Decision] | None = None,
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
        background: see `Subject`; by default the first of the rows.
        decisions: that mend the model's scores, by output.
        scores: raw scores of the rows by output, where they are known.
        baselines: raw scores of the rows by the name of another model, then by output.
        groups: see `Subject`.
        row_ids: see `Subject`.
    """
    inputs = {feature.name: feature for feature in document.inputs}

    def read(raw: Mapping[str, Scores]) -> dict[str, Array]:
        found = {}
        for feature in document.output_features:
            made = (decisions or {}).get(feature.name)
            scores = raw[feature.name] if made is None else made.calibrated(raw[feature.name])
            found[feature.name] = scored_values(feature, encodings[feature.name], scores)
        return found

    def score(columns: Encoded) -> dict[str, Array]:
        return read(fitted.predict(columns))

    def encode(name: str, values: pl.Series, rows: pl.DataFrame | None) -> EncodedColumn:
        return inputs[name].preprocessing.encode(values, encodings[name], rows)

    known = background or {name: column.rows(0, N_BACKGROUND) for name, column in encoded.items()}

    def attribute(columns: Encoded, output: str) -> Attribution | None:
        found = fitted.attribute(columns, output, background=known)
        encoding = encodings[output]
        if found is None or found.scale != "value" or not isinstance(encoding, NumberEncoding):
            return found
        return in_units(found, encoding.scaling)

    own = score(encoded) if scores is None else read(scores)
    targets = {
        feature.name: Target(
            name=feature.name,
            column=feature.column,
            type=feature.type,
            labels=labels_of(encodings[feature.name]),
            truth=_truth(feature, encodings[feature.name], frame[feature.column]),
            scores=own[feature.name],
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
        background=known,
        attribute=attribute,
        set=name,
        groups=groups,
        row_ids=row_ids,
        seed=document.seed,
    )


def in_units(found: Attribution, scaling: Scaling) -> Attribution:
    """Return an attribution of encoded numbers in the units of the truth.

    Where the target was transformed by more than a factor and a shift (such as by a logarithm)
    shares cannot be carried over: it stays in the encoded scale, and says so.
    """
    if scaling.method is None:
        return found
    if scaling.method not in LINEAR:
        return replace(found, scale="encoded value")
    slope = 1.0 / scaling.factor if scaling.factor else 0.0
    return replace(
        found,
        values=found.values * slope,
        base=found.base * slope + scaling.center,
        margin=found.margin * slope + scaling.center,
    )


def _truth(feature: OutputFeature, encoding: Encoding, column: pl.Series) -> Array:
    if len(column) and column.null_count() == len(column):
        # A target that is not given: what its missing cells do in training is of no concern.
        return np.full(len(column), np.nan if feature.type == "number" else MISSING)
    return true_values(feature, encoding, column)
