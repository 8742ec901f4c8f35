"""Judge scores against the truth, output by output, in the units of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.document import Document, OutputFeature
from ordain.core.component import sealed
from ordain.evaluation.evaluate import MISSING, UNSEEN, SetScores, judge_output
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.metric import Metric, find_metric
from ordain.evaluation.sample import THRESHOLD
from ordain.features.feature import Encoding, Scores
from ordain.features.labels import read_labels
from ordain.features.number_cells import NumberEncoding
from ordain.features.numerals import read_numbers
from ordain.store.problem import labels_of

if TYPE_CHECKING:
    from ordain.store.model import Model

Array = npt.NDArray[Any]


def judge_sets(
    document: Document,
    encodings: Mapping[str, Encoding],
    *,
    truth: Mapping[str, Mapping[str, pl.Series]],
    scores: Mapping[str, Mapping[str, Scores]],
    baselines: Mapping[str, Mapping[str, Mapping[str, Scores]]] | None = None,
    others: Mapping[str, Mapping[str, Mapping[str, Array]]] | None = None,
    groups: Mapping[str, Array] | None = None,
    their_thresholds: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, OutputSummary]:
    """Return the judgement of each output on every set, beside the baselines.

    Args:
        document: says which metrics.
        encodings: by feature name.
        truth: the output columns as they were read, by set.
        scores: this model's, by set.
        baselines: those of other models on the same rows, by name and set.
        others: more baselines, whose scores are as metrics read them already.
        groups: which group each row is of, by set, where the split keeps groups together.
        their_thresholds: of other models, by name and output, where they have their own.
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
                }
                | {
                    other: by_set[name][feature.name]
                    for other, by_set in (others or {}).items()
                    if name in by_set
                },
                threshold=getattr(encoding, "threshold", THRESHOLD),
                groups=(groups or {}).get(name),
                their_thresholds={
                    other: by_output[feature.name]
                    for other, by_output in (their_thresholds or {}).items()
                    if feature.name in by_output
                },
            )
            for name, found in scores.items()
        }
        judged[feature.name] = judge_output(
            feature.type,
            sets,
            labels_of(encoding),
            metrics=document.evaluation.measured,
            optimize=_decisive(document),
        )
    return judged


def judge_frame(
    model: Model, rows: pl.DataFrame, *, name: str = "given"
) -> dict[str, OutputSummary]:
    """Return the judgement of each output on a frame with inputs and targets.

    Raises:
        DataError: a column is missing.
    """
    document = model.document
    model.require(rows.columns, with_targets=True)
    rows = model.with_derived(rows)
    if document.data.where:
        from ordain.data import apply_expressions

        rows = apply_expressions(rows, where=document.data.where)
    # A bundle is data: its document may name a function, but not have it called.
    with sealed():
        return judge_sets(
            document,
            model.encodings,
            truth={name: {f.name: rows[f.column] for f in document.output_features}},
            scores={name: model.scores(rows)},
        )


def _decisive(document: Document) -> Metric[Any] | None:
    """Return the metric that `evaluation.optimize` names: by its name among `metrics`, or type."""
    wanted = document.evaluation.optimize
    return None if wanted is None else find_metric(wanted, document.evaluation.metrics)


def true_values(feature: OutputFeature, encoding: Encoding, column: pl.Series) -> Array:
    """Return the truth as metrics read it: 0 or 1, a class index, or a number in its unit [N].

    A missing number is NaN; a class that training has not seen is `UNSEEN`, one that is missing
    `MISSING`.
    """
    if isinstance(encoding, NumberEncoding):
        return read_numbers(column, style=encoding.style)
    encoded = feature.preprocessing.encode(column, encoding).values
    values: Array = encoded[:, 0] if encoded.ndim > 1 else encoded
    is_unknown = np.isnan(values) if values.dtype.kind == "f" else values < 0
    if is_unknown.any():
        is_missing = is_unknown & read_labels(column).is_null().to_numpy()
        values = np.where(is_missing, MISSING, np.where(is_unknown, UNSEEN, values))
    return values


def scored_values(feature: OutputFeature, encoding: Encoding, scores: Scores) -> Array:
    """Return scores as metrics read them: probabilities, or numbers in the unit of the truth."""
    if feature.type != "number":
        return scores
    decoded = feature.preprocessing.decode(scores, encoding, feature.name)
    return decoded[f"{feature.name}_prediction"].to_numpy()
