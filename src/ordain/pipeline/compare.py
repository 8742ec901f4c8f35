"""Compare runs on the same rows: which is better, for which rows, at what cost, and why.

Every run is judged beside the first, which is the reference; where there are several, the tests of
a metric are corrected for their number (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.config import Config
from ordain.config.diff import Change
from ordain.config.diff import diff as config_changes
from ordain.core.errors import ConfigError, UsageError
from ordain.core.events import Listener
from ordain.evaluation.compare import compare_metrics
from ordain.evaluation.judgement import Difference
from ordain.evaluation.metric import METRICS, Metric, find_metric, metrics_for
from ordain.evaluation.pairs import holm
from ordain.evaluation.sample import THRESHOLD
from ordain.evaluation.scores import UNSEEN
from ordain.evaluation.subject import Target
from ordain.evaluation.targets import evaluate_target
from ordain.pipeline.comparison import (
    Compared,
    ComparedOutput,
    Comparison,
    RunDiff,
    RunFacts,
)
from ordain.pipeline.flips import flips_of
from ordain.pipeline.judging import figures_of
from ordain.pipeline.reopen import find_run, stages_of
from ordain.pipeline.shared_rows import Shared, meeting_conditions, shared_rows
from ordain.store.judge import scored_values, true_values
from ordain.store.loading import load
from ordain.store.lock import lock_differences
from ordain.store.model import Model
from ordain.store.problem import labels_of
from ordain.store.runs import FINISHED, Run

N_TIMED = 200
FEWEST = 2
LEVEL = 0.95
KEYS = frozenset({"key", "split", "fit"})
"""Of a lock: digests of the rest."""


def compare(
    *runs: str,
    data: Any = None,
    home: Path | str | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Comparison:
    """Return runs side by side on the same rows, each against the first.

    Args:
        runs: two or more, as `Runs.find` takes them.
        data: rows to compare on; by default test rows that no run has learned from.
        home: the work folder.
        listeners: told of every event.

    Raises:
        UsageError: fewer than two runs, one without a bundle, runs of other outputs, no row that
            all can be compared on.
        DataError: rows cannot be read.
    """
    found = _found(runs, home)
    models = [load(run.bundle) for run in found]
    names = [run.reference for run in found]
    shared_outputs(names, models)
    shared = shared_rows(found, models, stages_of(home, listeners), data)
    shared = meeting_conditions(shared, models)
    compared = compare_models(names, models, shared)
    return Comparison(
        runs=tuple(names),
        rows=shared.source,
        n_rows=shared.frame.height,
        outputs=compared,
        facts=tuple(_facts(run, model, shared) for run, model in zip(found, models, strict=True)),
        diffs=tuple(difference(found[0], other) for other in found[1:]),
        notes=(*_unfinished(found), *shared.notes),
    )


def compare_models(
    names: Sequence[str], models: Sequence[Model], shared: Shared
) -> dict[str, ComparedOutput]:
    """Return models on the same rows, each against the first, by output that all of them have.

    Args:
        names: of the models.
        models: two or more.
        shared: rows that satisfy every model's `where`.

    Raises:
        UsageError: the models have no output in common, or of other types or labels.
    """
    outputs = shared_outputs(names, models)
    scores = [model.scores(model.with_derived(shared.frame)) for model in models]
    return {
        output: _compare_output(names, models, output, shared, [one[output] for one in scores])
        for output in outputs
    }


def _unfinished(runs: Sequence[Run]) -> list[str]:
    states = {run.reference: run.status["state"] for run in runs}
    return [
        f"{name} is {state}: its model is the best so far"
        for name, state in states.items()
        if state != FINISHED
    ]


def difference(before: Run, after: Run) -> RunDiff:
    """Return what differs between two runs: config, data, code, packages, machine."""
    locks = [{k: v for k, v in run.lock.items() if k not in KEYS} for run in (before, after)]
    parts: dict[str, list[str]] = {}
    names = {"data": "data", "git": "code", "packages": "packages", "python": "packages",
             "machine": "machine"}  # fmt: skip
    for line in lock_differences(*locks):
        parts.setdefault(names.get(line.partition(":")[0].partition(".")[0], "other"), []).append(
            line
        )
    return RunDiff(
        run=after.reference,
        config=tuple(change.to_json() for change in changes_between(before, after)),
        **{name: tuple(lines) for name, lines in parts.items()},
    )


def changes_between(before: Run, after: Run) -> list[Change]:
    """Return the changes between the configs of two runs.

    Where the families differ, keys that only one of them has count if somebody wrote them.
    """
    configs = [_written(run) for run in (before, after)]
    said = [config.written.get("trainer") for config in configs]
    keys = {key for trainer in said if trainer is not None for key in trainer.entries}
    return [
        change
        for change in config_changes(*configs)
        if change.kind == "changed" or not change.path.startswith("trainer.")
        or change.path.split(".")[1] in keys
    ]  # fmt: skip


def _written(run: Run) -> Config:
    path = run.folder / "written.yaml"
    try:
        return Config.load(path)
    except ConfigError:
        # A variable that is not set here, or a component of somebody else's.
        return Config.load(path, is_sealed=True)


def _found(references: Sequence[str], home: Path | str | None) -> list[Run]:
    if len(references) < FEWEST:
        raise UsageError("comparing takes two runs or more\n  Fix: ordain compare RUN RUN")
    found = [find_run(reference, home) for reference in references]
    names = [run.reference for run in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"{' and '.join(references)} name the run {twice} twice\n"
            "  Fix: give two runs of `ordain runs`"
        )
    return found


def shared_outputs(names: Sequence[str], models: Sequence[Model]) -> list[str]:
    """Return the outputs that all models have, of one type and (for binary) with the same labels.

    Raises:
        UsageError: there is none, or one is of another type or has other labels.
    """
    kinds = [
        {feature.name: feature.type for feature in model.document.output_features}
        for model in models
    ]
    shared = [name for name in kinds[0] if all(name in other for other in kinds)]
    if not shared:
        told = "; ".join(
            f"{name} predicts {', '.join(f'`{output}`' for output in kind)}"
            for name, kind in zip(names, kinds, strict=True)
        )
        raise UsageError(
            f"the runs have no output in common: {told}\n  Fix: compare runs of one output"
        )
    for name in shared:
        types = {kind[name] for kind in kinds}
        labels = {tuple(sorted(labels_of(model.encodings[name]))) for model in models}
        if len(types) > 1:
            raise UsageError(
                f"`{name}` is {' in one run and '.join(sorted(types))} in another, which do not "
                "compare"
            )
        if types == {"binary"} and len(labels) > 1:
            raise UsageError(
                f"`{name}` has other labels in each run: "
                + "; ".join(", ".join(one) for one in sorted(labels))
            )
    return shared


def _compare_output(
    names: Sequence[str],
    models: Sequence[Model],
    name: str,
    shared: Shared,
    raw: Sequence[npt.NDArray[Any]],
) -> ComparedOutput:
    targets = _targets(models, name, shared, raw)
    first = targets[0]
    metrics = _metrics(models[0], first.type)
    entries: list[Compared] = []
    for run, target in zip(names, targets, strict=True):
        judged = evaluate_target(target, metrics, groups=shared.groups, has_intervals=True)
        differences: tuple[Difference, ...] = ()
        if target is not first:
            differences = compare_metrics(
                target.type,
                target.truth,
                target.scores,
                first.scores,
                against=names[0],
                metrics=metrics,
                labels=target.labels,
                groups=shared.groups,
                threshold=target.threshold,
                their_threshold=first.threshold,
            )
        entries.append(
            Compared(
                run=run,
                metrics=judged.metrics,
                intervals=judged.intervals,
                differences=differences,
            )
        )
    return ComparedOutput(
        output=name,
        type=first.type,
        headline=metrics[0].label,
        n_rows=int(first.is_judged.sum()),
        runs=tuple(_corrected(entries)),
        flips=tuple(
            flips_of(run, first, target, shared, models[0])
            for run, target in zip(names[1:], targets[1:], strict=True)
        ),
    )


def _metrics(model: Model, type_name: str) -> list[Metric[Any]]:
    """Return the metrics of the first run, the deciding one first."""
    declared = model.document.evaluation
    fitting = [one for one in map(METRICS.build, declared.metrics or ()) if one.fits(type_name)]
    metrics = metrics_for(type_name, fitting or None)
    if declared.optimize is None:
        return metrics
    deciding = find_metric(declared.optimize, declared.metrics)
    if not deciding.fits(type_name):
        return metrics
    return [deciding, *(one for one in metrics if one.label != deciding.label)]


def _targets(
    models: Sequence[Model], name: str, shared: Shared, raw: Sequence[npt.NDArray[Any]]
) -> list[Target]:
    """Return truth and scores of every run over the labels of all of them."""
    own = [labels_of(model.encodings[name]) for model in models]
    labels = tuple(dict.fromkeys(label for one in own for label in one))
    truth = _truth(models, name, shared, labels)
    targets = []
    for model, scores, known in zip(models, raw, own, strict=True):
        feature = next(f for f in model.document.output_features if f.name == name)
        encoding = model.encodings[name]
        read = scored_values(feature, encoding, scores)
        threshold = float(getattr(encoding, "threshold", THRESHOLD))
        if feature.type == "binary" and known != own[0]:
            read, threshold = 1 - read, 1 - threshold
        if feature.type == "category" and known != labels:
            spread = np.zeros((len(read), len(labels)), dtype=read.dtype)
            spread[:, [labels.index(label) for label in known]] = read
            read = spread
        targets.append(
            Target(
                name=name,
                column=feature.column,
                type=feature.type,
                labels=labels if feature.type == "category" else own[0],
                truth=truth,
                scores=read,
                threshold=threshold,
            )
        )
    return targets


def _truth(
    models: Sequence[Model], name: str, shared: Shared, labels: tuple[str, ...]
) -> npt.NDArray[Any]:
    """Return the truth over the labels of all runs: what one has not seen another may know."""
    found: npt.NDArray[Any] | None = None
    for model in models:
        feature = next(f for f in model.document.output_features if f.name == name)
        encoding = model.encodings[name]
        truth = true_values(feature, encoding, shared.frame[feature.column])
        if feature.type != "category":
            return truth
        own = np.array([labels.index(label) for label in labels_of(encoding)], dtype=np.int64)
        read = truth.astype(np.int64)
        mapped = np.where(read >= 0, own[np.maximum(read, 0)], read)
        found = mapped if found is None else np.where(found == UNSEEN, mapped, found)
    assert found is not None, "there are two runs at least"
    return found


def _corrected(entries: Sequence[Compared]) -> list[Compared]:
    """Return the runs with each metric's tests corrected for the number of runs."""
    metrics = dict.fromkeys(d.metric for one in entries for d in one.differences)
    tables = {one.run: {d.metric: d for d in one.differences} for one in entries}
    for metric in metrics:
        runs = [run for run, found in tables.items() if metric in found]
        for run, p in zip(runs, holm([tables[r][metric].p_value for r in runs]), strict=True):
            known = tables[run][metric]
            told = known.verdict if p is None or p < 1 - LEVEL else "cannot tell"
            tables[run][metric] = known.model_copy(update={"p_value": p, "verdict": told})
    return [
        one.model_copy(update={"differences": tuple(tables[one.run].values())}) for one in entries
    ]


def _facts(run: Run, model: Model, shared: Shared) -> RunFacts:
    status = run.status
    account = status.get("account", {})
    figures = figures_of(model, model.with_derived(shared.frame.head(N_TIMED)))
    return RunFacts(
        run=run.reference,
        family=str(status.get("model", model.document.model_type.type)),
        latency_ms=figures["latency_ms"],
        size_bytes=figures["size_bytes"],
        seconds=account.get("seconds", status.get("seconds_total")),
        cost=account.get("cost"),
        energy_joules=account.get("energy_joules"),
    )
