"""How learning went, and how runs compare by their metrics.

ordain visualize learning_curves RUN
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from ordain.evaluation.drawing import Figure
from ordain.evaluation.history import series_of
from ordain.evaluation.plots.plot import (
    ALL_TYPES,
    PLOTS,
    Plot,
    Shown,
    bars,
    distinct,
    figure,
    line,
    panels,
)

SETS = ("train", "validation", "test")
DASHES = ("dot", "solid", "dash")


@PLOTS.register
class LearningCurves(Plot):
    """Each measured quantity by epoch or round, on training and validation rows."""

    type: Literal["learning_curves"] = "learning_curves"
    types: ClassVar[frozenset[str]] = ALL_TYPES

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each quantity; the runs' colours, a dotted line for training."""
        del outputs
        found: dict[str, list[Figure]] = {}
        axes: dict[str, str] = {}
        for place, run in enumerate(runs):
            for series in series_of(run.history):
                axes.setdefault(series.title, series.axis)
                for name in sorted(series.sets, key=SETS.index):
                    x, y = zip(*series.sets[name], strict=True)
                    one = line(x, y, name=f"{name}, {run.name}" if len(runs) > 1 else name,
                               place=place if len(runs) > 1 else SETS.index(name))  # fmt: skip
                    one["line"]["dash"] = DASHES[SETS.index(name)]
                    one["mode"] = "lines" if len(x) > 1 else "markers"
                    found.setdefault(series.title, []).append(one)
        return panels(
            [
                (title.replace("_", " "), figure(lines, x=axes[title], y=title.split(" ")[0]))
                for title, lines in found.items()
            ]
        )


@PLOTS.register
class ComparePerformance(Plot):
    """The metrics of each run side by side: those from 0 to 1 together, others by themselves."""

    type: Literal["compare_performance"] = "compare_performance"
    types: ClassVar[frozenset[str]] = ALL_TYPES

    n_metrics: int = Field(default=12, ge=1)
    """Metrics shown, the one that decides first."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return bars of every metric that some run has."""
        judged = [(run.name, run.outputs[outputs[0]]) for run in runs]
        first = judged[0][1]
        names = dict.fromkeys([first.headline, *(n for _, one in judged for n in one.metrics)])
        known = [n for n in names if any(one.metrics.get(n) is not None for _, one in judged)]
        values = {n: [one.metrics.get(n) for _, one in judged] for n in known[: self.n_metrics]}
        together = [n for n, found in values.items() if all(0 <= (v or 0) <= 1 for v in found)]
        parts = []
        if together:
            drawn = [
                bars(
                    together, [_number(values[n][place]) for n in together], name=name, place=place
                )
                for place, (name, _) in enumerate(judged)
            ]
            parts.append(("from 0 to 1", figure(drawn, x="", y="")))
        labels = distinct([name for name, _ in judged])
        for name in values:
            if name not in together:
                drawn = [
                    bars([label], [_number(values[name][place])], name=label, place=place)
                    for place, label in enumerate(labels)
                ]
                parts.append((name, figure(drawn, x="", y=name)))
        return panels(parts)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
