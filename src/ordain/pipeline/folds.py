"""Cross-validation: every row is tested by a model that has not seen it.

Each fold's models, the declared one and its baselines, are fitted on the other folds, less a tenth
that decides when to stop. The bundle's own model is that of the ordinary split; the folds only
judge the recipe, its calibration and threshold included, which are settled on that tenth. Folds
learn side by side in processes of their own where that pays, each with the threads that a fixed
rule gives it: the numbers are those of one fold after the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ordain.data.splitter import TEST, VALIDATION
from ordain.features.feature import Scores
from ordain.pipeline.blueprint import Blueprint, scope_of
from ordain.pipeline.cache import Request
from ordain.pipeline.fold_process import FoldProcesses, Learned, score_fold
from ordain.pipeline.fold_summary import CrossValidation, FoldMetrics, summarize
from ordain.pipeline.judging import decide_outputs, mended, thresholds_of, with_thresholds
from ordain.pipeline.memory import fold_bytes, free_bytes, machine_bytes
from ordain.pipeline.opening import split_rows
from ordain.pipeline.requests import (
    available_cores,
    encode_request,
    fit_request,
    split_request,
)
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import Prepared, fit, prepare
from ordain.store.judge import judge_sets

WORTH_SECONDS = 8.0
"""Of learning, from which on a process of its own is worth its start."""
MEMORY_SHARE = 0.8
"""Of the memory that folds side by side may take."""


@dataclass(frozen=True)
class Fold:
    """One fold, encoded for every variant."""

    number: int
    prepared: Mapping[str, Prepared]
    split_key: str
    checkpoints: Path


def n_folds_of(blueprint: Blueprint) -> int:
    """Return how many folds are learned: `k_fold` times `repeats`, 0 without `k_fold`."""
    splitter = blueprint.document.preprocessing.split
    n_folds: int = getattr(splitter, "k_fold", None) or 0
    return n_folds * int(getattr(splitter, "repeats", 1))


def cross_validate(
    blueprint: Blueprint,
    stages: Stages,
    *,
    checkpoints: Path,
    seconds_each: float | None = None,
    device: str = "cpu",
    n_workers: int | None = None,
) -> CrossValidation | None:
    """Return the judgement of all folds; None without `k_fold`, or where not all could be learned.

    Args:
        blueprint: of the run.
        stages: cache, events and clock of the run.
        checkpoints: a folder; what is there is resumed from.
        seconds_each: that learning took on the ordinary split, if known.
        device: that learning took place on.
        n_workers: folds side by side; by default worked out from cores and memory.

    Raises:
        TrainingError: a fold cannot be learned.
    """
    n_folds = n_folds_of(blueprint)
    if not n_folds:
        return None
    planned = planned_workers(blueprint, n_folds)
    n_threads = fold_threads(blueprint, n_folds)
    if n_workers is None:
        n_workers = _workers_now(blueprint, planned, seconds_each=seconds_each, device=device)
    found: dict[int, FoldMetrics] = {}
    with stages.timed("folds"):
        for fold, scores in _learn_all(
            blueprint, stages, n_folds, checkpoints, n_threads=n_threads, n_workers=n_workers
        ):
            found[fold.number] = _judge(blueprint, fold, scores)
            stages.events.emit(
                "progress", task="folds", done=len(found), total=n_folds, unit="folds"
            )
    if len(found) < n_folds:
        if not stages.stop.is_set():
            stages.events.warn(
                "W607",
                f"the budget was spent after {len(found)} of {n_folds} folds, so that the folds "
                "give no verdict; raise `budget`, or lower `k_fold`",
            )
        return None
    splitter = blueprint.document.preprocessing.split
    return summarize(
        [found[number] for number in range(n_folds)],
        n_folds=getattr(splitter, "k_fold", n_folds),
        chosen=blueprint.document.evaluation.measured,
    )


def fold_request(blueprint: Blueprint, number: int, n_folds: int) -> Request:
    """Return what decides the declared model of one fold."""
    document, rows = blueprint.document, blueprint.rows
    split = split_request(
        rows.table,
        document.preprocessing.split,
        seed=document.seed,
        required=blueprint.required,
        sets=rows.sets,
        fold=number,
    )
    keys = {
        feature.name: encode_request(
            split.key, column=feature.column, feature=feature.preprocessing, seed=document.seed
        ).key
        for feature in document.features
    }
    return fit_request(document, keys, n_threads=fold_threads(blueprint, n_folds))


def fold_threads(blueprint: Blueprint, n_folds: int) -> int:
    """Return the threads that each fold learns with: a rule, since they decide the last bits."""
    return max(1, available_cores() // planned_workers(blueprint, n_folds))


def planned_workers(blueprint: Blueprint, n_folds: int) -> int:
    """Return how many folds this machine may hold at once: a rule that gives threads to each.

    It looks at the machine and not at what else runs on it, so that equal runs get equal threads.
    """
    need = fold_bytes(blueprint)
    fitting = int(machine_bytes() * MEMORY_SHARE // need)
    return max(1, min(n_folds, available_cores(), fitting))


def _workers_now(
    blueprint: Blueprint, planned: int, *, seconds_each: float | None, device: str
) -> int:
    """Return how many folds to learn at once now; a decision that changes no number."""
    is_quick = seconds_each is not None and seconds_each < WORTH_SECONDS
    if is_quick or not sys.executable or not device.startswith("cpu") or os.name != "posix":
        return 1
    fitting = int(free_bytes() * MEMORY_SHARE // fold_bytes(blueprint))
    return max(1, min(planned, fitting))


def _learn_all(
    blueprint: Blueprint,
    stages: Stages,
    n_folds: int,
    checkpoints: Path,
    *,
    n_threads: int,
    n_workers: int,
) -> Iterator[tuple[Fold, Learned]]:
    """Yield folds with their scores, in the order they get done."""
    stop = stages.clock.deadline(stages.stop)
    folds: dict[int, Fold] = {}
    with FoldProcesses(stages, blueprint.documents, n_threads=n_threads) as processes:
        for number in range(n_folds):
            if stop.is_set():
                break
            fold = folds[number] = _prepare(blueprint, stages, number, checkpoints)
            if n_workers == 1:
                learned = learn_fold(stages, blueprint, fold, n_threads=n_threads)
                if stop.is_set():  # what was broken off judges nothing
                    break
                yield fold, learned
                continue
            processes.start(number, fold.prepared, fold.split_key, fold.checkpoints)
            for done, scores in processes.finished(at_most=n_workers - 1):
                yield folds[done], scores
        for done, scores in processes.finished(at_most=0):
            yield folds[done], scores


def learn_fold(
    stages: Stages, blueprint: Blueprint, fold: Fold, *, n_threads: int
) -> dict[str, dict[str, Mapping[str, Scores]]]:
    """Fit every variant on a fold's training rows; return their scores of its other rows."""
    learned: dict[str, dict[str, Mapping[str, Scores]]] = {}
    for variant, prepared in fold.prepared.items():
        document = blueprint.documents[variant]
        stages.scope = scope_of(document.name, f"{variant}, fold {fold.number}")
        fitted = fit(
            stages,
            prepared,
            document=document,
            checkpoints=fold.checkpoints / variant,
            variant=f"fold {fold.number} {variant}",
            n_threads=n_threads,
        )
        learned[variant] = score_fold(prepared, fitted)
    return learned


def _prepare(blueprint: Blueprint, stages: Stages, number: int, checkpoints: Path) -> Fold:
    document, table = blueprint.document, blueprint.rows.table
    stages.scope = scope_of(document.name, f"fold {number}")
    split, key = split_rows(stages, blueprint, fold=number)
    prepared = {
        name: prepare(stages, table, split, split_key=key, document=variant)
        for name, variant in blueprint.documents.items()
    }
    return Fold(number, prepared, key, checkpoints / f"fold-{number}")


def _judge(blueprint: Blueprint, fold: Fold, learned: Learned) -> FoldMetrics:
    """Return the metrics of every variant on the fold's test rows.

    What the config declares to be settled on validation rows is settled on those of the fold.
    """
    main = next(iter(fold.prepared.values()))
    name = next(iter(fold.prepared))
    table = blueprint.rows.table
    known = main.truth(table, VALIDATION) if VALIDATION in main.split.sizes else None
    settled = {
        variant: decide_outputs(main, known, by_set.get(VALIDATION))
        for variant, by_set in learned.items()
    }
    scores = {variant: mended(learned[variant][TEST], settled[variant]) for variant in learned}
    judged = judge_sets(
        main.document,
        with_thresholds(main.encodings, settled[name]),
        truth={TEST: main.truth(table, TEST)},
        scores={TEST: scores[name]},
        baselines={other: {TEST: found} for other, found in scores.items() if other != name},
        their_thresholds={o: thresholds_of(found) for o, found in settled.items() if o != name},
    )
    outputs: dict[str, Any] = {}
    for output, summary in judged.items():
        models = {name: dict(summary.sets[TEST].metrics)}
        for other, sets in summary.baselines.items():
            models[other] = dict(sets[TEST].metrics)
        outputs[output] = models
    return FoldMetrics(
        outputs,
        headline={output: summary.headline for output, summary in judged.items()},
        is_higher_better={output: summary.is_higher_better for output, summary in judged.items()},
    )
