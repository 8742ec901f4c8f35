"""Cross-validation: every row is tested once by a model that has not seen it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ordain.data.splitter import TEST
from ordain.pipeline.blueprint import Blueprint
from ordain.pipeline.stages import Stages
from ordain.pipeline.variant import fit, prepare, score
from ordain.store.judge import judge_sets

Metrics = Mapping[str, Mapping[str, float | None]]


def cross_validate(blueprint: Blueprint, stages: Stages, *, checkpoints: Path) -> dict[str, Any]:
    """Return ``{output: {metric: {mean, sd, folds}}}`` over the folds of the split.

    Each fold's model is fitted on the other folds, less a tenth that decides when to stop. The
    bundle's own model is that of the ordinary split; the folds only judge the recipe.
    """
    document = blueprint.document
    n_folds = getattr(document.preprocessing.split, "k_fold", None) or 0
    found: list[Metrics] = []
    for fold in range(n_folds):
        if stages.stop.is_set():
            break
        stages.events.emit("progress", task="folds", done=fold, total=n_folds, unit="folds")
        found.append(_fold(blueprint, stages, fold=fold, checkpoints=checkpoints / f"fold-{fold}"))
    return summarize(found)


def summarize(folds: list[Metrics]) -> dict[str, Any]:
    """Return mean and standard deviation of each metric; None where a fold has no value."""
    if not folds:
        return {}
    return {
        output: {
            metric: _spread([fold[output].get(metric) for fold in folds])
            for metric in folds[0][output]
        }
        for output in folds[0]
    }


def _spread(values: list[float | None]) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(present) if present else None,
        "sd": statistics.stdev(present) if len(present) > 1 else None,
        "folds": values,
    }


def _fold(blueprint: Blueprint, stages: Stages, *, fold: int, checkpoints: Path) -> Metrics:
    document, table = blueprint.document, blueprint.rows.table
    split, key = stages.split(
        table,
        document.preprocessing.split,
        seed=document.seed,
        required=blueprint.required,
        sets=blueprint.rows.sets,
        fold=fold,
    )
    prepared = prepare(stages, table, split, split_key=key, document=document)
    with stages.timed("folds"):
        fitted = fit(
            stages, prepared, document=document, checkpoints=checkpoints, variant=f"fold {fold}"
        )
        judged = judge_sets(
            prepared.document,
            prepared.encodings,
            truth={TEST: prepared.truth(table, TEST)},
            scores={TEST: score(prepared, fitted, TEST)},
        )
    return {name: dict(output.sets[TEST].metrics) for name, output in judged.items()}
