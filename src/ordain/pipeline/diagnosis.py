"""The part of a diagnosis that needs no training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.data.rowhash import hash_columns
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.evaluation.checks.alone import power_of
from ordain.evaluation.diagnosis.advice import advise
from ordain.evaluation.diagnosis.gaps import ceiling_of, split_error
from ordain.evaluation.diagnosis.noise import Twins, label_noise, twins
from ordain.evaluation.diagnosis.patch import Finding
from ordain.evaluation.diagnosis.record import OutputDiagnosis
from ordain.evaluation.diagnosis.remedies import Known
from ordain.evaluation.diagnosis.robustness import Robustness, try_damages
from ordain.evaluation.diagnosis.upkeep import Upkeep, measure_upkeep
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.losses import predicted_class
from ordain.evaluation.metric import HEADLINE, Metric, find_metric
from ordain.evaluation.subject import Subject, Target
from ordain.evaluation.targets import evaluate_target
from ordain.pipeline.reopen import (
    Pace,
    Reopened,
    subject_on,
)
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import Prepared
from ordain.store.model import Model

ROWS_LOOKED_AT = 10_000


@dataclass
class Work:
    """A run that is looked at."""

    again: Reopened
    model: Model
    stages: Stages
    prepared: Prepared
    pace: Pace
    metrics: Mapping[str, Metric[Any]]
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def judging(self) -> str:
        """Name of the set that decides."""
        return deciding_set({name: n for name, n in self.again.split.sizes.items() if n})

    def tell(self, task: str, done: int, total: int) -> None:
        """Report progress."""
        self.stages.events.emit("progress", task=task, done=done, total=total, unit="models")


def looked_at(work: Work) -> dict[str, OutputDiagnosis]:
    """Return what needs no training, for each output."""
    sets = {
        name: subject_on(work.again, work.model, name, n_rows=ROWS_LOOKED_AT)
        for name, n_rows in work.again.split.sizes.items()
        if n_rows
    }
    upkeep = measure_upkeep(sets[work.judging])
    keys = _input_keys(work)
    found = {}
    for number, (name, metric) in enumerate(work.metrics.items()):
        judged = {
            one: evaluate_target(subject.targets[name], [metric], has_intervals=True)
            for one, subject in sets.items()
        }
        held_out = sets[work.judging].targets[name]
        noise = None
        if held_out.type != "number":
            noise = label_noise(held_out.truth, held_out.scores)
        same = _twins(work, name, keys)
        human = work.model.document.evaluation.human
        ceiling = ceiling_of(metric, human, noise, on_train=judged.get(TRAIN))
        split = split_error(name, metric, judged, ceiling=ceiling)
        damages = try_damages(sets[work.judging], name, metric=metric)
        found[name] = OutputDiagnosis(
            output=name,
            metric=metric.label,
            split=split,
            noise=noise,
            twins=same,
            robustness=damages,
            upkeep=_needed(upkeep[name][0] if name in upkeep else (), damages),
        )
        work.tell("look", number + 1, len(work.metrics))
    return {name: advised(work, one, sets) for name, one in found.items()}


def _needed(upkeep: tuple[Upkeep, ...], damages: Robustness) -> tuple[Upkeep, ...]:
    """Return the upkeep without calling useless what the model misses when it is not there."""
    missed = {
        name
        for damage in damages.damages
        if damage.kind == "missing column" and damage.verdict == "worse"
        for name in damage.columns
    }
    return tuple(
        one.model_copy(update={"is_useless": one.is_useless and one.input not in missed})
        for one in upkeep
    )


def deciding_metric(model: Model, output: str, type_name: str) -> Metric[Any]:
    """Return the metric that decides an output, as the run's metrics say."""
    metrics = model.document.evaluation.metrics
    headline = model.metrics.get("headline", {}).get(output)
    return find_metric(headline or HEADLINE[type_name][0], metrics)


def _input_keys(work: Work) -> npt.NDArray[np.uint64]:
    table = work.again.table
    names = list(dict.fromkeys(feature.column for feature in work.model.document.inputs))
    return hash_columns(((name, table.column(name)) for name in names), table.n_rows, seed=0)


def _twins(work: Work, output: str, keys: npt.NDArray[np.uint64]) -> Twins:
    feature = next(f for f in work.model.document.output_features if f.name == output)
    from ordain.store.judge import true_values

    column = work.again.table.column(feature.column)
    truth = true_values(feature, work.model.encodings[output], column)
    return twins(keys, truth, is_number=feature.type == "number")


def advised(
    work: Work, one: OutputDiagnosis, sets: Mapping[str, Subject] | None = None
) -> OutputDiagnosis:
    """Return an output's diagnosis with its findings."""
    document = work.prepared.document
    facts = work.again.run.status.get("facts", {})
    metric = work.metrics[one.output]
    told = _class_facts(sets[work.judging].targets[one.output]) if sets else ({}, {})
    known = Known(
        output=one.output,
        document=document,
        written=work.again.config.to_dict(filled=False),
        split=one.split,
        is_higher_better=metric.is_higher_better,
        growth=one.growth,
        noise=one.noise,
        twins=one.twins,
        robustness=one.robustness,
        staleness=one.staleness,
        upkeep=one.upkeep,
        powers=_powers(work, sets, one.output) if sets else {},
        shares=told[0],
        recalls=told[1],
        baselines=_baselines(work, one),
        facts=facts,
        date_column=date_column(work),
    )
    findings = advise(known)
    if len(work.metrics) > 1:
        findings = tuple(_named_for(finding) for finding in findings)
    return one.model_copy(update={"findings": findings})


def _named_for(finding: Finding) -> Finding:
    """Return a finding whose patches are named for its output: those of others are not the same."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", finding.output)
    patches = tuple(
        patch.model_copy(update={"name": f"{stem}-{patch.name}"}) for patch in finding.patches
    )
    return finding.model_copy(update={"patches": patches})


def _class_facts(target: Target) -> tuple[dict[str, float], dict[str, float]]:
    """Return share and recall of each class, by label."""
    if not target.labels:
        return {}, {}
    part = target.take(np.flatnonzero(target.is_judged))
    truth = part.truth.astype(np.int64)
    counts = np.bincount(truth, minlength=len(part.labels))
    hits = np.bincount(truth[predicted_class(part) == truth], minlength=len(part.labels))
    n_rows = max(1, len(truth))
    there = [place for place in range(len(part.labels)) if counts[place]]
    return (
        {part.labels[place]: float(counts[place] / n_rows) for place in there},
        {part.labels[place]: float(hits[place] / counts[place]) for place in there},
    )


def _powers(work: Work, sets: Mapping[str, Subject], output: str) -> dict[str, float]:
    """Return how well each input alone tells the target, counted on training rows."""
    if TRAIN not in sets:
        return {}
    train, test = sets[TRAIN], sets[work.judging]
    found = {}
    for column in train.columns:
        power = power_of(
            train.frame[column.column],
            test.frame[column.column],
            train_target=train.targets[output],
            test_target=test.targets[output],
        )
        if power is not None:
            found[column.name] = power.value
    return found


def _baselines(work: Work, one: OutputDiagnosis) -> dict[str, float]:
    told = work.again.run.metrics.get("baselines", {})
    values = {
        name: sets.get(VALIDATION, {}).get(one.output, {}).get(one.metric)
        for name, sets in told.items()
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def date_column(work: Work) -> str | None:
    """Return the column that says when a row is from: of the split, else the first date."""
    document = work.prepared.document
    split = document.preprocessing.split
    if split.type == "datetime":
        return split.columns()[0]
    dates = [feature.column for feature in document.inputs if feature.type == "date"]
    dates += [
        name
        for name, dtype in work.again.table.schema.items()
        if dtype == pl.Date() or isinstance(dtype, pl.Datetime)
    ]
    return dates[0] if dates else None
