"""The end of a run: judge every variant, seal the bundle, write metrics and report."""

from __future__ import annotations

import shutil
import time
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
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.report import write_report
from ordain.evaluation.summary import RunSummary, metrics_json
from ordain.features.store import save_encodings
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint
from ordain.pipeline.cautions import warn_of_leaks
from ordain.pipeline.result import Result
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import Prepared, score
from ordain.store import bundle
from ordain.store.golden import N_ROWS as N_GOLDEN
from ordain.store.golden import write_golden
from ordain.store.judge import judge_sets
from ordain.store.model import Model
from ordain.store.problem import labels_of
from ordain.store.runs import FINISHED, INTERRUPTED, Run

TRAIN_ROWS_JUDGED = 20_000
ROW = "__row__"


def finish(
    run: Run,
    blueprint: Blueprint,
    stages: Stages,
    *,
    prepared: Mapping[str, Prepared],
    fitted: Mapping[str, FittedModel],
    folds: Mapping[str, Any],
    warnings: list[str],
    started: float,
) -> Result:
    """Judge, write, seal; return the result."""
    main = prepared[MODEL]
    with stages.timed("evaluate"):
        judged = _judge(blueprint, prepared, fitted)
    warn_of_leaks(judged, fitted.get("per_group"), stages.events)
    reasons = {**blueprint.reasons, **main.reasons}
    golden = _golden_rows(blueprint, main)
    model = Model(
        _portable(main.document),
        main.encodings,
        fitted=fitted[MODEL],
        input_schema={
            name: golden.schema[name] for name in _source_columns(main.document, golden.schema)
        },
    )
    rate = _rows_per_second(main, fitted[MODEL], stages.learning.get(MODEL, 0.0))
    summary = RunSummary(
        name=main.document.name,
        run=run.reference,
        family=main.document.model_type.type,
        outputs=judged,
        inputs={feature.name: feature.type for feature in main.document.inputs},
        history=tuple(fitted[MODEL].history),
        model=fitted[MODEL].facts,
        read=blueprint.rows.table.report.to_json(),
        split={"sizes": dict(main.split.sizes), **main.split.report},
        features={name: encoding.facts for name, encoding in main.encodings.items()},
        reasons=reasons,
        config=render_document(_shown(main.document), reasons, origin=blueprint.config),
        lock=read_json(run.folder / "lock.json"),
        seconds={name: round(value, 3) for name, value in stages.seconds.items()},
        rows_per_second=rate,
        warnings=tuple(warnings),
    )
    machine_form = metrics_json(summary)
    if folds:
        machine_form["cross_validation"] = folds
    metrics, baselines = machine_form["metrics"], machine_form["baselines"]
    write_text(run.folder / "config.yaml", summary.config)
    write_json(run.folder / "metrics.json", machine_form)
    with stages.timed("bundle"):
        _write_bundle(run.bundle, model, summary, machine_form, golden=golden)
    model.path = run.bundle
    with stages.timed("report"):
        write_report(summary, run.folder / "report.html")
    seconds = {name: round(value, 4) for name, value in stages.seconds.items()}
    verdict = summary.verdict
    run.update(
        state=INTERRUPTED if stages.stop.is_set() else FINISHED,
        model=summary.family,
        seconds=seconds,
        seconds_total=round(time.perf_counter() - started, 3),
        rows_per_second=rate,
        warnings=list(summary.all_warnings),
        verdict=verdict,
        facts=fitted[MODEL].facts,
    )
    return Result(
        run=run,
        metrics=metrics,
        baselines=baselines,
        seconds=seconds,
        rows_per_second=rate,
        warnings=summary.all_warnings,
        verdict=verdict,
        facts=fitted[MODEL].facts,
    )


def _judge(
    blueprint: Blueprint, prepared: Mapping[str, Prepared], fitted: Mapping[str, FittedModel]
) -> dict[str, OutputSummary]:
    main = prepared[MODEL]
    limits = dict.fromkeys(main.split.sizes) | {TRAIN: TRAIN_ROWS_JUDGED}
    names = sorted(main.split.sizes, key=_judging_order)
    table = blueprint.rows.table
    truth = {name: main.truth(table, name, limit=limits[name]) for name in names}
    scores = {
        variant: {name: score(prepared[variant], model, name, limit=limits[name]) for name in names}
        for variant, model in fitted.items()
    }
    return judge_sets(
        main.document,
        main.encodings,
        truth=truth,
        scores=scores[MODEL],
        baselines={name: by_set for name, by_set in scores.items() if name != MODEL},
    )


def _judging_order(name: str) -> int:
    known = (TEST, VALIDATION)
    return known.index(name) if name in known else 2 + (name == TRAIN)


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
    rows = split.rows(name)[:N_GOLDEN].tolist()
    derived = prepared.document.data.columns
    frame = blueprint.rows.table.frame.with_row_index(ROW).filter(pl.col(ROW).is_in(rows))
    return frame.drop(ROW, *derived).collect()


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
