"""The end of a run: judge every variant, seal the bundle, write metrics and report."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ordain.config.document import Document
from ordain.config.render import render_document
from ordain.core.files import atomic_folder, read_json, write_json, write_text
from ordain.data.locations import redact
from ordain.data.splitter import TEST, TRAIN, VALIDATION
from ordain.evaluation.card import model_card
from ordain.evaluation.findings import conclude, conclude_untimed
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.report import write_report
from ordain.evaluation.summary import RunSummary, metrics_json
from ordain.features.store import save_encodings
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint
from ordain.pipeline.cautions import warn_of_checks
from ordain.pipeline.checking import check_training
from ordain.pipeline.clock import Energy, account, bottleneck, figures_of_account
from ordain.pipeline.first_look import first_look
from ordain.pipeline.fold_summary import CrossValidation
from ordain.pipeline.judging import figures_of, judge_training, study_training
from ordain.pipeline.previous import PREVIOUS, find_previous
from ordain.pipeline.result import Result
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import Prepared
from ordain.store import bundle
from ordain.store.decisions import save_decisions
from ordain.store.golden import N_ROWS as N_GOLDEN
from ordain.store.golden import write_golden
from ordain.store.model import Model
from ordain.store.problem import labels_of
from ordain.store.run_summary import write_summary
from ordain.store.runs import FINISHED, INTERRUPTED, Run


def finish(
    run: Run,
    blueprint: Blueprint,
    stages: Stages,
    *,
    prepared: Mapping[str, Prepared],
    fitted: Mapping[str, FittedModel],
    folds: CrossValidation | None,
    warnings: list[str],
    energy: Energy,
) -> Result:
    """Judge, write, seal; return the result."""
    main = prepared[MODEL]
    declared = main.document.evaluation
    with stages.timed("evaluate"):
        previous = None
        if PREVIOUS in declared.named_baselines:
            previous = find_previous(main.document, run, stages.events)
        judgement = judge_training(blueprint, prepared, fitted, previous=previous)
    judged = _with_folds(judgement.outputs, folds)
    for note in judgement.notes:
        stages.events.warn("W613", note)
    reasons = {**blueprint.reasons, **main.reasons}
    golden = _golden_rows(blueprint, main)
    model = Model(
        _portable(main.document),
        judgement.encodings,
        fitted=fitted[MODEL],
        input_schema={
            name: golden.schema[name] for name in _source_columns(main.document, golden.schema)
        },
        decisions=judgement.decisions,
    )
    with stages.timed("checks"):
        checks = check_training(
            blueprint,
            prepared,
            fitted,
            judged=judged,
            encodings=judgement.encodings,
            decisions=judgement.decisions,
        )
    warn_of_checks(checks, stages.events)
    with stages.timed("study"):
        findings = study_training(
            blueprint,
            prepared,
            judgement,
            model=model,
            golden=golden,
            checks=checks,
            folder=run.folder,
        )
    facts = fitted[MODEL].facts
    diagnosis = first_look(
        run, blueprint.config, main.document, judged=judged, findings=findings, facts=facts
    )
    rate = _rows_per_second(main, fitted[MODEL], stages.learning.get(MODEL, 0.0))
    summary = RunSummary(
        name=main.document.name,
        run=run.reference,
        family=main.document.model_type.type,
        project=main.document.project.said,
        outputs=judged,
        inputs={feature.name: feature.type for feature in main.document.inputs},
        history=tuple(fitted[MODEL].history),
        model=_told_facts(facts),
        read=blueprint.rows.table.report.to_json(),
        split={"sizes": dict(main.split.sizes), **main.split.report},
        features={name: encoding.facts for name, encoding in main.encodings.items()},
        human=dict(declared.human),
        findings=findings,
        diagnosis=diagnosis,
        reasons=reasons,
        config=render_document(_shown(main.document), reasons, origin=blueprint.config),
        lock=read_json(run.folder / "lock.json"),
        seconds={name: round(value, 3) for name, value in stages.seconds.items()},
        bottleneck=bottleneck(stages.seconds, facts.get("time_shares")),
        cross_validation=dict(folds.metrics) if folds is not None else {},
        rows_per_second=rate,
        warnings=tuple(warnings),
    )
    machine_form = metrics_json(summary)
    if folds is not None:
        machine_form |= folds.to_json()
    metrics, baselines = machine_form["metrics"], machine_form["baselines"]
    write_text(run.folder / "config.yaml", summary.config)
    write_json(run.folder / "metrics.json", machine_form)
    with stages.timed("bundle"):
        told = conclude_untimed(findings, declared, judged)
        carded = summary.model_copy(update={"findings": told})
        _write_bundle(run.bundle, model, carded, machine_form, golden=golden)
    model.path = run.bundle
    cost = main.document.budget.cost_of(stages.clock.elapsed)
    so_far = account(stages.clock.elapsed, cost=cost, joules=energy.joules())
    figures = {**figures_of(model, golden), **figures_of_account(so_far)}
    findings = conclude(findings, declared, judged, figures=figures)
    summary = summary.model_copy(update={"findings": findings, "account": so_far})
    write_json(run.folder / "findings.json", findings.to_json())
    with stages.timed("report"):
        write_summary(run, summary)
        write_report(summary, run.folder / "report.html")
    seconds = {name: round(value, 4) for name, value in stages.seconds.items()}
    verdict = summary.verdict
    cost = main.document.budget.cost_of(stages.clock.elapsed)
    came_to = account(stages.clock.elapsed, cost=cost, joules=energy.joules())
    run.update(
        process=None,
        state=INTERRUPTED if stages.stop.is_set() else FINISHED,
        model=summary.family,
        seconds=seconds,
        seconds_total=came_to["seconds"],
        account=came_to,
        rows_per_second=rate,
        warnings=list(summary.all_warnings),
        verdict=verdict,
        facts=facts,
    )
    return Result(
        run=run,
        metrics=metrics,
        baselines=baselines,
        seconds=seconds,
        rows_per_second=rate,
        warnings=summary.all_warnings,
        verdict=verdict,
        facts=facts,
        account=came_to,
        gates=findings.gates,
    )


def _told_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model found, as people read it, without what differs between equal runs."""
    told = {key: fact for key, fact in facts.items() if key != "time_shares"}
    if told.get("early_stop") == -1:
        told["early_stop"] = "never"
    return told


def _with_folds(
    judged: Mapping[str, OutputSummary], folds: CrossValidation | None
) -> dict[str, OutputSummary]:
    """Return the judgement with what the folds say at the end of each verdict."""
    if folds is None:
        return dict(judged)
    return {
        name: output.model_copy(update={"verdict": f"{output.verdict} {folds.verdict[name]}"})
        for name, output in judged.items()
    }


def _shown(document: Document) -> Document:
    """Return the document without the passwords of its sources."""
    shown = {
        name: redact(value)
        for name, value in document.data
        if isinstance(value, str) and name != "where"
    }
    return document.model_copy(update={"data": document.data.model_copy(update=shown)})


def _portable(document: Document) -> Document:
    """Return the document without where its rows came from: a bundle holds no path."""
    data = document.data.model_copy(
        update={"source": None, "training_set": None, "validation_set": None, "test_set": None}
    )
    return document.model_copy(update={"data": data})


def _golden_rows(blueprint: Blueprint, prepared: Prepared) -> pl.DataFrame:
    split = prepared.split
    name = next(n for n in (TEST, VALIDATION, TRAIN) if len(split.rows(n)))
    rows = blueprint.rows.table.rows(split.rows(name)[:N_GOLDEN])
    return rows.drop(prepared.document.data.columns)


def _write_bundle(
    folder: Path,
    model: Model,
    summary: RunSummary,
    metrics: Mapping[str, Any],
    *,
    golden: pl.DataFrame,
) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was interrupted and goes on
    with atomic_folder(folder) as temporary:
        write_text(temporary / "config.yaml", render_document(model.document, {}))
        save_encodings(temporary, model.encodings)
        save_decisions(temporary, model.decisions)
        model.fitted.save(temporary / "model")
        write_json(temporary / "signature.json", _signature(model, golden))
        write_json(temporary / "lock.json", summary.lock)
        write_json(temporary / "metrics.json", metrics)
        write_text(temporary / "README.md", model_card(summary))
        write_golden(model, golden, temporary)
        bundle.seal(temporary)


def _source_columns(document: Document, schema: pl.Schema) -> list[str]:
    """Return the columns that must come from outside, those that derived columns read included."""
    from ordain.data import expression_columns

    known = dict(schema)
    needed = {f.column for f in document.inputs}
    needed.update(name for f in document.inputs for name in f.preprocessing.reads)
    for name, expression in document.data.columns.items():
        needed.update(expression_columns(expression, known))
        known[name] = pl.Null()
    return [name for name in schema if name in needed]


def _signature(model: Model, golden: pl.DataFrame) -> dict[str, Any]:
    return {
        "columns": [
            {"name": name, "dtype": str(golden.schema[name])} for name in model.input_columns
        ],
        "inputs": [
            {"name": f.name, "column": f.column, "type": f.type} for f in model.document.inputs
        ],
        "outputs": [
            {"name": f.name, "type": f.type, "labels": list(labels_of(model.encodings[f.name]))}
            for f in model.document.output_features
        ],
    }


def _rows_per_second(prepared: Prepared, fitted: FittedModel, seconds: float) -> float | None:
    """Return training rows times epochs or rounds over the time of learning; None if reused."""
    passes: dict[str, float] = {}
    for entry in fitted.history:
        output = str(entry.get("output", ""))
        passes[output] = max(passes.get(output, 1.0), float(entry.get("epoch", 1)))
    start, stop = prepared.split.bounds(TRAIN)
    return round((stop - start) * (sum(passes.values()) or 1) / seconds, 1) if seconds else None
