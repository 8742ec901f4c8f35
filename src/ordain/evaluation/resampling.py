"""Resampling: what a metric might have been on other rows like these.

Rows are drawn with replacement, whole groups where there are groups; 200 draws, the same ones for
both models of a pair, from a fixed seed, many at a time. Above 20,000 rows draws are from an even
20,000 of them, and the spread is scaled by the root of the ratio: the interval of a mean shrinks
with the root of the rows.
Sources: Efron and Tibshirani 1993; Field and Welsh 2007 (groups).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ordain.core.randomness import generator
from ordain.evaluation.metric import Metric
from ordain.evaluation.sample import Floats, Sample

N_RESAMPLES = 200
MAX_ROWS = 20_000
BLOCK_CELLS = 2_000_000
"""Cells of a block of draws: sixteen megabytes."""


def resampled_spread(metric: Metric[Any], samples: tuple[Sample, ...], *, seed: int) -> float:
    """Return the standard error of the value of one sample, or of the difference of two.

    NaN where more than one in twenty draws have no value (one class drawn only, for instance):
    the others would hide the widest results.
    """
    n_rows = len(samples[0])
    n_kept = min(n_rows, MAX_ROWS)
    random = generator(seed, "evaluation", "bootstrap")
    if n_kept < n_rows:
        rows = np.sort(random.choice(n_rows, n_kept, replace=False))
        samples = tuple(sample.take(rows) for sample in samples)
    for sample in samples:  # what does not depend on the weights is then kept for all draws
        metric.evaluate(sample)
    values = np.concatenate(
        [
            _values(metric, samples, counts)
            for counts in draws(samples[0], n_draws=N_RESAMPLES, random=random)
        ]
    )
    finite = values[np.isfinite(values)]
    if len(finite) < N_RESAMPLES * 0.95:
        return math.nan
    return float(np.std(finite, ddof=1)) * math.sqrt(n_kept / n_rows)


def draws(sample: Sample, *, n_draws: int, random: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each row is drawn [R, N], in blocks of draws, `n_draws` in all."""
    n_units = sample.n_groups
    block = max(1, BLOCK_CELLS // max(len(sample), n_units))
    for start in range(0, n_draws, block):
        size = min(block, n_draws - start)
        drawn = random.integers(0, n_units, (size, n_units)) + np.arange(size)[:, None] * n_units
        counts = np.bincount(drawn.ravel(), minlength=size * n_units).reshape(size, n_units)
        by_row = counts if sample.groups is None else counts[:, sample.groups]
        yield by_row.astype(np.float64)


def _values(metric: Metric[Any], samples: tuple[Sample, ...], counts: Floats) -> Floats:
    values = [metric.measure_many(sample, counts) for sample in samples]
    return values[0] if len(values) == 1 else values[0] - values[1]
