"""Judging a training: score every variant, settle decisions, measure, and study the test rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config.evaluation import Evaluation, Slice
from ordain.core.errors import DataError
from ordain.core.randomness import generator
from ordain.data.splitter import TEST, TRAIN, VALIDATION
from ordain.data.table import Table
from ordain.evaluation.checks.check import CheckResult
from ordain.evaluation.decision.decision import Decided, Decision, decide
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.findings import Findings, Study, study
from ordain.evaluation.judgement import OutputSummary
from ordain.evaluation.metric import find_metric
from ordain.evaluation.sample import THRESHOLD
from ordain.evaluation.subject import Target
from ordain.features.feature import Encoding, Scores
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL, Blueprint
from ordain.pipeline.previous import PREVIOUS, Previous, in_our_order, thresholds_in
from ordain.pipeline.variant import Prepared, score
from ordain.store.judge import judge_sets, scored_values, true_values
from ordain.store.model import Model
from ordain.store.predictions import write_predictions
from ordain.store.problem import labels_of
from ordain.store.subject import background_of_rows, make_subject

TRAIN_ROWS_JUDGED = 20_000
ROWS_STUDIED = 50_000
N_TIMED = 200

Array = npt.NDArray[Any]
Scored = Mapping[str, Mapping[str, Mapping[str, Scores]]]
"""Raw scores by variant, set and output."""


@dataclass(frozen=True)
class Judged:
    """The judgement of a training.

    Attributes:
        outputs: metrics of every set, beside the baselines.
        decided: what was settled on validation rows.
        encodings: of the model; thresholds that were chosen stand in them.
        scored: raw scores by variant and set.
    """

    outputs: Mapping[str, OutputSummary]
    decided: Mapping[str, Decided]
    encodings: Mapping[str, Encoding]
    scored: Scored

    @property
    def decisions(self) -> dict[str, Decision]:
        """What prediction obeys, by output."""
        return {name: decided.decision for name, decided in self.decided.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know of the decisions."""
        return tuple(note for decided in self.decided.values() for note in decided.notes)


def judge_training(
    blueprint: Blueprint,
    prepared: Mapping[str, Prepared],
    fitted: Mapping[str, FittedModel],
    *,
    previous: Previous | None = None,
) -> Judged:
    """Return the judgement of the model and its baselines on every set."""
    main, table = prepared[MODEL], blueprint.rows.table
    limits = dict.fromkeys(main.split.sizes) | {TRAIN: TRAIN_ROWS_JUDGED}
    names = sorted(main.split.sizes, key=_judging_order)
    scored = {
        variant: {name: score(prepared[variant], model, name, limit=limits[name]) for name in names}
        for variant, model in fitted.items()
    }
    truth = {name: main.truth(table, name, limit=limits[name]) for name in names}
    told = distinct(
        scored,
        kept=main.document.evaluation.named_baselines,
        is_baseline=main.document.model_type.type == "baseline",
    )
    scored = {variant: scored[variant] for variant in told}
    # Each baseline gets what the model gets, by the same rule: probabilities mended and a threshold
    # of its own. Judged at the model's threshold it would lose by a choice made for another.
    settled = {
        variant: decide_outputs(main, truth.get(VALIDATION), by_set.get(VALIDATION))
        for variant, by_set in scored.items()
    }
    decided = settled[MODEL]
    encodings = with_thresholds(main.encodings, decided)
    outputs = judge_sets(
        main.document,
        encodings,
        truth=truth,
        scores={name: mended(found, decided) for name, found in scored[MODEL].items()},
        baselines={
            variant: {name: mended(found, settled[variant]) for name, found in by_set.items()}
            for variant, by_set in scored.items()
            if variant != MODEL
        },
        their_thresholds={
            variant: thresholds_of(found) for variant, found in settled.items() if variant != MODEL
        } | ({} if previous is None else {PREVIOUS: thresholds_in(previous, encodings)}),
        others=_of_previous(previous, main, table, encodings=encodings, limits=limits),
        groups={name: groups for name in names
                if (groups := groups_of(main, table, name, limit=limits[name])) is not None},
    )  # fmt: skip
    return Judged(outputs, decided, encodings, scored)


def study_training(
    blueprint: Blueprint,
    prepared: Mapping[str, Prepared],
    judged: Judged,
    *,
    model: Model,
    golden: pl.DataFrame,
    checks: tuple[CheckResult, ...] = (),
    folder: Path | None = None,
) -> Findings:
    """Return what is found on the deciding set's rows, at most 50,000 of them.

    Their predictions are kept in `folder`, where one is given.

    Raises:
        DataError: a slice, protected column or scenario file is wrong.
    """
    main, table = prepared[MODEL], blueprint.rows.table
    document = main.document
    name = deciding_set(dict.fromkeys(sorted(main.split.sizes, key=_judging_order)))
    places = _places(main, name, seed=document.seed)
    row_ids = np.asarray(main.split.rows(name))[places]
    decided = judged.decided
    raw = {output: scores[places] for output, scores in judged.scored[MODEL][name].items()}
    subject = make_subject(
        document,
        judged.encodings,
        model.fitted,
        frame=table.rows(row_ids),
        encoded=main.sample(name, places).inputs,
        name=name,
        background=background_of_rows(model, golden),
        decisions=model.decisions,
        scores=raw,
        groups=_taken(groups_of(main, table, name), places),
        row_ids=row_ids,
    )
    if folder is not None:
        write_predictions(subject, folder)
    given = Study(
        declared=document.evaluation,
        judged=judged.outputs,
        decided=decided,
        raw={
            feature.name: scored_values(feature, judged.encodings[feature.name], raw[feature.name])
            for feature in document.output_features
            if feature.name in model.decisions
            and model.decisions[feature.name].calibration is not None
        },
        predict=model.predict,
        inputs=model.input_columns,
        scenarios=rows_of(document.evaluation.scenarios, blueprint.config.folder, key="scenarios"),
        tags=tag_rows(document.evaluation, blueprint.config.folder),
        checks=checks,
    )
    return study(subject, given)


def figures_of(model: Model, golden: pl.DataFrame) -> dict[str, float]:
    """Return what is measured of a bundle: `latency_ms` of one row and `size_bytes`."""
    assert model.path is not None, "the bundle is written"
    size = sum(file.stat().st_size for file in model.path.rglob("*") if file.is_file())
    return {"latency_ms": latency_ms(model, golden), "size_bytes": float(size)}


def latency_ms(model: Model, rows: pl.DataFrame) -> float:
    """Return the median milliseconds of `predict_row`, over at most 200 calls and 0.1 s."""
    given = rows.select(model.input_columns).to_dicts()
    given = [row for row in given if any(value is not None for value in row.values())]
    if not given:
        return 0.0
    model.predict_row(given[0])  # compiles the row function
    seconds: list[float] = []
    while len(seconds) < N_TIMED and (not seconds or sum(seconds) < 0.1):  # noqa: PLR2004
        started = time.perf_counter()
        model.predict_row(given[len(seconds) % len(given)])
        seconds.append(time.perf_counter() - started)
    return 1_000 * statistics.median(seconds)


def tag_rows(declared: Evaluation, folder: Path) -> dict[str, pl.DataFrame]:
    """Return the rows of every file of tags that slices name, by file.

    Raises:
        DataError: a file cannot be read.
    """
    files = [one.tags for one in declared.slices if isinstance(one, Slice) and one.tags]
    found = {file: rows_of(file, folder, key="slices") for file in files}
    return {file: rows for file, rows in found.items() if rows is not None}


def rows_of(reference: str | None, folder: Path, *, key: str) -> pl.DataFrame | None:
    """Return the rows of a file that `evaluation` names, or None where none is declared.

    Raises:
        DataError: the file cannot be read.
    """
    if reference is None:
        return None
    from ordain.data import open_source, read_table

    path = Path(reference)
    try:
        table = read_table(open_source(str(path if path.is_absolute() else folder / path)))
        return table.select(table.schema.names())
    except DataError as error:
        raise DataError(f"`evaluation.{key}`: {error.message}") from error


def groups_of(
    prepared: Prepared, table: Table, name: str, *, limit: int | None = None
) -> npt.NDArray[np.int64] | None:
    """Return the entity of each row of a set as a whole number [N]; None without a group split."""
    splitter = prepared.document.preprocessing.split
    if splitter.type != "group":
        return None
    column = table.column(splitter.columns()[0])[prepared.split.rows(name)[:limit]]
    return column.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def distinct(scored: Scored, *, kept: Collection[str] = (), is_baseline: bool = False) -> list[str]:
    """Return the variants without the baselines that answer every row as an earlier one does.

    Such is `per_group` where no column makes groups: it answers the prior.

    Args:
        scored: see `Scored`.
        kept: variants that stay all the same.
        is_baseline: whether the model is a baseline itself; one that answers as any other model
            does stays, since that says much of the model.
    """
    found: list[str] = []
    for variant in scored:
        others = [name for name in found if is_baseline or name != MODEL]
        if variant in {MODEL, *kept} or not any(
            _is_equal(scored[variant], scored[name]) for name in others
        ):
            found.append(variant)
    return found


def _is_equal(
    one: Mapping[str, Mapping[str, Scores]], other: Mapping[str, Mapping[str, Scores]]
) -> bool:
    return all(
        np.array_equal(scores, other[name][output], equal_nan=True)
        for name, outputs in one.items()
        for output, scores in outputs.items()
    )


def decide_outputs(
    main: Prepared,
    truth: Mapping[str, pl.Series] | None,
    scores: Mapping[str, Scores] | None,
) -> dict[str, Decided]:
    """Return what is settled about each output of one model on its raw validation scores."""
    declared = main.document.evaluation
    found = {}
    for feature in main.document.output_features:
        encoding = main.encodings[feature.name]
        target = None
        if truth is not None and scores is not None:
            target = Target(
                name=feature.name,
                column=feature.column,
                type=feature.type,
                labels=labels_of(encoding),
                truth=true_values(feature, encoding, truth[feature.name]),
                scores=scored_values(feature, encoding, scores[feature.name]),
                threshold=getattr(encoding, "threshold", THRESHOLD),
            )
        found[feature.name] = decide(
            declared,
            target,
            seed=main.document.seed,
            metric_named=lambda name: find_metric(name, declared.metrics),
        )
    return found


def _of_previous(
    previous: Previous | None,
    main: Prepared,
    table: Table,
    *,
    encodings: Mapping[str, Encoding],
    limits: Mapping[str, int | None],
) -> dict[str, dict[str, dict[str, Array]]]:
    """Return the scores of the previous version as metrics read them, by set."""
    if previous is None:
        return {}
    by_set = {}
    for name, limit in limits.items():
        found = previous.scores(main.document, table, main.split, name, limit=limit)
        ordered = None if found is None else in_our_order(found, previous, encodings)
        if ordered is None:
            return {}
        by_set[name] = ordered
    return {PREVIOUS: by_set}


def with_thresholds(
    encodings: Mapping[str, Encoding], decided: Mapping[str, Decided]
) -> dict[str, Encoding]:
    """Return the encodings with the thresholds that were chosen: they have one place."""
    found = dict(encodings)
    for name, one in decided.items():
        if one.threshold is not None:
            found[name] = found[name].model_copy(update={"threshold": one.threshold.threshold})
    return found


def thresholds_of(decided: Mapping[str, Decided]) -> dict[str, float]:
    """Return the thresholds that were chosen, by output."""
    return {
        name: one.threshold.threshold for name, one in decided.items() if one.threshold is not None
    }


def mended(scores: Mapping[str, Scores], decided: Mapping[str, Decided]) -> dict[str, Scores]:
    """Return raw scores as what was settled about each output mends them."""
    return {name: decided[name].decision.calibrated(found) for name, found in scores.items()}


def _places(main: Prepared, name: str, *, seed: int) -> npt.NDArray[np.int64]:
    """Return positions within a set, at most 50,000, drawn evenly and in order."""
    n_rows = main.split.sizes[name]
    if n_rows <= ROWS_STUDIED:
        return np.arange(n_rows, dtype=np.int64)
    random = generator(seed, "evaluation", "study")
    return np.sort(random.choice(n_rows, ROWS_STUDIED, replace=False))


def _taken(values: Array | None, places: npt.NDArray[np.int64]) -> Array | None:
    return None if values is None else values[places]


def _judging_order(name: str) -> int:
    known = (TEST, VALIDATION)
    return known.index(name) if name in known else 2 + (name == TRAIN)
