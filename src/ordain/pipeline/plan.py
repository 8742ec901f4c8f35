"""The plan: for each stage, reuse or compute, and what forces it; and what it will cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from ordain.config import Config
from ordain.core.events import Events
from ordain.pipeline.blueprint import MODEL, Blueprint, scope_of
from ordain.pipeline.cache import Cache, Request
from ordain.pipeline.inputs import Given
from ordain.pipeline.stages import Stages
from ordain.pipeline.train import open_config
from ordain.store.home import home as work_folder
from ordain.store.runs import FINISHED, Runs

REUSE, COMPUTE, RECOMPUTE = "reuse", "compute", "recompute"
BYTES_A_CELL = 12
"""Of memory for an encoded number with its source and its copy in training, seen on tables."""
BASE_BYTES = 300_000_000


@dataclass(frozen=True)
class Step:
    """A stage of the plan.

    Attributes:
        action: `reuse`; `compute` for the first time; `recompute` since a part of its key changed.
        reason: which part, with the line of the config where that is known.
    """

    stage: str
    subject: str
    action: str
    reason: str


@dataclass(frozen=True)
class Estimate:
    """What a run will cost; seconds are None where no run of the family is known."""

    rows: int
    seconds: float | None
    memory_bytes: float
    disk_bytes: float
    basis: str


@dataclass(frozen=True)
class Plan:
    """What a training would do."""

    steps: tuple[Step, ...]
    estimate: Estimate
    answer: str | None

    @property
    def summary(self) -> str:
        """One counting line."""
        counts = {
            action: sum(s.action == action for s in self.steps)
            for action in (REUSE, COMPUTE, RECOMPUTE)
        }
        return (
            "Plan: "
            + ", ".join(f"{count} to {action}" for action, count in counts.items() if count)
            + "."
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `plan --json` prints."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "estimate": asdict(self.estimate),
            "answer": self.answer,
        }


def plan(
    config: Config | Any,
    data: Any = None,
    *,
    training_set: Any = None,
    validation_set: Any = None,
    test_set: Any = None,
    home: Path | str | None = None,
) -> Plan:
    """Return what `train` with the same arguments would do; only reads and profiles the rows.

    Raises:
        ConfigError: the config is wrong, in itself or for these rows.
        DataError: the rows cannot be read.
    """
    loaded = config if isinstance(config, Config) else Config.load(config)
    folder = work_folder(home)
    stages = Stages(Cache(folder / "cache"), Events())
    given = Given(data, training_set, validation_set, test_set)
    blueprint = open_config(stages, loaded, given).blueprint
    answer = Runs(folder).finished(blueprint.key)
    done = [
        Step(
            a.request.stage,
            a.request.subject,
            REUSE if a.is_reused else COMPUTE,
            a.reason or "nothing changed",
        )
        for a in stages.artefacts
    ]
    steps = [*done, *(_step(stages.cache, blueprint, r, who) for r, who in _requests(blueprint))]
    return Plan(tuple(steps), _estimate(folder, blueprint), answer.reference if answer else None)


def _requests(blueprint: Blueprint) -> Iterator[tuple[Request, str]]:
    name = blueprint.document.name
    yield replace(blueprint.split, scope=name), ""
    seen: set[str] = set()
    for variant, requests in blueprint.encode.items():
        scope = scope_of(name, variant)
        for feature, request in requests.items():
            if request.key not in seen:
                seen.add(request.key)
                label = feature if variant == MODEL else f"{feature} (baselines)"
                yield replace(request, scope=scope), label
    for variant, request in blueprint.fit.items():
        yield replace(request, scope=scope_of(name, variant)), variant


def _step(cache: Cache, blueprint: Blueprint, request: Request, subject: str) -> Step:
    if cache.find(request) is not None:
        return Step(request.stage, subject, REUSE, "nothing changed")
    why = cache.why_missing(request)
    if why == "first time":
        return Step(request.stage, subject, COMPUTE, why)
    return Step(request.stage, subject, RECOMPUTE, _with_line(blueprint, request, why))


def _with_line(blueprint: Blueprint, request: Request, why: str) -> str:
    """Return the reason with the line of the config it comes from, where there is one."""
    path: tuple[str | int, ...] | None = None
    if request.stage == "split":
        path = ("preprocessing", "split")
    elif request.stage == "fit" and "trainer" in why:
        key = next(
            (part for part in why.replace(",", "").split() if part.startswith("trainer.")), ""
        )
        path = tuple(key.split(".")) if key else ("trainer",)
    elif request.stage == "encode" and "options" in why:
        names = [f.name for f in blueprint.document.inputs]
        if request.subject in names:
            path = ("input_features", names.index(request.subject))
    place = blueprint.config.location(path) if path else None
    return f"{why} ({Path(place.file).name}:{place.line})" if place else why


def _estimate(folder: Path, blueprint: Blueprint) -> Estimate:
    rows = blueprint.rows.table.n_rows
    columns = len(blueprint.document.inputs)
    family = blueprint.document.model_type.type
    rates = [
        run.status["seconds_total"] / run.lock["data"]["rows"]
        for run in Runs(folder).all()[:200]
        if run.status["state"] == FINISHED
        and run.status.get("model") == family
        and run.lock.get("data", {}).get("rows")
        and run.status.get("seconds_total")
    ]
    cells = rows * columns
    basis = (
        f"from {len(rates)} earlier run{'s' * (len(rates) != 1)} of `{family}` here"
        if rates
        else f"no earlier run of `{family}` here"
    )
    return Estimate(
        rows=rows,
        seconds=median(rates) * rows if rates else None,
        memory_bytes=BASE_BYTES + cells * BYTES_A_CELL,
        disk_bytes=cells * 8,
        basis=basis,
    )
