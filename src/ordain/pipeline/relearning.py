"""The part of a diagnosis that learns again, as far as the time goes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from ordain.core.errors import OrdainError
from ordain.core.randomness import generator
from ordain.data.dates import parse_dates
from ordain.data.splitter import TRAIN, VALIDATION
from ordain.evaluation.diagnosis.growth import Grown, Growth, fit_growth
from ordain.evaluation.diagnosis.record import OutputDiagnosis
from ordain.evaluation.diagnosis.staleness import Staleness, Window, cut_windows, window_of
from ordain.evaluation.intervals import quantile
from ordain.evaluation.metric import Metric
from ordain.evaluation.subject import Target
from ordain.evaluation.targets import compare_targets, evaluate_target
from ordain.models.family import FittedModel
from ordain.pipeline.diagnosis import (
    ROWS_LOOKED_AT,
    Work,
    advised,
    date_column,
)
from ordain.pipeline.patch_effects import own_model, with_effects
from ordain.pipeline.reopen import (
    learn_again,
    part_of,
    subject_on,
    target_of,
)
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
    return with_effects(work, found)


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
    noise: dict[str, float] = {}
    for number, (share, one) in enumerate(jobs):
        size = round(n_rows * share)
        part, fitted = work.prepared, None
        if share == 1:
            fitted = own_model(work)
            noise = {} if fitted is None else _standard_errors(work, fitted)
        else:
            random = generator(seed, "diagnosis", "growth", f"{size}", str(one))
            rows = np.sort(random.choice(n_rows, size, replace=False))
            part = _for_as_many_steps(part_of(work.prepared, rows), share)
            fitted = learn_again(
                work.stages, part, pace=work.pace, seed=seed + one, reserve=reserve
            )
        if fitted is None:
            work.left_out.append(f"learning curve: {share:g} of the rows, seed {seed + one}")
            continue
        for name, value in _values(work, part, fitted).items():
            points[name].append(Grown(n_rows=size, seed=seed + one, value=value))
        work.tell("growth", number + 1, len(jobs))
    return {
        name: fit_growth(
            found,
            metric=work.metrics[name].label,
            best=work.metrics[name].best,
            is_higher_better=work.metrics[name].is_higher_better,
            seed=seed,
            noise=noise.get(name, 0.0),
        )
        for name, found in points.items()
        if found
    }


def _for_as_many_steps(part: Prepared, share: float) -> Prepared:
    """Return a part of the rows with as many steps of learning as all rows have.

    A declared number of epochs would leave a part fewer steps, so that a want of steps would look
    like a want of rows. A rule on the number of rows (`epochs: auto`) gives each part its own.
    """
    trainer = part.document.trainer
    epochs = getattr(trainer, "epochs", None)
    if not isinstance(epochs, int) or getattr(trainer, "train_steps", None):
        return part
    more = trainer.model_copy(update={"epochs": math.ceil(epochs / share)})
    return replace(part, document=part.document.model_copy(update={"trainer": more}))


def _values(work: Work, part: Prepared, fitted: FittedModel) -> dict[str, float]:
    """Return the deciding metric of each output on the judging rows, from raw scores."""
    found = {}
    for name, metric in work.metrics.items():
        target = target_of(part, fitted, work.again.table, work.judging, name)
        judged = evaluate_target(target, [metric])
        value = judged.metrics[metric.label]
        if value is not None:
            found[name] = float(value)
    return found


def _standard_errors(work: Work, fitted: FittedModel) -> dict[str, float]:
    """Return the standard error of each output's deciding metric on the judging rows."""
    found = {}
    for name, metric in work.metrics.items():
        target = target_of(work.prepared, fitted, work.again.table, work.judging, name)
        judged = evaluate_target(target, [metric], has_intervals=True)
        interval = judged.intervals.get(metric.label)
        if interval is not None:
            found[name] = (interval.high - interval.low) / (2 * quantile(interval.level, math.inf))
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
        value = evaluate_target(targets[output], [metric]).metrics[metric.label]
        told.append(window_of(rows, times, moment, value=value))
    difference = None
    if len(learned) > 1:
        newest, oldest = learned[-1][1][output], learned[0][1][output]
        difference = compare_targets(newest, oldest, against="the oldest window", metric=metric)
    n_newest = len(learned[0][1][output].truth) if learned else 0
    return Staleness(
        output=output,
        metric=metric.label,
        column=column,
        n_newest=n_newest,
        windows=tuple(told),
        difference=difference,
    )
