"""Judge a bundle on other rows, with all that a training's own judgement finds.

ordain evaluate churn --dataset june.csv --report june.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ordain.config.evaluation import OF_TRAINING, Evaluation, Slice
from ordain.config.render import render_document
from ordain.core.component import sealed
from ordain.core.files import read_json
from ordain.data.source import Source
from ordain.evaluation.decision.decision import Decided
from ordain.evaluation.findings import Findings, Study, conclude, study
from ordain.evaluation.gates import GateResult
from ordain.evaluation.judgement import OutputSummary, require_rows
from ordain.evaluation.shown import Shown
from ordain.evaluation.subject import Subject
from ordain.evaluation.summary import RunSummary
from ordain.pipeline.cautions import reading_warnings
from ordain.pipeline.inputs import as_rows, expressions_of
from ordain.pipeline.judging import ROWS_STUDIED, figures_of, rows_of, tag_rows
from ordain.pipeline.requests import read_request
from ordain.store.bundle import GOLDEN
from ordain.store.judge import judge_frame, scored_values
from ordain.store.loading import load
from ordain.store.model import Model
from ordain.store.subject import subject_of

if TYPE_CHECKING:
    from ordain.data.table import Table

SET = "given"
FAMILIAR = (
    "these are the rows this model was made with, and most of them taught it: this says nothing of "
    "other rows; its metrics on rows it has not learned from are those of the run"
)


@dataclass(frozen=True)
class Judged(Shown):
    """A model judged on given rows.

    Attributes:
        metrics: by output and metric; None where a metric has no value.
        judgements: the same with intervals, curves and confusions, by output.
        rows: how many it rests on.
        findings: slices, fairness, coverage, errors, importance and gates.
        summary: all of it, as reports are made from.
    """

    metrics: Mapping[str, Any]
    judgements: Mapping[str, Any]
    rows: int
    warnings: tuple[str, ...]
    findings: Findings
    summary: RunSummary

    def _told(self) -> RunSummary:
        return self.summary

    @property
    def gates(self) -> tuple[GateResult, ...]:
        """The declared conditions that can be judged on these rows, met or not."""
        return self.findings.gates

    @property
    def is_passed(self) -> bool:
        """Whether every gate is met."""
        return self.findings.is_passed

    def write_report(self, path: Path | str) -> Path:
        """Write the report as one HTML file; return its path.

        Raises:
            StoreError: the file cannot be written.
        """
        from ordain.evaluation.report import write_report

        write_report(self.summary, Path(path))
        return Path(path)

    def to_json(self) -> dict[str, Any]:
        """Return what `evaluate --json` prints."""
        return {
            "metrics": self.metrics,
            "rows": self.rows,
            "intervals": {
                name: {metric: one.to_json() for metric, one in judged.intervals.items()}
                for name, judged in self.judgements.items()
            },
            "findings": self.findings.to_json(),
            "gates": [gate.to_json() for gate in self.gates],
            "passed": self.is_passed,
            "warnings": list(self.warnings),
        }


def evaluate(bundle: str | Path | Model, data: Any) -> Judged:
    """Judge a trained model on rows that hold the targets.

    Slices, fairness, coverage and gates are those of the config. What rests on rows that are not
    here (a baseline, another set, a file of scenarios that has moved) is not judged, and told.

    Args:
        bundle: a bundle folder, a run, a registered version, or a model.
        data: a reference or a data frame.

    Raises:
        DataError: a target or an input column is missing, no row has a target to judge by, or a
            slice names a column that the rows lack.
        UsageError: a gate names what is not there.
    """
    from ordain.data import open_source, read_table

    model = bundle if isinstance(bundle, Model) else load(bundle)
    source = open_source(as_rows(data))
    table = read_table(source)
    model.require(table.schema.names(), with_targets=True)
    rows = table.select(table.schema.names())
    judged = judge_frame(model, rows, name=SET)
    judgements = {name: output.sets[SET] for name, output in judged.items()}
    require_rows(judgements)
    declared, left_out = _judgeable(model.document.evaluation)
    findings = _findings(model, rows, declared, judged)
    notes = [note for judgement in judgements.values() for note in judgement.warnings]
    warnings = (
        *_familiar(model, source),
        *reading_warnings(table.report),
        *model.unusual(rows),
        *left_out,
    )
    return Judged(
        metrics={name: dict(judgement.metrics) for name, judgement in judgements.items()},
        judgements=judgements,
        rows=rows.height,
        warnings=(*warnings, *notes),
        findings=findings,
        summary=_summary(model, table, judged, findings=findings, warnings=warnings),
    )


def _judgeable(declared: Evaluation) -> tuple[Evaluation, list[str]]:
    """Return what can be judged without the run's own rows, and a sentence for all else."""
    scenarios, notes = declared.scenarios, []
    if scenarios is not None and "://" not in scenarios and not Path(scenarios).exists():
        notes.append(f"scenarios are not judged: {scenarios} is not there from this folder")
        scenarios = None
    absent = [
        one for one in declared.slices
        if isinstance(one, Slice) and one.tags is not None and not Path(one.tags).exists()
    ]  # fmt: skip
    notes += [f"tags are not judged: {one.tags} is not there from this folder" for one in absent]
    slices = tuple(one for one in declared.slices if one not in absent)
    kept: dict[str, list[Any]] = {"gates": [], "satisfy": []}
    for kind, found in kept.items():
        for one in getattr(declared, kind):
            baseline = getattr(one, "baseline", None)
            if one.metric in OF_TRAINING:
                notes.append(f"`{one.metric}` is not judged: it is of a training")
            elif baseline is not None:
                notes.append(f"gate on `{baseline}` is not judged: a bundle holds no baselines")
            elif one.set not in {None, "test", SET}:
                notes.append(f"gate on the set `{one.set}` is not judged: these are other rows")
            elif not (getattr(one, "scenarios", False) and scenarios != declared.scenarios):
                found.append(one.model_copy(update={"set": None}))
    changes: dict[str, Any] = {name: tuple(found) for name, found in kept.items()}
    return declared.model_copy(update={**changes, "scenarios": scenarios, "slices": slices}), notes


def _findings(
    model: Model, rows: pl.DataFrame, declared: Evaluation, judged: Mapping[str, OutputSummary]
) -> Findings:
    # A bundle is data: its document may name a function, but not have it called.
    with sealed():
        subject = subject_of(model, rows, name=SET).sample(ROWS_STUDIED, "study")
        given = Study(
            declared=declared,
            judged=judged,
            decided={name: Decided(decision=made) for name, made in model.decisions.items()},
            raw=_raw(model, subject),
            predict=model.predict,
            inputs=model.input_columns,
            scenarios=rows_of(declared.scenarios, Path(), key="scenarios"),
            tags=tag_rows(declared, Path()),
        )
        figures = {}
        if model.path is not None:
            figures = figures_of(model, pl.read_parquet(model.path / GOLDEN))
        return conclude(study(subject, given), declared, judged, figures=figures)


def _raw(model: Model, subject: Subject) -> dict[str, Any]:
    """Return the scores before calibration, of outputs that have one."""
    mended = [n for n, made in model.decisions.items() if made.calibration is not None]
    if not mended:
        return {}
    scores = model.fitted.predict(subject.encoded)
    return {
        feature.name: scored_values(feature, model.encodings[feature.name], scores[feature.name])
        for feature in model.document.output_features
        if feature.name in mended
    }


def _summary(
    model: Model,
    table: Table,
    judged: Mapping[str, OutputSummary],
    *,
    findings: Findings,
    warnings: tuple[str, ...],
) -> RunSummary:
    document = model.document
    return RunSummary(
        name=document.name,
        family=document.model_type.type,
        project=document.project.said,
        outputs=dict(judged),
        inputs={feature.name: feature.type for feature in document.inputs},
        history=tuple(model.fitted.history),
        read=table.report.to_json(),
        split={"sizes": {SET: findings.n_rows}},
        features={name: encoding.facts for name, encoding in model.encodings.items()},
        findings=findings,
        config=render_document(document, {}),
        lock=read_json(model.path / "lock.json") if model.path is not None else {},
        warnings=warnings,
    )


def _familiar(model: Model, source: Source) -> list[str]:
    """Return a warning where the rows are those that the model was made with."""
    if model.path is None:
        return []
    document = model.document
    request = read_request(source.fingerprint(), expressions_of(document), seed=document.seed)
    if request.key != read_json(model.path / "lock.json")["data"]["fingerprint"]:
        return []
    return [FAMILIAR]
