"""All that a judgement finds beside the metrics, made in one go from a subject.

`study` is what `train` and `evaluate` both call: the first on its test rows, the second on rows
that are given. What it finds goes into `metrics.json` and the report as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import polars as pl
from pydantic import Field

from ordain.config.evaluation import FIGURES, Evaluation, Slice
from ordain.core.errors import UsageError
from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.decision.abstain import Answered, answered, answered_from
from ordain.evaluation.decision.conformal import Covered, measure
from ordain.evaluation.decision.decision import Decided
from ordain.evaluation.diagnosis.noise import LabelNoise, label_noise
from ordain.evaluation.errors import ErrorAnalysis, analyse_errors
from ordain.evaluation.explain.dependence import (
    Dependence,
    Interaction,
    dependence,
    interactions,
)
from ordain.evaluation.explain.importance import ImportanceTable, permutation_importance
from ordain.evaluation.explain.vocabulary import WordFindings, read_words
from ordain.evaluation.gates import GateResult, Measured, judge_gates, judge_limits
from ordain.evaluation.judgement import OutputSummary, Record
from ordain.evaluation.metric import METRICS, metrics_for
from ordain.evaluation.sample import make_sample
from ordain.evaluation.scenarios import ScenarioReport, run_scenarios
from ordain.evaluation.slices.cuts import Cut, cut_rows
from ordain.evaluation.slices.discovery import Discovery, SliceFinder
from ordain.evaluation.slices.fairness import FairnessFigure, judge_fairness
from ordain.evaluation.slices.judged import SliceJudgement, judge_slices
from ordain.evaluation.slices.tags import cut_tags
from ordain.evaluation.subject import Subject, Target

R = TypeVar("R")

N_DEPENDENCES = 4
N_INTERACTING = 4
N_INTERACTION_ROWS = 64
N_INTERACTION_POINTS = 5
N_SLICE_METRICS = 5
CALIBRATION_METRICS = ("log_loss", "ece", "brier")


class Calibrated(Record):
    """What calibration did on rows that it was not fitted on."""

    before: dict[str, float | None]
    """log_loss, ece, brier of the scores as the model gave them, then accuracy and what decides.

    The last two are left out where the threshold was chosen on the mended probabilities.
    """
    after: dict[str, float | None]
    reliability_before: dict[str, Any] = Field(default_factory=dict)
    """What was claimed and what came true before, as `curves.calibration` of a judgement."""


class Findings(Record):
    """What a judgement found on one set of rows, beside the metrics."""

    set: str = ""
    """Name of the set of rows."""
    n_rows: int = 0
    decided: dict[str, Decided] = Field(default_factory=dict)
    """What was settled on validation rows, by output."""
    calibrated: dict[str, Calibrated] = Field(default_factory=dict)
    covered: dict[str, Covered] = Field(default_factory=dict)
    """Of intervals and label sets, by output."""
    answered: dict[str, tuple[Answered, ...]] = Field(default_factory=dict)
    """Accuracy if only the surest rows are answered, by output with classes."""
    abstained: dict[str, Answered] = Field(default_factory=dict)
    """The same for the rows that are answered as `evaluation.abstain` was settled."""
    slices: dict[str, tuple[SliceJudgement, ...]] = Field(default_factory=dict)
    """Declared slices, by output."""
    discovery: dict[str, Discovery] = Field(default_factory=dict)
    """Slices found, by output."""
    found_slices: dict[str, tuple[SliceJudgement, ...]] = Field(default_factory=dict)
    """The same judged by the metrics."""
    fairness: dict[str, tuple[FairnessFigure, ...]] = Field(default_factory=dict)
    importance: dict[str, ImportanceTable] = Field(default_factory=dict)
    dependence: dict[str, tuple[Dependence, ...]] = Field(default_factory=dict)
    """Of the most important inputs, by output."""
    interactions: dict[str, tuple[Interaction, ...]] = Field(default_factory=dict)
    """Of pairs of these, the strongest first, by output."""
    errors: dict[str, ErrorAnalysis] = Field(default_factory=dict)
    words: dict[str, WordFindings] = Field(default_factory=dict)
    """What the words of texts do, by output of a model that reads texts."""
    noise: dict[str, LabelNoise] = Field(default_factory=dict)
    """Share of labels that look wrong, by output with classes."""
    checks: tuple[CheckResult, ...] = ()
    scenarios: ScenarioReport | None = None
    gates: tuple[GateResult, ...] = ()
    limits: tuple[GateResult, ...] = ()
    """Of `satisfy`."""
    figures: dict[str, float] = Field(default_factory=dict)
    """latency_ms (of one row, median), size_bytes (of the bundle) and such."""

    @property
    def is_passed(self) -> bool:
        """Whether every gate is met."""
        return all(gate.passed for gate in self.gates)


@dataclass(frozen=True)
class Study:
    """What `study` needs beside the subject.

    Attributes:
        declared: the `evaluation` block.
        judged: the metrics of every set, by output.
        decided: what was settled on validation rows, by output.
        raw: scores before calibration, by output that has one.
        predict: the whole model on a frame of its input columns, for scenarios.
        inputs: the columns `predict` reads; by default those of the subject's inputs, which is
            right where no column is derived.
        scenarios: rows of the scenario file, or None.
        tags: rows of the files that slices name, by file; slices of others are left out.
        checks: results of sanity checks.
    """

    declared: Evaluation
    judged: Mapping[str, OutputSummary]
    decided: Mapping[str, Decided] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    predict: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    inputs: Sequence[str] = ()
    scenarios: pl.DataFrame | None = None
    tags: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()


def study(subject: Subject, given: Study) -> Findings:
    """Return all that is found on the subject's rows; `conclude` adds gates and limits.

    Raises:
        DataError: a slice or protected column, an expression or a scenario file is wrong.
    """
    declared, targets = given.declared, subject.targets
    slices = _slices(subject, given)
    found = _discovered(subject, given) if "auto" in declared.slices else {}
    importance = permutation_importance(subject) if declared.importance else {}
    errors = {
        name: analyse_errors(subject, name)
        for name, target in targets.items()
        if target.is_judged.any()
    }
    return Findings(
        set=subject.set,
        n_rows=len(subject),
        decided=dict(given.decided),
        calibrated={
            name: _calibrated(targets[name], raw, metrics=_mended_metrics(name, given))
            for name, raw in given.raw.items()
            if name in targets
        },
        covered=_known(targets, lambda target: _covered(target, given.decided.get(target.name))),
        answered={
            name: answered(target) for name, target in targets.items() if target.type != "number"
        },
        abstained=_known(
            targets, lambda target: _abstained(target, given.decided.get(target.name))
        ),
        slices={name: judged for name, judged in slices.items() if judged},
        discovery={name: one for name, (one, _) in found.items()},
        found_slices={name: judged for name, (_, judged) in found.items() if judged},
        fairness={
            name: judge_fairness(subject.frame, target, declared.protected)
            for name, target in targets.items()
            if declared.protected
        },
        importance=importance,
        dependence={name: _dependences(subject, name, table) for name, table in importance.items()},
        interactions={
            name: acting
            for name, table in importance.items()
            if (acting := _interactions(subject, name, table))
        },
        errors=errors,
        words=_known(targets, lambda target: _words(subject, target, errors, declared)),
        noise=_known(targets, _noise),
        checks=given.checks,
        scenarios=_scenarios(subject, given),
    )


def conclude(
    findings: Findings,
    declared: Evaluation,
    judged: Mapping[str, OutputSummary],
    *,
    figures: Mapping[str, float],
) -> Findings:
    """Return the findings with the gates and limits judged.

    Args:
        findings: of `study`.
        declared: the `evaluation` block.
        judged: the metrics of every set, by output.
        figures: `latency_ms` (of one row, median) and `size_bytes` (of the bundle).

    Raises:
        UsageError: a gate or a limit names what is not there.
    """
    measured = Measured(
        outputs=judged,
        slices={
            name: (*findings.slices.get(name, ()), *findings.found_slices.get(name, ()))
            for name in judged
        },
        scenarios=findings.scenarios,
        figures=figures,
    )
    return findings.model_copy(
        update={
            "gates": judge_gates(declared.gates, measured),
            "limits": judge_limits(declared.satisfy, measured),
            "figures": dict(figures),
        }
    )


def conclude_untimed(
    findings: Findings, declared: Evaluation, judged: Mapping[str, OutputSummary]
) -> Findings:
    """Return the findings with those gates and limits judged that are about rows.

    This is what a bundle can tell of them: what is measured of the bundle itself comes later, and
    may differ between equal runs. A gate that names what is not there is left to `conclude`.
    """
    about_rows = declared.model_copy(
        update={
            "gates": tuple(gate for gate in declared.gates if gate.metric not in FIGURES),
            "satisfy": tuple(limit for limit in declared.satisfy if limit.metric not in FIGURES),
        }
    )
    try:
        return conclude(findings, about_rows, judged, figures={})
    except UsageError:
        return findings


def _slices(subject: Subject, given: Study) -> dict[str, tuple[SliceJudgement, ...]]:
    declared = [one for one in given.declared.slices if isinstance(one, Slice)]
    cuts = [cut for one in declared for cut in _cuts(subject, one, given)]
    return {name: _judged_cuts(subject, name, cuts, given) for name in subject.targets}


def _cuts(subject: Subject, declared: Slice, given: Study) -> list[Cut]:
    if declared.tags is None:
        return cut_rows(subject.frame, [declared])
    if declared.tags not in given.tags:
        return []
    tags = given.tags[declared.tags]
    return cut_tags(subject.frame, tags, file=declared.tags, group=declared.group)


def _discovered(
    subject: Subject, given: Study
) -> dict[str, tuple[Discovery, tuple[SliceJudgement, ...]]]:
    finder = SliceFinder(subject)
    discoveries = {name: finder.find(name) for name in subject.targets}
    return {
        name: (discovery, _judged_cuts(subject, name, finder.cuts(discovery), given))
        for name, discovery in discoveries.items()
    }


def _judged_cuts(
    subject: Subject, name: str, cuts: Sequence[Cut], given: Study
) -> tuple[SliceJudgement, ...]:
    if not cuts:
        return ()
    metrics = _slice_metrics(name, given)
    return judge_slices(subject.targets[name], cuts, metrics=metrics, groups=subject.groups)


def _slice_metrics(name: str, given: Study) -> list[Any]:
    """Return the metrics that slices show: the deciding one, those of gates, and the first few."""
    output = given.judged[name]
    labels = list(output.is_higher_better)
    asked = [gate.metric for gate in given.declared.gates if gate.metric in labels]
    wanted = dict.fromkeys([output.headline, *asked, *labels[:N_SLICE_METRICS]])
    asked_for = [
        m for m in map(METRICS.build, given.declared.measured or ()) if m.fits(output.type)
    ]
    known = {metric.label: metric for metric in metrics_for(output.type, asked_for or None)}
    return [known[label] for label in wanted if label in known]


def _dependences(subject: Subject, name: str, table: ImportanceTable) -> tuple[Dependence, ...]:
    found = (dependence(subject, name, one) for one in _able(table)[:N_DEPENDENCES])
    return tuple(one for one in found if one is not None)


def _interactions(subject: Subject, name: str, table: ImportanceTable) -> tuple[Interaction, ...]:
    """Return how the most important inputs act together; none of fewer than two."""
    able = _able(table)[:N_INTERACTING]
    if len(able) < 2:  # noqa: PLR2004 - one input acts with none
        return ()
    return interactions(
        subject, name, able, n_rows=N_INTERACTION_ROWS, n_points=N_INTERACTION_POINTS
    )


def _words(
    subject: Subject, target: Target, errors: Mapping[str, ErrorAnalysis], declared: Evaluation
) -> WordFindings | None:
    if not declared.importance:
        return None
    return read_words(subject, target.name, errors.get(target.name))


def _noise(target: Target) -> LabelNoise | None:
    return None if target.type == "number" else label_noise(target.truth, target.scores)


def _able(table: ImportanceTable) -> list[str]:
    """Return the inputs that matter and whose values can be tried, the most important first."""
    return [one.input for one in table.inputs if one.type != "text" and one.increase > 0]


def _mended_metrics(name: str, given: Study) -> list[Any]:
    """Return what calibration is shown by: whether it mends, and whether it changes answers."""
    decided, output = given.decided.get(name), given.judged.get(name)
    told: list[Any] = [*CALIBRATION_METRICS]
    if output is None or (decided is not None and decided.threshold is not None):
        return told
    deciding = [m for m in _slice_metrics(name, given) if m.label == output.headline]
    return [*told, "accuracy", *(m for m in deciding if m.label not in {*told, "accuracy"})]


def _calibrated(target: Target, raw: Any, *, metrics: Sequence[Any]) -> Calibrated:
    from ordain.evaluation.evaluate import evaluate_output

    def figures(scores: Any) -> dict[str, float | None]:
        judged = evaluate_output(
            target.type,
            target.truth,
            scores,
            target.labels,
            threshold=target.threshold,
            metrics=metrics,
            has_detail=False,
        )
        return dict(judged.metrics)

    return Calibrated(
        before=figures(raw),
        after=figures(target.scores),
        reliability_before=_reliability(target, raw),
    )


def _reliability(target: Target, raw: Any) -> dict[str, Any]:
    from ordain.evaluation.curves import curves_of

    rows = np.flatnonzero(target.is_judged)
    sample = make_sample(target.type, target.truth[rows], np.asarray(raw)[rows])
    found: dict[str, Any] = curves_of(sample).get("calibration", {})
    return found


def _covered(target: Target, decided: Decided | None) -> Covered | None:
    coverage = None if decided is None else decided.decision.coverage
    if coverage is None or not target.is_judged.any():
        return None
    rows = np.flatnonzero(target.is_judged)
    return measure(coverage, target.truth[rows], target.scores[rows])


def _abstained(target: Target, decided: Decided | None) -> Answered | None:
    least = None if decided is None else decided.decision.answer_from
    return None if least is None else answered_from(target, least)


def _known(targets: Mapping[str, Target], find: Callable[[Target], R | None]) -> dict[str, R]:
    """Return by output what is found of it, without those of which nothing is."""
    found = {name: find(target) for name, target in targets.items()}
    return {name: one for name, one in found.items() if one is not None}


def _scenarios(subject: Subject, given: Study) -> ScenarioReport | None:
    if given.scenarios is None or given.predict is None:
        return None
    return run_scenarios(
        given.scenarios,
        given.predict,
        outputs={name: target.labels for name, target in subject.targets.items()},
        inputs=given.inputs or [column.column for column in subject.columns],
        file=given.declared.scenarios or "",
    )
