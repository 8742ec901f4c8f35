"""How good ranked lists are: each group of rows is one list, or all rows where none is given.

    dcg  = sum over the list of relevance / log2(place + 1);  ndcg = dcg / that of the best order
    map  = mean over the lists of the average precision of each
The truth is the relevance. Rows of equal score share their places. Lists in which nothing is
relevant are left out. Weights of rows weigh their list, by the mean.
Sources: Järvelin and Kekäläinen 2002; McSherry and Najork 2008 (ties).

    evaluation: {metrics: [{type: ndcg, k: 10}, map]}
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ordain.evaluation.metric import METRICS, Metric, Undefined
from ordain.evaluation.sample import Array, BinarySample, Floats, Ints, NumberSample, Sample

NOTHING_RELEVANT = Undefined("nothing is relevant in any list")


class _ListMetric(Metric[BinarySample | NumberSample]):
    """What both have in common: a value for each list, and their mean."""

    judges_lists: ClassVar[bool] = True
    is_default: ClassVar[bool] = False
    is_higher_better: ClassVar[bool] = True
    best: ClassVar[float] = 1.0
    worst: ClassVar[float | None] = 0.0

    def of_lists(self, sample: BinarySample | NumberSample) -> Floats:
        """Return the value of each list [G], NaN where nothing in it is relevant."""
        raise NotImplementedError

    def measure(self, sample: BinarySample | NumberSample) -> float | Undefined:
        """Return the mean over the lists, 0 to 1; undefined where nothing is relevant."""
        low = int(np.count_nonzero(sample.truth < 0))
        if low:
            return Undefined(f"the relevance is below zero in {_rows(low)}")
        values, weights = self._known(sample)
        return float(np.average(values, weights=weights)) if len(values) else NOTHING_RELEVANT

    def influence(self, sample: BinarySample | NumberSample) -> Floats | None:
        """Return the pull of each list, spread over its rows; None for a single list."""
        if sample.groups is None or sample.truth.min(initial=0) < 0:
            return None
        values, weights = self.of_lists(sample), _list_weights(sample)
        is_known = np.isfinite(values)
        total = float(weights[is_known].sum())
        if total <= 0:
            return None
        mean = float(np.average(values[is_known], weights=weights[is_known]))
        pulled = np.where(is_known, weights * (values - mean), 0.0) / total
        sizes = np.bincount(sample.groups)
        by_row: Floats = pulled * len(sample) / np.maximum(sizes, 1)
        return np.asarray(by_row[sample.groups])

    def measure_many(self, sample: BinarySample | NumberSample, counts: Floats) -> Floats:
        """Return the value of each resampling of the rows of one list."""
        rows = np.arange(len(sample))
        drawn = (np.repeat(rows, row.astype(np.int64)) for row in counts)
        found = (self.evaluate(sample.take(picked)) for picked in drawn)
        return np.array([np.nan if isinstance(v, Undefined) else v for v in found])

    def _known(self, sample: BinarySample | NumberSample) -> tuple[Floats, Floats]:
        values, weights = self.of_lists(sample), _list_weights(sample)
        counts = np.isfinite(values) & (weights > 0)
        return values[counts], weights[counts]


@METRICS.register
class Ndcg(_ListMetric):
    """How near the most relevant rows stand to the top of their list, 1 is the best order."""

    type: Literal["ndcg"] = "ndcg"
    types: ClassVar[frozenset[str]] = frozenset({"binary", "number"})

    k: int | None = Field(default=None, ge=1)
    """Places of a list that count; all by default."""

    @property
    def label(self) -> str:
        """The name with its number of places, such as `ndcg_10`."""
        return self.name or ("ndcg" if self.k is None else f"ndcg_{self.k}")

    def of_lists(self, sample: BinarySample | NumberSample) -> Floats:
        """Return the ratio for each list [G]."""
        reached = self._discounted(sample, sample.scores)
        ideal = self._discounted(sample, sample.truth)
        return np.divide(reached, ideal, out=np.full_like(ideal, np.nan), where=ideal > 0)

    def _discounted(self, sample: Sample, by: Array) -> Floats:
        blocks = _Blocks(sample, by)
        longest = int(blocks.ends_at.max())
        places = np.arange(1, longest + 1)
        steps = 1 / np.log2(places + 1.0)
        if self.k is not None:
            steps[self.k :] = 0.0
        reached = np.append(0.0, np.cumsum(steps))
        each = (reached[blocks.ends_at] - reached[blocks.starts_at]) / blocks.sizes
        relevance = blocks.sum(sample.truth.astype(np.float64))
        summed = np.bincount(blocks.list_of, relevance * each, minlength=_n_lists(sample))
        return summed.astype(np.float64)


@METRICS.register
class MeanAveragePrecision(_ListMetric):
    """Average precision of each list, averaged over the lists."""

    type: Literal["map"] = "map"
    aliases: ClassVar[tuple[str, ...]] = ("mean_average_precision",)
    types: ClassVar[frozenset[str]] = frozenset({"binary"})

    def of_lists(self, sample: BinarySample | NumberSample) -> Floats:
        """Return the average precision of each list [G]."""
        blocks = _Blocks(sample, sample.scores)
        gained = blocks.sum(sample.truth.astype(np.float64))
        summed = np.cumsum(gained)
        before = np.append(0.0, summed)[blocks.first_of_list]
        precision = (summed - before) / blocks.ends_at
        n_lists = _n_lists(sample)
        found = np.bincount(blocks.list_of, gained, minlength=n_lists)
        area = np.bincount(blocks.list_of, gained * precision, minlength=n_lists)
        empty = np.full(n_lists, np.nan)
        return np.asarray(np.divide(area, found, out=empty, where=found > 0))


class _Blocks:
    """The rows in order of list and falling value, cut where either changes: K blocks.

    Attributes:
        list_of: list of each block [K].
        sizes: rows of each block [K].
        starts_at: rows of its list before it [K].
        ends_at: rows of its list up to its end [K].
        first_of_list: place of the first block of its list [K].
    """

    def __init__(self, sample: Sample, by: Array) -> None:
        groups = np.zeros(len(sample), np.int64) if sample.groups is None else sample.groups
        self.order: Ints = np.lexsort((-by, groups))
        values, lists = by[self.order], groups[self.order]
        is_new = np.append(True, (values[1:] != values[:-1]) | (lists[1:] != lists[:-1]))
        self.starts: Ints = np.flatnonzero(is_new)
        self.list_of = lists[self.starts]
        self.sizes = np.diff(np.append(self.starts, len(by)))
        is_first = np.append(True, self.list_of[1:] != self.list_of[:-1])
        firsts = np.flatnonzero(is_first)
        self.first_of_list = np.repeat(firsts, np.diff(np.append(firsts, len(self.starts))))
        self.starts_at = self.starts - self.starts[self.first_of_list]
        self.ends_at = self.starts_at + self.sizes

    def sum(self, values: Floats) -> Floats:
        """Return the sum of values [N] over each block [K]."""
        return np.asarray(np.add.reduceat(values[self.order], self.starts))


def _n_lists(sample: Sample) -> int:
    return 1 if sample.groups is None else sample.n_groups


def _list_weights(sample: Sample) -> Floats:
    """Return the weight of each list [G], the mean of those of its rows."""
    if sample.groups is None:
        return np.ones(1)
    sizes = np.bincount(sample.groups, minlength=_n_lists(sample))
    total = np.bincount(sample.groups, sample.weights, minlength=_n_lists(sample))
    return np.asarray(total / np.maximum(sizes, 1))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
