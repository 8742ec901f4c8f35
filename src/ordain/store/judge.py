"""Judge scores against the truth, output by output, in the units of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document, OutputFeature
from ordain.evaluation.evaluate import SetScores, judge_output
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.sample import THRESHOLD
from ordain.features.encoded import EncodedColumn
from ordain.features.feature import Encoding, Scores
from ordain.features.scaling import unscale_array
from ordain.store.problem import labels_of

if TYPE_CHECKING:
    from ordain.store.model import Model

Array = npt.NDArray[Any]


def judge_sets(
    document: Document,
    encodings: Mapping[str, Encoding],
    *,
    truth: Mapping[str, Mapping[str, EncodedColumn]],
    scores: Mapping[str, Mapping[str, Scores]],
    baselines: Mapping[str, Mapping[str, Mapping[str, Scores]]] | None = None,
) -> dict[str, OutputSummary]:
    """Return the judgement of each output on every set, beside the baselines.

    Args:
        document: says which metrics.
        encodings: by feature name.
        truth: encoded outputs, by set.
        scores: this model's, by set.
        baselines: those of other models on the same rows, by name and set.
    """
    judged = {}
    for feature in document.output_features:
        encoding = encodings[feature.name]
        sets = {
            name: SetScores(
                truth=true_values(feature, encoding, truth[name][feature.name]),
                scores=scored_values(feature, encoding, found[feature.name]),
                baselines={
                    other: scored_values(feature, encoding, by_set[name][feature.name])
                    for other, by_set in (baselines or {}).items()
                    if name in by_set
                },
                threshold=getattr(encoding, "threshold", THRESHOLD),
            )
            for name, found in scores.items()
        }
        judged[feature.name] = judge_output(
            feature.type, sets, labels_of(encoding), metrics=document.evaluation.metrics
        )
    return judged


def judge_frame(
    model: Model, rows: pl.DataFrame, *, name: str = "given"
) -> dict[str, OutputSummary]:
    """Return the judgement of each output on a frame with inputs and targets.

    Raises:
        DataError: a column is missing.
    """
    from ordain.store.model import missing_columns

    document = model.document
    targets = [feature.column for feature in document.output_features]
    missing = [target for target in targets if target not in rows.columns]
    if missing:
        raise missing_columns(missing, rows.columns)
    rows = model.with_derived(rows)
    if document.data.where:
        from ordain.data import apply_expressions

        rows = apply_expressions(rows, where=document.data.where)
    truth = {
        feature.name: feature.preprocessing.encode(
            rows[feature.column], model.encodings[feature.name]
        )
        for feature in document.output_features
    }
    return judge_sets(
        document, model.encodings, truth={name: truth}, scores={name: model.scores(rows)}
    )


def true_values(feature: OutputFeature, encoding: Encoding, truth: EncodedColumn) -> Array:
    """Return the truth as metrics read it: 0 or 1, a class index, or a number in its unit [N]."""
    values: Array = truth.values[:, 0] if truth.values.ndim > 1 else truth.values
    if feature.type != "number":
        return values
    original: Array = unscale_array(np.asarray(values, np.float64), encoding.scaling)  # type: ignore[attr-defined]
    return original


def scored_values(feature: OutputFeature, encoding: Encoding, scores: Scores) -> Array:
    """Return scores as metrics read them: probabilities, or numbers in the unit of the truth."""
    if feature.type != "number":
        return scores
    decoded = feature.preprocessing.decode(scores, encoding, feature.name)
    return decoded[f"{feature.name}_prediction"].to_numpy()
