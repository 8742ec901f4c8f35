"""The part of a diagnosis that learns again, as far as the time goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.config import Config
from ordain.core.errors import OrdainError
from ordain.core.randomness import generator
from ordain.data.dates import parse_dates
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.evaluation.compare import compare_scores
from ordain.evaluation.diagnosis.growth import Grown, Growth, fit_growth
from ordain.evaluation.diagnosis.patch import Effect, Finding, Patch
from ordain.evaluation.diagnosis.staleness import Staleness, Window, cut_windows, window_of
from ordain.evaluation.evaluate import evaluate_output
from ordain.evaluation.metric import Metric
from ordain.evaluation.subject import Target
from ordain.models.family import FittedModel
from ordain.pipeline.blueprint import MODEL
from ordain.pipeline.diagnosis import (
    ROWS_LOOKED_AT,
    OutputDiagnosis,
    Work,
    advised,
    date_column,
    judged_on,
)
from ordain.pipeline.patches import overrides_of, without
from ordain.pipeline.reopen import (
    fitted_of,
    learn_again,
    part_of,
    prepared_of,
    reopen_config,
    subject_on,
    target_of,
)
from ordain.pipeline.train import open_config
from ordain.pipeline.variant import Prepared

SHARES = (0.125, 0.25, 0.5)
RESERVED = 0.4
"""Of the time that is left, what the learning curve leaves to what comes after it."""
N_SEEDS = 3
MIN_LEARNED = 20


def learned_again(work: Work, outputs: dict[str, OutputDiagnosis]) -> dict[str, OutputDiagnosis]:
    """Return the diagnosis with what models that learn again say, as far as the time goes."""
    growth = _grown(work)
    stale = _aged(work)
    sets = {
        name: subject_on(work.again, work.model, name, n_rows=ROWS_LOOKED_AT)
        for name in dict.fromkeys((TRAIN, work.judging))
        if work.again.split.sizes.get(name)
    }
    found = {}
    for name, one in outputs.items():
        more = one.model_copy(update={"growth": growth.get(name), "staleness": stale.get(name)})
        found[name] = advised(work, more, sets)
    return _tried(work, found)


def _grown(work: Work) -> dict[str, Growth]:
    """Return the metric over the number of training rows, by output."""
    n_rows = work.again.split.sizes[TRAIN]
    seed = work.prepared.document.seed
    # A whole curve of one seed comes before the next; the run's own model is there already.
    jobs = [(1.0, 0)]
    jobs += [(share, one) for one in range(N_SEEDS) for share in SHARES]
    jobs = [(share, one) for share, one in jobs if round(n_rows * share) >= MIN_LEARNED]
    reserve = RESERVED * max(0.0, work.stages.clock.left or 0.0)
    points: dict[str, list[Grown]] = {name: [] for name in work.metrics}
    for number, (share, one) in enumerate(jobs):
        size = round(n_rows * share)
        part, fitted = work.prepared, None
        if share == 1:
            fitted = _own(work)
        else:
            random = generator(seed, "diagnosis", "growth", f"{size}", str(one))
            rows = np.sort(random.choice(n_rows, size, replace=False))
            part = part_of(work.prepared, rows)
            fitted = learn_again(
                work.stages, part, pace=work.pace, seed=seed + one, reserve=reserve
            )
        if fitted is None:
            work.left_out.append(f"learning curve: {share:g} of the rows, seed {seed + one}")
            continue
        for name, value in _values(work, part, fitted).items():
            points[name].append(Grown(n_rows=size, seed=seed + one, value=value))
        work.tell("growth", number + 1, len(jobs))
    grown = {
        name: fit_growth(
            found,
            metric=work.metrics[name].label,
            best=work.metrics[name].best,
            is_higher_better=work.metrics[name].is_higher_better,
            seed=seed,
        )
        for name, found in points.items()
        if found
    }
    if work.prepared.document.model_type.type == "neural":
        return {name: _with_fewer_steps(one) for name, one in grown.items()}
    return grown


def _with_fewer_steps(growth: Growth) -> Growth:
    """Return a curve with what must be known of it where learning goes by passes over the rows."""
    note = (
        "parts of the rows were learned for the same number of epochs, so in fewer steps: what "
        "looks like a want of rows may be a want of steps"
    )
    return growth.model_copy(update={"note": f"{growth.note}; {note}" if growth.note else note})


def _own(work: Work) -> FittedModel | None:
    """Return the run's own model, from the cache if it can be."""
    stages = work.stages
    request = work.again.blueprint.fit[MODEL]
    is_over = stages.clock.left is not None and stages.clock.left <= 0
    if stages.cache.find(request) is None and (is_over or stages.stop.is_set()):
        return None
    return fitted_of(work.again, work.prepared, stages)


def _values(work: Work, part: Prepared, fitted: FittedModel) -> dict[str, float]:
    """Return the deciding metric of each output on the judging rows, from raw scores."""
    found = {}
    for name, metric in work.metrics.items():
        target = target_of(part, fitted, work.again.table, work.judging, name)
        judged = evaluate_output(
            target.type,
            target.truth,
            target.scores,
            target.labels,
            threshold=target.threshold,
            metrics=[metric],
            has_detail=False,
        )
        value = judged.metrics[metric.label]
        if value is not None:
            found[name] = float(value)
    return found


def _aged(work: Work) -> dict[str, Staleness]:
    """Return how models of older and older rows do on the newest, by output."""
    column = date_column(work)
    if column is None:
        return {}
    times = _times(work, column)
    if times is None:
        return {}
    split = work.again.split
    start, stop = split.bounds(TRAIN)
    is_train = np.zeros(len(times), dtype=np.bool_)
    is_train[start:stop] = True
    judging = np.zeros(len(times), dtype=np.bool_)
    judging[slice(*split.bounds(work.judging))] = True
    windows, newest = cut_windows(np.where(is_train | judging, times, _NEVER), is_train)
    if not windows:
        note = "too few rows to learn from four windows and judge on newer ones"
        return {
            name: Staleness(output=name, metric=metric.label, column=column, note=note)
            for name, metric in work.metrics.items()
        }
    moment = int(times[newest].min())
    older = np.flatnonzero(times[slice(*split.bounds(VALIDATION))] < moment)
    learned: list[tuple[Any, dict[str, Target]]] = []
    for number, rows in enumerate(windows):
        part = part_of(work.prepared, rows - start, older if len(older) >= MIN_LEARNED else None)
        fitted = learn_again(work.stages, part, pace=work.pace)
        if fitted is None:
            work.left_out.append(f"staleness: window {number + 1} of {len(windows)}")
            continue
        places = newest - split.bounds(work.judging)[0]
        targets = {
            name: target_of(part, fitted, work.again.table, work.judging, name).take(places)
            for name in work.metrics
        }
        learned.append((rows, targets))
        work.tell("staleness", number + 1, len(windows))
    return {
        name: _told_age(name, metric, column, learned, times=times, moment=moment)
        for name, metric in work.metrics.items()
    }


_NEVER = np.iinfo(np.int64).min


def _times(work: Work, column: str) -> npt.NDArray[np.int64] | None:
    """Return the moment of each row in the order of the split, in microseconds; None if none."""
    try:
        moments = parse_dates(work.again.table.column(column)).values
    except OrdainError as error:
        work.notes.append(f"staleness: {error.message.splitlines()[0]}")
        return None
    micros = moments.cast(pl.Datetime("us")).to_physical().fill_null(_NEVER).to_numpy()
    return np.asarray(micros)[np.asarray(work.again.split.order)]


def _told_age(
    output: str,
    metric: Metric[Any],
    column: str,
    learned: list[tuple[Any, dict[str, Target]]],
    *,
    times: npt.NDArray[np.int64],
    moment: int,
) -> Staleness:
    told: list[Window] = []
    for rows, targets in learned:
        value = judged_on(targets[output], metric).metrics[metric.label]
        told.append(window_of(rows, times, moment, value=value))
    difference = None
    if len(learned) > 1:
        newest, oldest = learned[-1][1][output], learned[0][1][output]
        difference = compare_scores(
            newest.type,
            newest.truth,
            newest.scores,
            oldest.scores,
            against="the oldest window",
            metric=metric,
            labels=newest.labels,
            threshold=newest.threshold,
        )
    n_newest = len(learned[0][1][output].truth) if learned else 0
    return Staleness(
        output=output,
        metric=metric.label,
        column=column,
        n_newest=n_newest,
        windows=tuple(told),
        difference=difference,
    )


def _tried(work: Work, outputs: dict[str, OutputDiagnosis]) -> dict[str, OutputDiagnosis]:
    """Return the findings with what each patch was measured to bring on validation rows.

    A patch whose config is wrong for the rows, or cannot be trained, is gone.
    """
    can_measure = bool(work.again.split.sizes.get(VALIDATION))
    wanted = {
        patch.name: patch
        for one in outputs.values()
        for finding in one.findings
        for patch in finding.patches
    }
    effects: dict[tuple[str, str], Effect] = {}
    wrong: set[str] = set()
    base: FittedModel | None = None
    for number, (name, patch) in enumerate(wanted.items()):
        try:
            config = _patched(work, patch)
            open_config(work.stages, config, work.again.given)
        except OrdainError as error:
            work.notes.append(f"patch '{name}' is not offered: {error.message.splitlines()[0]}")
            wrong.add(name)
            continue
        if not can_measure or not _changes_learning(patch):
            continue
        base = _own(work) if base is None else base
        if base is None:
            work.left_out.append(f"effect of the patch '{name}'")
            continue
        try:
            found = _effect(work, config, base)
        except OrdainError as error:
            work.notes.append(f"patch '{name}' is not offered: {error.message.splitlines()[0]}")
            wrong.add(name)
            continue
        if found is None:
            work.left_out.append(f"effect of the patch '{name}'")
            continue
        effects |= {(name, output): effect for output, effect in found.items()}
        work.tell("patches", number + 1, len(wanted))
    return {
        name: one.model_copy(
            update={"findings": tuple(_with_effects(f, effects, wrong) for f in one.findings)}
        )
        for name, one in outputs.items()
    }


def _changes_learning(patch: Patch) -> bool:
    """Return whether training again on the same sets can tell what a patch brings."""
    paths = [*(one.path for one in patch.set), *patch.remove]
    same_sets = not any(path[0] in {"data", "preprocessing"} for path in paths)
    return same_sets and not all(path[0] == "evaluation" for path in paths)


def _patched(work: Work, patch: Patch) -> Config:
    """Return the config of the run with a patch.

    Raises:
        ConfigError: it is wrong with it.
    """
    tree = work.again.config.written.copy()
    inputs = tree.get("input_features")
    if patch.inputs and inputs is not None and inputs.value == "all":
        from ordain.config.located import from_python

        tree.entries["input_features"] = tree.entries["input_features"]._replace(
            node=from_python(patch.inputs)
        )
    for path in patch.remove:
        without(tree, path)
    config = Config.load(tree, overrides=overrides_of(patch))
    return replace(config, folder=work.again.config.folder)


def _effect(work: Work, config: Config, base: FittedModel) -> dict[str, Effect] | None:
    """Return what a patched config brings to each output; None where there was no time to learn."""
    again = reopen_config(work.again.run, work.stages, config, work.again.given)
    if again.split.sizes != work.again.split.sizes:
        return {}
    prepared = prepared_of(again, work.stages)
    fitted = learn_again(work.stages, prepared, pace=work.pace)
    if fitted is None:
        return None
    found = {}
    for name, metric in work.metrics.items():
        new = target_of(prepared, fitted, again.table, VALIDATION, name)
        old = target_of(work.prepared, base, work.again.table, VALIDATION, name)
        difference = compare_scores(
            new.type,
            old.truth,
            new.scores,
            old.scores,
            against="the run",
            metric=metric,
            labels=old.labels,
            threshold=old.threshold,
        )
        if difference.gain is None:
            continue
        interval = difference.interval
        found[name] = Effect(
            metric=metric.label,
            gain=difference.gain,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
        )
    return found


def _with_effects(
    finding: Finding, effects: Mapping[tuple[str, str], Effect], wrong: set[str]
) -> Finding:
    """Return a finding whose patches say what they do; harmful and wrong ones are gone."""
    patches = [
        patch.model_copy(update={"effect": effects.get((patch.name, finding.output))})
        for patch in finding.patches
        if patch.name not in wrong
    ]
    if finding.name != "leak":  # taking a leak out always lowers the score
        patches = [patch for patch in patches if not _is_harmful(patch, finding)]
    # What is known to bring the most comes first.
    patches.sort(key=lambda patch: 0.0 if patch.effect is None else -patch.effect.gain)
    return finding.model_copy(update={"patches": tuple(patches)})


def _is_harmful(patch: Patch, finding: Finding) -> bool:
    """Return whether a patch was shown to be worse; not better is enough where nothing is amiss."""
    effect = patch.effect
    if effect is None:
        # Inputs that are useless one by one may be needed together.
        return finding.name == "useless-inputs"
    is_worse = effect.high is not None and effect.high < 0
    if finding.name == "robustness-unseen" and effect.gain == 0.0:
        return True  # no label is rare, so that nothing can teach what an unseen one means
    return is_worse or (effect.gain < 0 and not finding.is_problem)
