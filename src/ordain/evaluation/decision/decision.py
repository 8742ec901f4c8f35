"""A decision: what was settled about one output after training, stored with the model.

It is made once, on validation rows, in this order: calibration, then threshold, intervals or label
sets, and abstention, each reading what those before it made. Prediction and serving obey it.
The threshold itself is kept with the output's encoding, where it has always had its place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field

from ordain.config.evaluation import Evaluation
from ordain.evaluation.decision.abstain import AbstainChoice, choose_confidence
from ordain.evaluation.decision.calibration import Calibration, Choice, choose
from ordain.evaluation.decision.conformal import Coverage, fit_intervals, fit_sets
from ordain.evaluation.decision.threshold import MetricNamed, ThresholdChoice, choose_threshold
from ordain.evaluation.judgement import Record
from ordain.evaluation.sample import Array
from ordain.evaluation.subject import Target

Row = dict[str, Any]


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
        self, name: str, scores: Array, columns: Mapping[str, pl.Series], labels: pl.Series
    ) -> dict[str, pl.Series]:
        """Return the columns that go beside, or replace, those an output decodes to.

        Numbers: ``<output>_low`` and ``<output>_high``. Classes: ``<output>_set``, a list of
        labels. With abstention: ``<output>_is_answered``, and no prediction where it is false.

        Args:
            name: of the output.
            scores: calibrated [N] or [N, C]; unused for numbers.
            columns: what the output decoded to, `<output>_prediction` among them.
            labels: names of the classes [C], as predictions hold them; unused for numbers.
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
            nothing = pl.Series([None], dtype=prediction.dtype)
            found[f"{name}_prediction"] = prediction.zip_with(is_answered, nothing)
        return found

    def row(self) -> Callable[[Any], Any]:
        """Return `calibrated` for one row's score: a float, or a sequence of C floats."""
        return (lambda score: score) if self.calibration is None else self.calibration.row()

    def more_of_row(self, name: str, labels: Sequence[Any]) -> Callable[[Any, Row], Row]:
        """Return the function from a row's calibrated score and answer to `more_columns` of it."""
        added = [self._held_by(name, labels)] if self.coverage is not None else []
        if self.answer_from is not None:
            added.append(self._answer_of(name, self.answer_from))

        def more(score: Any, row: Row) -> Row:
            found: Row = {}
            for add in added:
                found |= add(score, row)
            return found

        return more

    def _held_by(self, name: str, labels: Sequence[Any]) -> Callable[[Any, Row], Row]:
        coverage = self.coverage
        assert coverage is not None, "the caller has looked"
        edges, below, above = coverage.edges, coverage.below, coverage.above
        least = coverage.least_probability or 0.0

        def interval(_: Any, row: Row) -> Row:
            value = row[f"{name}_prediction"]
            group = bisect_right(edges, value)
            return {f"{name}_low": value - below[group], f"{name}_high": value + above[group]}

        def members(score: Any, _: Row) -> Row:
            positive = float(score) if np.ndim(score) == 0 else None
            shares = [float(one) for one in score] if positive is None else [1 - positive, positive]
            best = shares.index(max(shares))
            held = [
                label
                for place, label in enumerate(labels)
                if place == best or shares[place] >= least
            ]
            return {f"{name}_set": held}

        return interval if coverage.least_probability is None else members

    def _answer_of(self, name: str, least: float) -> Callable[[Any, Row], Row]:
        def answer(_: Any, row: Row) -> Row:
            is_answered = row[f"{name}_probability"] >= least
            prediction = row[f"{name}_prediction"] if is_answered else None
            return {f"{name}_is_answered": is_answered, f"{name}_prediction": prediction}

        return answer


class Decided(Record):
    """A decision with its reasons, for the report."""

    decision: Decision = Field(default_factory=Decision)
    calibration: Choice | None = None
    threshold: ThresholdChoice | None = None
    abstain: AbstainChoice | None = None
    notes: tuple[str, ...] = ()
    """What was asked for and could not be settled as asked."""


def decide(
    declared: Evaluation,
    validation: Target | None,
    *,
    seed: int,
    metric_named: MetricNamed,
) -> Decided:
    """Return what is settled about an output on its validation rows.

    Args:
        declared: the `evaluation` block.
        validation: raw scores of the model on rows it did not learn from, with the threshold that
            counts so far; None if there are no such rows.
        seed: of the run.
        metric_named: gives the metric of a name as the config says it.

    Raises:
        UsageError: `evaluation.threshold` names a metric that is not there.
    """
    if validation is None or not validation.is_judged.any():
        return Decided(notes=_without_validation(declared, validation))
    known = validation.take(np.flatnonzero(validation.is_judged))
    if known.type == "number":
        return _decide_number(declared, known)
    return _decide_classes(declared, known, seed=seed, metric_named=metric_named)


def _decide_number(declared: Evaluation, known: Target) -> Decided:
    level = declared.intervals
    coverage = None if level is None else fit_intervals(known.truth, known.scores, level=level)
    return Decided(
        decision=Decision(coverage=coverage), notes=_notes(declared, known, coverage=coverage)
    )


def _decide_classes(
    declared: Evaluation, known: Target, *, seed: int, metric_named: MetricNamed
) -> Decided:
    choice = choose(declared.calibration, known.truth, known.scores, seed=seed)
    if choice.calibration is not None:
        mended = choice.calibration.apply(known.scores)
        if known.type == "binary" and declared.threshold is None:
            choice = _with_changed(choice, known.scores, mended, known.threshold)
        known = replace(known, scores=mended)
    threshold = coverage = abstain = None
    if declared.threshold is not None and known.type == "binary":
        threshold = choose_threshold(declared.threshold, known, metric_named=metric_named)
        known = replace(known, threshold=threshold.threshold)
    if declared.intervals is not None:
        coverage = fit_sets(known.truth, known.scores, level=declared.intervals)
    if declared.abstain is not None:
        abstain = choose_confidence(declared.abstain, known)
    return Decided(
        decision=Decision(
            calibration=choice.calibration,
            coverage=coverage,
            answer_from=None if abstain is None else abstain.confidence,
        ),
        calibration=choice,
        threshold=threshold,
        abstain=abstain,
        notes=(
            *_notes(declared, known, coverage=coverage),
            *_unmet("threshold", threshold),
            *_unmet("abstain", abstain),
            *_uncalibrated(declared, choice),
        ),
    )


def _with_changed(choice: Choice, scores: Array, mended: Array, threshold: float) -> Choice:
    """Return the choice with the count of rows that lie on the other side of the threshold now."""
    n_changed = int(np.count_nonzero((scores >= threshold) != (mended >= threshold)))
    if not n_changed:
        return choice
    told = f"{choice.reason}; {n_changed:,} of {len(scores):,} validation rows get another answer"
    told += f" at the threshold {threshold:g}"
    return choice.model_copy(update={"n_changed": n_changed, "reason": told})


def _unmet(key: str, chosen: ThresholdChoice | AbstainChoice | None) -> list[str]:
    return [] if chosen is None or chosen.is_met else [f"`evaluation.{key}`: {chosen.reason}"]


def _uncalibrated(declared: Evaluation, choice: Choice) -> list[str]:
    is_asked = declared.calibration not in {"auto", "none"}
    is_short = choice.calibration is None
    return [f"`evaluation.calibration`: {choice.reason}"] if is_asked and is_short else []


def _notes(declared: Evaluation, known: Target, *, coverage: Coverage | None) -> list[str]:
    if declared.intervals is None or coverage is not None:
        return []
    n_rows = len(known.truth)
    return [f"`evaluation.intervals`: {n_rows:,} validation rows are too few, so none are given"]


def _without_validation(declared: Evaluation, validation: Target | None) -> tuple[str, ...]:
    asked = [
        name
        for name in ("threshold", "intervals", "abstain")
        if getattr(declared, name) is not None
    ]
    if declared.calibration not in {"auto", "none"}:
        asked.append("calibration")
    # What is about classes says nothing of a number.
    is_number = validation is not None and validation.type == "number"
    return tuple(
        f"`evaluation.{name}` has no effect: there are no validation rows to choose it on"
        for name in asked
        if name == "intervals" or not is_number
    )


def _label_lists(member: Any, labels: pl.Series, name: str) -> pl.Series:
    """Return for each row [N] the labels that are in its set, by their place in `labels`."""
    rows, classes = np.nonzero(member)
    frame = pl.DataFrame({"row": rows, name: labels.gather(classes)})
    return frame.group_by("row", maintain_order=True).agg(pl.col(name))[name]
