"""A decision: what was settled about one output after training, stored with the model.

It is made once, on validation rows, in this order: calibration, then threshold, intervals or label
sets, and abstention, each reading what those before it made. Prediction and serving obey it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from ordain.config.evaluation import Evaluation
from ordain.evaluation.decision.abstain import AbstainChoice, choose_confidence
from ordain.evaluation.decision.calibration import Calibration, Choice, choose
from ordain.evaluation.decision.conformal import Coverage, fit_intervals, fit_sets
from ordain.evaluation.decision.threshold import ThresholdChoice, choose_threshold
from ordain.evaluation.judgement import Record
from ordain.evaluation.metric import Metric
from ordain.evaluation.sample import Array
from ordain.evaluation.subject import Target


class Decision(Record):
    """What prediction does with the scores of one output; empty means as they are."""

    calibration: Calibration | None = None
    coverage: Coverage | None = None
    answer_from: float | None = None
    """Confidence under which no answer is given; None answers always."""

    @property
    def is_empty(self) -> bool:
        """Whether scores stay as they are and nothing is added to them."""
        return self.calibration is None and self.coverage is None and self.answer_from is None

    def calibrated(self, scores: Array) -> Array:
        """Return the probabilities mended [N] or [N, C]; other scores as they are."""
        return scores if self.calibration is None else self.calibration.apply(scores)

    def more_columns(
        self, name: str, scores: Array, columns: Mapping[str, pl.Series], labels: tuple[str, ...]
    ) -> dict[str, pl.Series]:
        """Return the columns that go beside, or replace, those an output decodes to.

        Numbers: ``<output>_low`` and ``<output>_high``. Classes: ``<output>_set``, a list of
        labels. With abstention: ``<output>_is_answered``, and no prediction where it is false.

        Args:
            name: of the output.
            scores: calibrated [N] or [N, C]; unused for numbers.
            columns: what the output decoded to, `<output>_prediction` among them.
            labels: names of the classes.
        """
        prediction = columns[f"{name}_prediction"]
        found: dict[str, pl.Series] = {}
        if self.coverage is not None and self.coverage.least_probability is None:
            low, high = self.coverage.interval(prediction.to_numpy())
            found[f"{name}_low"] = pl.Series(f"{name}_low", low)
            found[f"{name}_high"] = pl.Series(f"{name}_high", high)
        elif self.coverage is not None:
            found[f"{name}_set"] = _label_lists(self.coverage.labels(scores), labels, f"{name}_set")
        if self.answer_from is not None:
            is_answered = columns[f"{name}_probability"] >= self.answer_from
            found[f"{name}_is_answered"] = is_answered.alias(f"{name}_is_answered")
            empty = pl.Series([None], dtype=prediction.dtype)
            found[f"{name}_prediction"] = prediction.zip_with(is_answered, empty)
        return found

    def row(self) -> Callable[[Any], Any]:
        """Return `calibrated` for one row's score: a float, or a sequence of C floats."""
        return (lambda score: score) if self.calibration is None else self.calibration.row()

    def more_of_row(
        self, name: str, score: Any, row: Mapping[str, Any], labels: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return what `more_columns` gives for one row."""
        scores = np.asarray([score], dtype=np.float64)
        columns = {key: pl.Series(key, [value]) for key, value in row.items()}
        found = self.more_columns(name, scores, columns, labels)
        return {key: column.to_list()[0] for key, column in found.items()}


class Decided(Record):
    """A decision with its reasons, for the report."""

    decision: Decision = Field(default_factory=Decision)
    calibration: Choice | None = None
    threshold: ThresholdChoice | None = None
    abstain: AbstainChoice | None = None
    notes: tuple[str, ...] = ()


def decide(
    declared: Evaluation,
    validation: Target | None,
    *,
    seed: int,
    metric_named: Callable[[str], Metric[Any]],
) -> Decided:
    """Return what is settled about an output on its validation rows.

    Args:
        declared: the `evaluation` block.
        validation: raw scores of the model on rows it did not learn from; None if there are none.
        seed: of the run.
        metric_named: gives the metric of a name as the config says it.
    """
    if validation is None or not validation.is_judged.any():
        return Decided(notes=_without_validation(declared))
    known = validation.take(np.flatnonzero(validation.is_judged))
    if known.type == "number":
        return _decide_number(declared, known)
    choice = choose(declared.calibration, known.truth, known.scores, seed=seed)
    if choice.calibration is not None:
        known = replace(known, scores=choice.calibration.apply(known.scores))
    threshold = None
    if declared.threshold is not None and known.type == "binary":
        threshold = choose_threshold(
            declared.threshold, known.truth, known.scores, metric_named=metric_named
        )
        known = replace(known, threshold=threshold.threshold)
    level, coverage = declared.intervals, None
    if level is not None:
        coverage = fit_sets(known.truth, known.scores, level=level)
    abstain = None
    if declared.abstain is not None:
        abstain = choose_confidence(declared.abstain, known)
    decision = Decision(
        calibration=choice.calibration,
        coverage=coverage,
        answer_from=None if abstain is None else abstain.confidence,
    )
    return Decided(
        decision=decision,
        calibration=choice,
        threshold=threshold,
        abstain=abstain,
        notes=_notes(threshold, abstain, is_short=level is not None and coverage is None),
    )


def _decide_number(declared: Evaluation, known: Target) -> Decided:
    if declared.intervals is None:
        return Decided()
    coverage = fit_intervals(known.truth, known.scores, level=declared.intervals)
    return Decided(
        decision=Decision(coverage=coverage), notes=_notes(None, None, is_short=coverage is None)
    )


def _notes(
    threshold: ThresholdChoice | None, abstain: AbstainChoice | None, *, is_short: bool
) -> tuple[str, ...]:
    notes = []
    if threshold is not None and not threshold.is_met:
        notes.append(f"`evaluation.threshold`: {threshold.reason}")
    if abstain is not None and not abstain.is_met:
        notes.append(f"`evaluation.abstain`: {abstain.reason}")
    if is_short:
        notes.append("`evaluation.intervals`: too few validation rows, so none are given")
    return tuple(notes)


def _without_validation(declared: Evaluation) -> tuple[str, ...]:
    asked = [
        name
        for name in ("threshold", "intervals", "abstain")
        if getattr(declared, name) is not None
    ]
    return tuple(
        f"`evaluation.{name}` has no effect: there are no validation rows to choose it on"
        for name in asked
    )


def _label_lists(member: Any, labels: tuple[str, ...], name: str) -> pl.Series:
    """Return for each row the labels that are in its set, by falling place in `labels`."""
    rows, classes = np.nonzero(member)
    flat = pl.Series(np.asarray(labels, dtype=object)[classes].tolist(), dtype=pl.String)
    frame = pl.DataFrame({"row": rows, name: flat})
    return frame.group_by("row", maintain_order=True).agg(pl.col(name))[name]
