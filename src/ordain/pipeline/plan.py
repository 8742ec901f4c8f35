"""The plan: for each stage, reuse or compute, and what forces it; and what it will cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ordain.config import Config
from ordain.core.events import Events
from ordain.pipeline.blueprint import MODEL, Blueprint, scope_of
from ordain.pipeline.cache import Cache, Request
from ordain.pipeline.estimate import Estimate, estimate
from ordain.pipeline.folds import fold_request, n_folds_of
from ordain.pipeline.inputs import Given
from ordain.pipeline.opening import open_config
from ordain.pipeline.stages import Stages
from ordain.store.home import home as work_folder
from ordain.store.home import prepare_home
from ordain.store.runs import Runs

REUSE, COMPUTE, RECOMPUTE = "reuse", "compute", "recompute"
MOST_LISTED = 3
OVERRIDES = "-o"
"""What stands for a file where a value was given on the command line."""


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
class Plan:
    """What a training would do; `note` is what its family says of the bundle it will make."""

    steps: tuple[Step, ...]
    estimate: Estimate
    answer: str | None
    note: str = ""

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
            "note": self.note,
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
    prepare_home(folder)
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
    folds_left = _folds_left(stages.cache, blueprint)
    if n_folds_of(blueprint):
        steps.append(_folds_step(n_folds_of(blueprint), folds_left))
    document = blueprint.document
    return Plan(
        tuple(steps),
        _estimate(folder, blueprint, steps, folds_left=folds_left),
        answer.reference if answer else None,
        document.model_type.note(document.trainer),
    )


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


def _folds_left(cache: Cache, blueprint: Blueprint) -> int:
    """Return how many folds have not been learned."""
    n_folds = n_folds_of(blueprint)
    requests = (fold_request(blueprint, number, n_folds) for number in range(n_folds))
    return sum(cache.find(request) is None for request in requests)


def _folds_step(n_folds: int, n_left: int) -> Step:
    """Return one step for all folds."""
    if not n_left:
        return Step("folds", f"{n_folds} folds", REUSE, "nothing changed")
    return Step("folds", f"{n_folds} folds", COMPUTE, f"{n_left} are not learned yet")


def _step(cache: Cache, blueprint: Blueprint, request: Request, subject: str) -> Step:
    if cache.find(request) is not None:
        return Step(request.stage, subject, REUSE, "nothing changed")
    why = in_short(cache.why_missing(request))
    if why == "first time":
        return Step(request.stage, subject, COMPUTE, why)
    return Step(request.stage, subject, RECOMPUTE, _with_line(blueprint, request, why))


def in_short(why: str) -> str:
    """Return a reason in which many encoded columns are counted and not listed."""
    start, _, listed = why.partition(": ")
    parts = listed.split(", ") if listed else []
    columns = [part for part in parts if part.endswith(".encoded") or part == "..."]
    if len(columns) <= MOST_LISTED:
        return why
    rest = [part for part in parts if part not in columns]
    return f"{start}: " + ", ".join([*rest, "the encoded columns"])


def _with_line(blueprint: Blueprint, request: Request, why: str) -> str:
    """Return the reason with the line of the config it comes from, where there is one."""
    path: tuple[str | int, ...] | None = None
    if request.stage == "split":
        path = ("preprocessing", "split") if "split." in why else ("seed",)
    elif request.stage == "fit" and "trainer" in why:
        key = next(
            (part for part in why.replace(",", "").split() if part.startswith("trainer.")), ""
        )
        path = tuple(key.split(".")) if key else ("trainer",)
    elif request.stage == "encode" and "options" in why:
        names = [f.name for f in blueprint.document.inputs]
        if request.subject in names:
            path = ("input_features", names.index(request.subject))
    is_written = path is not None and blueprint.config.tree.at(path) is not None
    place = blueprint.config.location(path) if path is not None and is_written else None
    if place is None:
        return why
    if place.file == OVERRIDES:
        return f"{why} (-o {place.text.strip()})"
    return f"{why} ({Path(place.file).name}:{place.line})"


def _estimate(
    folder: Path, blueprint: Blueprint, steps: Sequence[Step], *, folds_left: int
) -> Estimate:
    stages = {_timed_as(step) for step in steps if step.action != REUSE and step.stage != "folds"}
    return estimate(folder, blueprint, stages=frozenset(stages), folds_left=folds_left)


def _timed_as(step: Step) -> str:
    """Return the name under which a run keeps the time of a step."""
    if step.stage == "fit":
        return "train" if step.subject == MODEL else "baselines"
    return step.stage
