"""Errors of numbers.

ordain visualize residuals RUN
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from ordain.evaluation.curves import scatter_points
from ordain.evaluation.drawing import Figure
from ordain.evaluation.plots.plot import (
    PLOTS,
    Plot,
    Shown,
    bars,
    dotted,
    figure,
    line,
    panels,
)
from ordain.evaluation.sample import NumberSample

NUMBERS = frozenset({"number"})
N_BARS = 50


@PLOTS.register
class Residuals(Plot):
    """How often the prediction is off by how much, over the middle 99% of the rows."""

    type: Literal["residuals"] = "residuals"
    types: ClassVar[frozenset[str]] = NUMBERS

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return bars for each run over the same edges."""
        errors = [_numbers(run, outputs[0]).errors for run in runs]
        low, high = np.quantile(np.concatenate(errors), [0.005, 0.995])
        edges = np.linspace(low, high if high > low else low + 1, N_BARS + 1)
        middles = ((edges[1:] + edges[:-1]) / 2).round(6).tolist()
        drawn = [
            bars(middles, np.histogram(found, edges)[0] / max(1, len(found)),
                 name=run.name, place=place, opacity=0.65)
            for place, (run, found) in enumerate(zip(runs, errors, strict=True))
        ]  # fmt: skip
        made = figure(drawn, x="prediction minus truth", y="share of rows")
        made["layout"]["barmode"] = "overlay"
        return panels([(outputs[0], made)])


@PLOTS.register
class PredictionVsTruth(Plot):
    """Predictions against truth, a point for each row of a sample."""

    type: Literal["prediction_vs_truth"] = "prediction_vs_truth"
    types: ClassVar[frozenset[str]] = NUMBERS

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each run, with the line of perfect predictions."""
        parts = []
        for place, run in enumerate(runs):
            points = scatter_points(_numbers(run, outputs[0]))
            ends = [min(points["truth"]), max(points["truth"])]
            dots = line(points["truth"], points["prediction"], name=run.name, place=place,
                        mode="markers", opacity=0.45)  # fmt: skip
            perfect = dotted(ends, ends, name="perfect")
            parts.append((run.name, figure([dots, perfect], x="truth", y="prediction")))
        return panels(parts)


def _numbers(run: Shown, output: str) -> NumberSample:
    sample = run.outputs[output].sample
    assert isinstance(sample, NumberSample), "the plot is of numbers"
    return sample
