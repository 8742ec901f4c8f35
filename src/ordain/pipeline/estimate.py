"""What a training will take: seconds, money, memory and disk.

Seconds come from earlier runs of the same family here, those of the same experiment first: stage
by stage, in proportion to the rows, and only for the stages that are not reused. Money is seconds
times the price that the config declares. Nothing is made up: without an earlier run the time is not
known, without a price there is no cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from ordain.pipeline.blueprint import Blueprint
from ordain.pipeline.folds import n_folds_of, planned_workers
from ordain.pipeline.memory import fold_bytes
from ordain.store.runs import FINISHED, Run, Runs

BYTES_A_CELL_ON_DISK = 8
N_RUNS = 200
"""Newest runs that are looked at."""
FOLD_STAGES = ("encode", "train", "baselines")
"""Stages that every fold goes through."""
AT_WORK = 0.2
"""Share of the longest time of a stage, from which on it was not reused."""
NEVER_REUSED = ("evaluate", "bundle", "report")

Rates = Mapping[str, float]
"""Seconds a row by stage."""


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        seconds: None where no run of the family is known here.
        cost: in the unit of `budget.price_per_hour`; None without a price, or without seconds.
        basis: what the seconds rest on.
    """

    rows: int
    seconds: float | None
    memory_bytes: float
    disk_bytes: float
    basis: str
    cost: float | None = None
    memory_without: str = ""
    """What `memory_bytes` does not count, in words."""


def estimate(
    folder: Path, blueprint: Blueprint, *, stages: frozenset[str], folds_left: int
) -> Estimate:
    """Return what a run will take.

    Args:
        folder: the work folder, with earlier runs.
        blueprint: of the run.
        stages: that have anything to compute, by the names of `seconds` in a run's status.
        folds_left: folds that are not learned yet.
    """
    document, rows = blueprint.document, blueprint.rows.table.n_rows
    family, n_folds = document.model_type.type, n_folds_of(blueprint)
    workers = planned_workers(blueprint, n_folds) if n_folds else 1
    known = known_rates(Runs(folder).all()[:N_RUNS], family=family, name=document.name)
    seconds = None
    if known:
        rates = typical(known)
        at_work = sum(rates.get(stage, 0.0) for stage in (*stages, *NEVER_REUSED))
        each_fold = sum(rates.get(stage, 0.0) for stage in FOLD_STAGES)
        seconds = rows * (at_work + each_fold * folds_left / workers)
        limit = document.budget.limit_seconds
        seconds = seconds if limit is None else min(seconds, limit)
    basis = (
        f"from {len(known)} earlier run{'s' * (len(known) != 1)} of `{family}` here"
        if known
        else f"no earlier run of `{family}` here"
    )
    return Estimate(
        rows=rows,
        seconds=seconds,
        memory_bytes=workers * fold_bytes(blueprint),
        disk_bytes=rows * len(document.inputs) * BYTES_A_CELL_ON_DISK * (1 + n_folds),
        basis=basis,
        cost=None if seconds is None else document.budget.cost_of(seconds),
        memory_without="the network's own weights" if document.model_type.has_encoders else "",
    )


def known_rates(runs: Sequence[Run], *, family: str, name: str) -> list[Rates]:
    """Return the rates of finished runs of a family: of the same experiment where there are any."""
    found: list[tuple[str, Rates]] = []
    for run in runs:
        status = run.status
        rows = run.lock.get("data", {}).get("rows")
        seconds = status.get("seconds")
        if status["state"] == FINISHED and status.get("model") == family and rows and seconds:
            found.append((run.name, {stage: value / rows for stage, value in seconds.items()}))
    same = [rates for experiment, rates in found if experiment == name]
    return same or [rates for _, rates in found]


def typical(known: Sequence[Rates]) -> dict[str, float]:
    """Return the typical rate of each stage: the median of runs in which it was at work.

    A stage that was reused took next to no time, far less than the longest.
    """
    stages = {stage for rates in known for stage in rates}
    found = {}
    for stage in stages:
        values = [rates.get(stage, 0.0) for rates in known]
        found[stage] = median(value for value in values if value >= AT_WORK * max(values))
    return found
