"""Gaps: how the distance from a perfect metric divides into what can be done something about.

    perfect ─irreducible─► ceiling ─avoidable bias─► train ─variance─► validation ─shift─► test

Each gap is the fall of the deciding metric from one to the next, so that they add up to the whole.
The ceiling is what people reach (`evaluation.human`) or what noise in the labels leaves; without
one, irreducible error and avoidable bias cannot be told apart and stand together.
Where two validation sets are declared, one drawn like training (`validation`, or `..._train`) and
one like the test set (`..._test`), variance ends at the first and shift goes from the first to the
second.
Sources: Ng 2018, "Machine Learning Yearning"; Zou and Donner 2008 for the intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ordain.evaluation.diagnosis.noise import LabelNoise
from ordain.evaluation.judgement import Interval, Judgement, Record
from ordain.evaluation.metric import Metric

Part = Literal["irreducible", "avoidable bias", "variance", "shift", "overfitted validation"]
BEST = "perfect"
ACCURACIES = frozenset({"accuracy"})
"""Metrics of which the noise in the labels gives the ceiling."""
TRAIN, VALIDATION, TEST = "train", "validation", "test"


class Ceiling(Record):
    """The best that can be expected of a metric, and who says so."""

    value: float
    source: str
    """Such as `people`, or `noise in the labels`."""


class Gap(Record):
    """The fall of the metric from one set of rows, or bound, to the next."""

    part: Part
    before: str
    """Where it starts: a set, the ceiling's source, or `perfect`."""
    after: str
    size: float
    """How much worse the metric is there; below zero it is better."""
    interval: Interval | None = None
    is_real: bool = False
    """Whether the interval leaves zero out."""
    note: str = ""


class ErrorSplit(Record):
    """The distance of an output's deciding metric from perfect, divided."""

    output: str
    metric: str
    values: dict[str, float]
    """Of the metric, by set."""
    ceiling: Ceiling | None = None
    gaps: tuple[Gap, ...] = ()
    largest: Part | None = None
    """The gap to work on first: the largest that is real and not irreducible; None without one."""
    note: str = ""

    def gap(self, part: Part) -> Gap | None:
        """Return a gap, or None where it is not known."""
        return next((gap for gap in self.gaps if gap.part == part), None)


def split_error(
    output: str,
    metric: Metric[Any],
    judged: Mapping[str, Judgement],
    *,
    ceiling: Ceiling | None = None,
) -> ErrorSplit:
    """Return how the distance from perfect divides.

    Args:
        output: its name.
        metric: the one that decides.
        judged: by set of rows; those without a value of the metric are left out.
        ceiling: what can be expected at best.
    """
    label = metric.label
    values = {
        name: float(found)
        for name, one in judged.items()
        if (found := one.metrics.get(label)) is not None and math.isfinite(found)
    }
    intervals = {name: judged[name].intervals.get(label) for name in values}
    if TRAIN not in values:
        note = f"{label} has no value on the training rows"
        return ErrorSplit(output=output, metric=label, values=values, note=note)
    gaps = [*_above_training(metric, values, intervals, ceiling)]
    for part, before, after in stretches(list(values)):
        gaps.append(_gap(metric, part, before, after, values=values, intervals=intervals))
    known = [gap for gap in gaps if gap.is_real and gap.size > 0 and gap.part != "irreducible"]
    largest = max(known, key=lambda gap: gap.size).part if known else None
    return ErrorSplit(
        output=output,
        metric=label,
        values=values,
        ceiling=ceiling,
        gaps=tuple(gaps),
        largest=largest,
    )


def ceiling_of(
    metric: Metric[Any],
    human: Mapping[str, float],
    noise: LabelNoise | None,
    *,
    on_train: Judgement | None,
) -> Ceiling | None:
    """Return what can be expected at best, where somebody says so.

    The noise in the labels is an upper bound, so that a model which has passed what it leaves shows
    that it left more.

    Args:
        metric: the one that decides.
        human: what people reach, by metric.
        noise: in the labels.
        on_train: of the rows the model has learned from.
    """
    declared = human.get(metric.label)
    if declared is not None:
        return Ceiling(value=declared, source="people")
    if noise is None or metric.label not in ACCURACIES or on_train is None:
        return None
    value = on_train.metrics.get(metric.label)
    if value is None or value > 1 - noise.share:
        return None
    return Ceiling(value=1 - noise.share, source="labels with such noise")


def stretches(sets: Sequence[str]) -> list[tuple[Part, str, str]]:
    """Return what lies between training and the last set: the part, from where, to where.

    >>> stretches(["train", "validation", "test"])
    [('variance', 'train', 'validation'), ('shift', 'validation', 'test')]
    """
    others = [name for name in sets if name not in (TRAIN, TEST)]
    like_train = next((name for name in others if name.endswith(TRAIN)), None)
    like_test = next((name for name in others if name.endswith(TEST)), None)
    if like_train is None and VALIDATION in others:
        like_train = VALIDATION
    if like_train is not None and like_test is not None:
        found: list[tuple[Part, str, str]] = [
            ("variance", TRAIN, like_train),
            ("shift", like_train, like_test),
        ]
        return found + ([("overfitted validation", like_test, TEST)] if TEST in sets else [])
    middle = VALIDATION if VALIDATION in sets else next(iter(others), None)
    if middle is None:
        return [("variance", TRAIN, TEST)] if TEST in sets else []
    found = [("variance", TRAIN, middle)]
    return found + ([("shift", middle, TEST)] if TEST in sets else [])


def gap_interval(
    first: Interval | None, second: Interval | None, *, values: tuple[float, float], sign: int
) -> Interval | None:
    """Return the interval of how much worse the second is, from those of both.

    Args:
        first: of the first value.
        second: of the second value, measured on other rows.
        values: both.
        sign: 1 where higher is better, else -1.
    """
    if first is None or second is None:
        return None
    one, other = values
    if sign < 0:
        first, second, one, other = second, first, other, one
    down = math.hypot(one - first.low, second.high - other)
    up = math.hypot(first.high - one, other - second.low)
    gap = one - other
    return Interval(low=gap - down, high=gap + up, level=first.level, method="mover")


def _above_training(
    metric: Metric[Any],
    values: Mapping[str, float],
    intervals: Mapping[str, Interval | None],
    ceiling: Ceiling | None,
) -> list[Gap]:
    """Return the gaps between perfect and the training rows; none where no value is perfect."""
    sign = 1 if metric.is_higher_better else -1
    if ceiling is None:
        if not math.isfinite(metric.best):
            return []
        note = "with what no model can know: no ceiling is declared"
        start, name = metric.best, BEST
    else:
        note, start, name = "", ceiling.value, ceiling.source
    found = []
    if ceiling is not None and math.isfinite(metric.best):
        size = sign * (metric.best - ceiling.value)
        found.append(Gap(part="irreducible", before=BEST, after=name, size=size, is_real=size > 0))
    own = intervals[TRAIN]
    size = sign * (start - values[TRAIN])
    interval = None
    if own is not None:
        ends = sorted(sign * (start - end) for end in (own.low, own.high))
        interval = Interval(low=ends[0], high=ends[1], level=own.level, method=own.method)
    found.append(
        Gap(
            part="avoidable bias",
            before=name,
            after=TRAIN,
            size=size,
            interval=interval,
            is_real=ceiling is not None and size > 0 and (interval is None or interval.low > 0),
            note=note,
        )
    )
    return found


def _gap(
    metric: Metric[Any],
    part: Part,
    before: str,
    after: str,
    *,
    values: Mapping[str, float],
    intervals: Mapping[str, Interval | None],
) -> Gap:
    sign = 1 if metric.is_higher_better else -1
    pair = (values[before], values[after])
    interval = gap_interval(intervals[before], intervals[after], values=pair, sign=sign)
    return Gap(
        part=part,
        before=before,
        after=after,
        size=sign * (pair[0] - pair[1]),
        interval=interval,
        is_real=interval is not None and (interval.low > 0 or interval.high < 0),
    )
