"""Why two runs differ: config, data or seed, found by training the combinations in between.

The combinations (the config of one with the rows of the other, and so on) are trained under a
budget, and the change is shared out by Shapley's rule. Models of other seeds say how much of such
a change is chance. What cannot be trained again, older code, packages or another machine, is told
by what is left: the change between the runs as recorded, less the change when both are trained
today.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ordain.core.errors import DataError, TrainingError, UsageError
from ordain.core.events import Listener
from ordain.evaluation.diagnosis.shares import Causes, combinations_of, shapley
from ordain.evaluation.evaluate import deciding_set
from ordain.evaluation.intervals import quantile
from ordain.evaluation.judgement import Interval
from ordain.pipeline.compare import changes_between, compare, difference
from ordain.pipeline.comparison import RunDiff
from ordain.pipeline.inputs import open_sources
from ordain.pipeline.reasons import Cause, Share, Trained, Why
from ordain.pipeline.reopen import (
    Reopened,
    find_run,
    judged_again,
    reopen,
    reopen_config,
    stages_of,
)
from ordain.pipeline.stages import Stages
from ordain.pipeline.train import Options, interruptible
from ordain.store.runs import Run

BUDGET_SECONDS = 120.0
N_SEEDS = 3
LEVEL = 0.95
NOTHING: Causes = frozenset()
SOURCES = ("source", "training_set", "validation_set", "test_set", "sample")


@dataclass(frozen=True)
class _Side:
    run: Run
    again: Reopened
    sources: tuple[str, ...]


@dataclass
class _Bench:
    """Trains combinations of two runs, each once."""

    stages: Stages
    first: _Side
    second: _Side
    measured: dict[tuple[Causes, int], Mapping[str, Any]]
    slowest: float = 0.0

    @property
    def redraws(self) -> bool:
        """Whether other seeds draw other rows: as the runs themselves did."""
        return self._seed(frozenset({"seed"})) != self._seed(NOTHING)

    def train(self, causes: Causes, *, seed: int | None = None) -> bool:
        """Train a combination; return whether there was time for it."""
        seed = self._seed(causes) if seed is None else seed
        if (causes, seed) in self.measured:
            return True
        left = self.stages.clock.left
        if self.stages.stop.is_set() or (left is not None and left < self.slowest):
            return False
        started = time.monotonic()
        own = self._seed(causes)
        # Another seed of the config would draw other rows; they differ only where the runs' do.
        rows_seed = seed if self.redraws else own
        again = self._combined(causes, rows_seed)
        judged = judged_again(again, self.stages, seed=seed)
        self.slowest = max(self.slowest, time.monotonic() - started)
        if judged is None:
            return False
        self.measured[causes, seed] = judged
        self.stages.events.emit(
            "progress", task="why", done=len(self.measured), total=None, unit="models"
        )
        return True

    def _seed(self, causes: Causes) -> int:
        side = self.second if "seed" in causes else self.first
        return side.again.config.document.seed

    def value(self, causes: Causes, output: str, metric: str, *, seed: int | None = None) -> float:
        """Return a trained combination's metric on its own test rows; NaN without one."""
        seed = self._seed(causes) if seed is None else seed
        judged = self.measured[causes, seed][output]
        value = judged.sets[deciding_set(judged.sets)].metrics.get(metric)
        return math.nan if value is None else float(value)

    def _combined(self, causes: Causes, seed: int) -> Reopened:
        """Return the config of one side with the rows of the other, where so asked."""
        config = (self.second if "config" in causes else self.first).again.config
        rows = (self.second if "data" in causes else self.first).again
        judged_by = self.first.again.config.document.evaluation
        evaluation = config.document.evaluation.model_copy(
            update={"metrics": judged_by.metrics, "optimize": judged_by.optimize}
        )
        from_where = {name: getattr(rows.config.document.data, name) for name in SOURCES}
        document = config.document.model_copy(
            update={
                "seed": seed,
                "evaluation": evaluation,
                "data": config.document.data.model_copy(update=from_where),
            }
        )
        mixed = replace(config, document=document, folder=rows.config.folder)
        return reopen_config(self.second.run, self.stages, mixed, rows.given)


def why(
    before: str,
    after: str,
    *,
    budget: float = BUDGET_SECONDS,
    n_seeds: int = N_SEEDS,
    home: Path | str | None = None,
    listeners: tuple[Listener, ...] = (),
    handle_interrupt: bool = False,
) -> dict[str, Why]:
    """Return why the deciding metric of each output changed between two runs.

    Args:
        before: a run.
        after: another run that predicts the same.
        budget: seconds to train in; what does not fit is left out, and told.
        n_seeds: models of each run, its own included, that say what chance changes.
        home: the work folder.
        listeners: told of every event.
        handle_interrupt: end with what is done at Ctrl-C.

    Raises:
        UsageError: a run without a bundle, the same run twice, no output in common.
        DataError: the rows of both runs cannot be read any more.
    """
    runs = [find_run(reference, home) for reference in (before, after)]
    if runs[0].reference == runs[1].reference:
        raise UsageError(
            f"both name the run {runs[0].reference}\n  Fix: give two runs of `ordain runs`"
        )
    outputs = _shared_outputs(*runs)
    stages = stages_of(home, listeners, seconds=budget)
    cannot: list[str] = []
    differs = difference(*runs)
    cannot += _cannot(differs)
    sides = [_side(run, stages, cannot) for run in runs]
    if sides[0] is None or sides[1] is None:
        return {
            name: _recorded(runs, name, cannot=cannot, left_out=["all: rows are missing"])
            for name in outputs
        }
    causes = _causes(sides[0], sides[1])
    bench = _Bench(stages, sides[0], sides[1], {})
    with interruptible(stages.stop, Options(Path(), handle_interrupt=handle_interrupt)):
        left_out = _train(bench, [cause for cause, _ in causes], n_seeds=n_seeds, cannot=cannot)
    paired = _paired(before, after, home)
    return {
        name: _explained(runs, name, bench, causes, cannot=cannot, left_out=left_out).model_copy(
            update={"paired": paired.get(name)}
        )
        for name in outputs
    }


def _paired(before: str, after: str, home: Path | str | None) -> dict[str, Interval]:
    """Return the interval of each output's change on the same rows, where there are such rows."""
    try:
        compared = compare(before, after, home=home)
    except (DataError, UsageError):
        return {}
    found = {}
    for name, one in compared.outputs.items():
        gained = one.verdict(compared.runs[-1])
        if gained is not None and gained.interval is not None:
            found[name] = gained.interval
    return found


def _train(bench: _Bench, causes: Sequence[Cause], *, n_seeds: int, cannot: list[str]) -> list[str]:
    """Train the two ends, then other seeds, then what lies between; return what was left out."""
    left_out = []
    everything = frozenset[str](causes)
    middle = [one for one in combinations_of(causes) if one not in (NOTHING, everything)]
    jobs: list[tuple[str, Causes, int | None]] = [
        ("the first run again", NOTHING, None),
        ("the second run again", everything, None),
    ]
    seeds = [side.again.config.document.seed for side in (bench.first, bench.second)]
    for more in range(1, n_seeds):
        for told, one, own in (("second", everything, seeds[1]), ("first", NOTHING, seeds[0])):
            jobs.append((f"the {told} run with seed {own + more}", one, own + more))
    jobs += [(f"the first run with the {' and '.join(sorted(one))} of the second", one, None)
             for one in middle]  # fmt: skip
    for told, one, seed in dict.fromkeys(jobs):
        try:
            if not bench.train(one, seed=seed):
                left_out.append(told)
        except (DataError, TrainingError) as error:
            cannot.append(f"{told}: {error.message.splitlines()[0]}")
        except UsageError as error:
            cannot.append(f"{told}: {error.message.splitlines()[0]}")
    return left_out


def _explained(
    runs: Sequence[Run],
    output: str,
    bench: _Bench,
    causes: Sequence[tuple[Cause, tuple[str, ...]]],
    *,
    cannot: Sequence[str],
    left_out: Sequence[str],
) -> Why:
    known = _recorded(runs, output, cannot=cannot, left_out=left_out)
    names = [cause for cause, _ in causes]
    everything = frozenset[str](names)
    values = {
        one: bench.value(one, output, known.metric)
        for one, seed in bench.measured
        if seed == bench._seed(one)  # noqa: SLF001 - its own helper
    }
    values = {one: value for one, value in values.items() if math.isfinite(value)}
    sign = _sign(bench, output, known.metric)
    trained = tuple(
        Trained(causes=tuple(sorted(one)), seed=seed,
                value=bench.value(one, output, known.metric, seed=seed))
        for one, seed in bench.measured
    )  # fmt: skip
    known = known.model_copy(update={"trained": trained})
    if known.value_before is not None and known.value_after is not None:
        change = sign * (known.value_after - known.value_before)
        known = known.model_copy(update={"change": change})
    if NOTHING not in values or everything not in values:
        return known
    again = sign * (values[everything] - values[NOTHING])
    shared = shapley(names, values)
    what = dict(causes)
    noise = _noise(bench, everything, output, known.metric)
    return known.model_copy(
        update={
            "change_again": again,
            "shares": tuple(
                Share(cause=name, gain=sign * shared[name], what=what[name])
                for name in names
                if name in shared
            ),
            "noise": noise,
            "is_noise": None
            if noise is None or known.change is None
            else noise.low <= known.change <= noise.high,
            "rest": _rest(known.change, again),
        }
    )


def _rest(change: float | None, again: float) -> float | None:
    """Return what is not explained, where it is more than rounding."""
    if change is None:
        return None
    rest = change - again
    return rest if abs(rest) > 1e-9 * max(1.0, abs(change)) else None


def _noise(bench: _Bench, everything: Causes, output: str, metric: str) -> Interval | None:
    """Return the range of changes that other seeds alone bring, from the spread around each end."""
    squares, freedom = 0.0, 0
    for end in {NOTHING, everything}:
        values = [
            bench.value(one, output, metric, seed=seed)
            for one, seed in bench.measured
            if one == end
        ]
        values = [value for value in values if math.isfinite(value)]
        if values:
            mean = sum(values) / len(values)
            squares += sum((value - mean) ** 2 for value in values)
            freedom += len(values) - 1
    if not freedom:
        return None
    half = quantile(LEVEL, freedom) * math.sqrt(2 * squares / freedom)
    return Interval(low=-half, high=half, level=LEVEL, method="seeds")


def _sign(bench: _Bench, output: str, metric: str) -> int:
    for judged in bench.measured.values():
        return 1 if judged[output].is_higher_better.get(metric, True) else -1
    return 1


def _recorded(
    runs: Sequence[Run], output: str, *, cannot: Sequence[str], left_out: Sequence[str]
) -> Why:
    """Return what the runs say themselves."""
    first, second = (run.metrics for run in runs)
    metric = str(first["headline"][output])
    name = deciding_set(first["metrics"])
    values = [told["metrics"].get(name, {}).get(output, {}).get(metric) for told in (first, second)]
    return Why(
        before=runs[0].reference,
        after=runs[1].reference,
        output=output,
        metric=metric,
        set=name,
        value_before=values[0],
        value_after=values[1],
        change=None,
        cannot=tuple(dict.fromkeys(cannot)),
        left_out=tuple(left_out),
    )


def _shared_outputs(first: Run, second: Run) -> list[str]:
    headlines = [run.metrics.get("headline", {}) for run in (first, second)]
    shared = [name for name in headlines[0] if name in headlines[1]]
    if not shared:
        raise UsageError(
            "the runs have no output in common: "
            + "; ".join(
                f"{run.reference} predicts {', '.join(f'`{name}`' for name in told)}"
                for run, told in zip((first, second), headlines, strict=True)
            )
        )
    return shared


def _side(run: Run, stages: Stages, cannot: list[str]) -> _Side | None:
    try:
        again = reopen(run, stages)
        sources = open_sources(again.config, again.given)
        prints = tuple(f"{name} {one.fingerprint()}" for name, one in sources.items())
    except (DataError, UsageError) as error:
        cannot.append(f"data of {run.reference}: {error.message.splitlines()[0]}")
        return None
    if not again.is_same:
        cannot.append(
            f"data of {run.reference}: its rows, or the steps of this version, have changed since; "
            "what is there now is taken for them"
        )
    return _Side(run, again, prints)


def _causes(first: _Side, second: _Side) -> list[tuple[Cause, tuple[str, ...]]]:
    """Return the causes that differ, each with what differs."""
    found: list[tuple[Cause, tuple[str, ...]]] = []
    changes = [
        change
        for change in changes_between(first.run, second.run)
        if change.path not in {"seed", "name", "version"}
        and not change.path.startswith("project")
        and change.path.removeprefix("data.").split(".")[0] not in SOURCES
    ]
    if changes:
        found.append(("config", tuple(str(change) for change in changes)))
    drawn = tuple(
        str(change)
        for change in changes_between(first.run, second.run)
        if change.path.startswith("data.sample")
    )
    if first.sources != second.sources or drawn:
        told = difference(first.run, second.run).data or ("other rows",)
        found.append(("data", drawn if first.sources == second.sources else (*told, *drawn)))
    seeds = [side.again.config.document.seed for side in (first, second)]
    if seeds[0] != seeds[1]:
        found.append(("seed", (f"seed: {seeds[0]} -> {seeds[1]}",)))
    return found


def _cannot(differs: RunDiff) -> list[str]:
    told = []
    if differs.code:
        told.append("code: an older commit is not checked out again; both run with today's code")
    if differs.packages:
        told.append(
            f"packages: {', '.join(differs.packages[:3])}; both run with those installed now"
        )
    if differs.machine:
        told.append("machine: both run on this one")
    return told
