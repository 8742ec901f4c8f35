"""Robustness: what the deciding metric loses when rows come damaged, without training again.

Each damage is done to the raw cells, which are then encoded as always, and the fall of the metric
on the same rows has its paired interval. Damages: noise on numbers (a tenth and a half of their
standard deviation), typos in text and labels (two neighbouring letters swapped), labels that
training has not seen, a tenth of all cells missing, and each column missing as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ordain.core.errors import OrdainError
from ordain.core.randomness import generator
from ordain.evaluation.compare import compare_scores
from ordain.evaluation.judgement import Interval, Record, Verdict
from ordain.evaluation.metric import Metric, MetricChoice, find_metric
from ordain.evaluation.pairs import holm
from ordain.evaluation.subject import Column, Encoded, Subject, Target
from ordain.evaluation.targets import evaluate_target

N_ROWS = 2_000
NOISES = (0.1, 0.5)
MISSING_SHARE = 0.1
UNSEEN = "a label that nobody has seen"
SURE = 0.05


class Damage(Record):
    """What one damage costs an output."""

    name: str
    """In words, such as `noise of 0.1 sd on numbers`."""
    kind: str
    """`noise`, `typos`, `unseen`, `missing cells`, or `missing column`."""
    columns: tuple[str, ...]
    """Inputs that were damaged."""
    value: float | None = None
    """Of the metric on the damaged rows."""
    drop: float | None = None
    """How much worse than on the rows as they are; below zero it is better."""
    interval: Interval | None = None
    """Of the drop."""
    p_value: float | None = None
    """Of no drop, corrected for the number of damages."""
    verdict: Verdict = "cannot tell"
    """Of the damaged rows beside the others, corrected for the number of damages."""
    note: str = ""
    """Why it could not be tried."""


class Robustness(Record):
    """What damages cost an output, the worst first."""

    output: str
    metric: str
    n_rows: int
    base: float | None
    damages: tuple[Damage, ...]


@dataclass(frozen=True)
class _Trial:
    name: str
    kind: str
    columns: tuple[Column, ...]
    damage: Callable[[Column, pl.Series], pl.Series]


def try_damages(
    subject: Subject, output: str, *, metric: MetricChoice, n_rows: int = N_ROWS
) -> Robustness:
    """Return what damages cost an output.

    Args:
        subject: rows that were not learned from.
        output: name of the output.
        metric: that decides.
        n_rows: rows at most, drawn evenly.
    """
    part = subject.sample(n_rows, "robustness")
    target = part.targets[output]
    chosen = find_metric(metric)
    found = [_tried(part, output, trial, metric=chosen) for trial in _trials(part)]
    damages = _corrected(found)
    damages.sort(key=lambda damage: -np.inf if damage.drop is None else damage.drop, reverse=True)
    judged = evaluate_target(target, [chosen])
    return Robustness(
        output=output,
        metric=chosen.label,
        n_rows=len(part),
        base=judged.metrics[chosen.label],
        damages=tuple(damages),
    )


def damaged_target(
    subject: Subject, output: str, kind: str, *, n_rows: int = N_ROWS
) -> tuple[str, Target] | None:
    """Return the first damage of a kind in words, with the target as rows so damaged are scored.

    None where no input can be damaged so, or such rows are refused.
    """
    part = subject.sample(n_rows, "robustness")
    trial = next((one for one in _trials(part) if one.kind == kind), None)
    if trial is None:
        return None
    try:
        scores = part.score(_damaged(part, trial))[output]
    except OrdainError:
        return None
    return trial.name, replace(part.targets[output], scores=scores)


def _trials(subject: Subject) -> Iterator[_Trial]:
    """Yield every damage that fits the inputs."""
    seed = subject.seed
    numbers = tuple(
        one
        for one in subject.columns
        if one.type == "number" and subject.frame[one.column].dtype.is_numeric()
    )
    words = tuple(
        one
        for one in subject.columns
        if one.type in {"text", "category"} and subject.frame[one.column].dtype == pl.String()
    )
    labels = tuple(one for one in subject.columns if one.type == "category")
    if numbers:
        for share in NOISES:
            yield _Trial(
                f"noise of {share:g} sd on numbers",
                "noise",
                numbers,
                lambda one, cells, share=share: _noisy(one, cells, share=share, seed=seed),  # type: ignore[misc]
            )
    if words:
        yield _Trial(
            "a typo in every text and label",
            "typos",
            words,
            lambda one, cells: _typos(one, cells, seed=seed),
        )
    if labels:
        yield _Trial("labels never seen", "unseen", labels, _unseen)
    yield _Trial(
        f"{MISSING_SHARE:.0%} of all cells missing",
        "missing cells",
        subject.columns,
        lambda one, cells: _gaps(one, cells, seed=seed),
    )
    for column in subject.columns:
        yield _Trial(f"`{column.name}` missing", "missing column", (column,), _empty)


def _tried(subject: Subject, output: str, trial: _Trial, *, metric: Metric[Any]) -> Damage:
    known = Damage(
        name=trial.name, kind=trial.kind, columns=tuple(one.name for one in trial.columns)
    )
    try:
        damaged = _damaged(subject, trial)
        scores = subject.score(damaged)[output]
    except OrdainError as error:
        # An input that may not be missing or unseen is refused, which is an answer too.
        reason = error.message.partition("\n")[0]
        return known.model_copy(update={"note": f"such rows are refused: {reason}"})
    target = subject.targets[output]
    difference = compare_scores(
        target.type,
        target.truth,
        scores,
        target.scores,
        against="the rows as they are",
        metric=metric,
        labels=target.labels,
        groups=subject.groups,
        threshold=target.threshold,
    )
    gain, interval = difference.gain, difference.interval
    return known.model_copy(
        update={
            "value": difference.value,
            "drop": None if gain is None else -gain,
            "interval": None
            if interval is None
            else interval.model_copy(update={"low": -interval.high, "high": -interval.low}),
            "verdict": difference.verdict,
            "p_value": difference.p_value,
        }
    )


def _damaged(subject: Subject, trial: _Trial) -> Encoded:
    """Return the inputs with the trial's columns damaged; those that depend on them follow."""
    cells = {
        one.column: trial.damage(one, subject.frame[one.column]).alias(one.column)
        for one in trial.columns
    }
    rows = subject.frame.with_columns(list(cells.values()))
    own = {one.name: subject.encode(one.name, cells[one.column], rows) for one in trial.columns}
    return {**subject.encoded, **own}


def _corrected(damages: Sequence[Damage]) -> list[Damage]:
    """Return the damages with verdicts that hold for all of them together."""
    corrected = holm([damage.p_value for damage in damages])
    return [
        damage.model_copy(update={"p_value": p, "verdict": "cannot tell"})
        if p is not None and p >= SURE
        else damage.model_copy(update={"p_value": p})
        for damage, p in zip(damages, corrected, strict=True)
    ]


def _noisy(column: Column, cells: pl.Series, *, share: float, seed: int) -> pl.Series:
    random = generator(seed, "robustness", "noise", column.name)
    spread = cells.cast(pl.Float64).std()
    size = float(spread) if isinstance(spread, int | float) else 0.0
    noise = pl.Series(random.standard_normal(len(cells)) * size * share)
    return cells.cast(pl.Float64) + noise


def _typos(column: Column, cells: pl.Series, *, seed: int) -> pl.Series:
    """Swap two neighbouring letters of each text, at a place drawn for each row."""
    random = generator(seed, "robustness", "typos", column.name)
    text, place = pl.col("text"), pl.col("place")
    lengths = cells.str.len_chars().fill_null(0).to_numpy()
    places = np.floor(random.random(len(cells)) * np.maximum(lengths - 1, 0)).astype(np.int64)
    frame = pl.DataFrame({"text": cells, "place": places})
    return frame.select(
        pl.concat_str(
            text.str.slice(0, place),
            text.str.slice(place + 1, 1),
            text.str.slice(place, 1),
            text.str.slice(place + 2),
        ).alias(cells.name)
    ).to_series()


def _unseen(column: Column, cells: pl.Series) -> pl.Series:
    if cells.dtype.is_numeric():
        highest = cells.cast(pl.Float64).max()
        far = 1_000_003 + (float(highest) if isinstance(highest, int | float) else 0.0)
        return pl.Series(column.column, [far]).cast(pl.Int64).new_from_index(0, len(cells))
    return pl.Series(column.column, [UNSEEN]).new_from_index(0, len(cells))


def _gaps(column: Column, cells: pl.Series, *, seed: int) -> pl.Series:
    random = generator(seed, "robustness", "gaps", column.name)
    return cells.set(pl.Series(random.random(len(cells)) < MISSING_SHARE), None)


def _empty(column: Column, cells: pl.Series) -> pl.Series:
    return pl.Series(column.column, [None], dtype=cells.dtype).new_from_index(0, len(cells))
