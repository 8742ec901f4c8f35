"""How learning went, and how runs compare by their metrics.

ordain visualize learning_curves RUN
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from ordain.evaluation.drawing import Figure
from ordain.evaluation.history import axis_of, panels_of
from ordain.evaluation.metric import METRICS
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

DASHES = {"train": "dot", "validation": "solid", "test": "dash"}
MORE_DASHES = ("longdash", "dashdot", "longdashdot")
"""Of quantities that were measured on the same rows as the one before."""
MARKED = 12
"""Points up to which each is marked."""


@PLOTS.register
class LearningCurves(Plot):
    """Losses and every other measured quantity by epoch, round or setting, a panel a kind."""

    type: Literal["learning_curves"] = "learning_curves"
    types: ClassVar[frozenset[str]] = ALL_TYPES

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each kind; the runs' colours, a dotted line for training."""
        del outputs
        found: dict[tuple[str, str], list[Figure]] = {}
        searched: set[tuple[str, str]] = set()
        for place, run in enumerate(runs):
            for panel in panels_of(run.history, axis=axis_of(run.family)):
                # Epochs of one run and settings tried by another share no axis.
                key = (panel.title, panel.axis)
                searched |= {key} if panel.is_search else set()
                drawn: list[str] = []
                for number, (name, set_name, points) in enumerate(panel.lines):
                    x, y = zip(*points, strict=True)
                    one = line(x, y, name=f"{name}, {run.name}" if len(runs) > 1 else name,
                               place=place if len(runs) > 1 else number)  # fmt: skip
                    again = drawn.count(set_name)
                    more = MORE_DASHES[(again - 1) % len(MORE_DASHES)]
                    one["line"]["dash"] = more if again else DASHES[set_name]
                    drawn.append(set_name)
                    one["mode"] = "lines+markers" if len(x) <= MARKED else "lines"
                    found.setdefault(key, []).append(one)
        return panels([(title, _by(lines, axis, title, is_search=(title, axis) in searched))
                       for (title, axis), lines in found.items()])  # fmt: skip


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
            labelled = [_arrowed(name) for name in together]
            drawn = [
                bars(
                    labelled, [_number(values[n][place]) for n in together], name=name, place=place
                )
                for place, (name, _) in enumerate(judged)
            ]
            title = "from 0 to 1" + ("; \u2193: less is better" if labelled != together else "")
            parts.append((title, figure(drawn, x="", y="")))
        labels = distinct([name for name, _ in judged])
        for name in values:
            if name not in together:
                drawn = [
                    bars([label], [_number(values[name][place])], name=label, place=place)
                    for place, label in enumerate(labels)
                ]
                parts.append((_arrowed(name), figure(drawn, x="", y=name)))
        return panels(parts)


def _arrowed(name: str) -> str:
    """Return a metric's name with an arrow down where less of it is better."""
    is_less = METRICS.has(name) and not METRICS.get(name).is_higher_better
    return f"{name} \u2193" if is_less else name


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _by(lines: list[Figure], axis: str, title: str, *, is_search: bool) -> Figure:
    made = figure(lines, x=axis, y=title.partition(" of ")[0])
    longest = max((len(one["x"]) for one in lines), default=0)
    if axis.startswith("epoch") and longest <= MARKED:
        made["layout"]["xaxis"]["dtick"] = 1  # there is no epoch 1.5
    if is_search:
        tried = sorted({x for one in lines for x in one["x"]})
        made["layout"]["xaxis"] |= {
            "type": "log", "tickvals": tried, "ticktext": [f"{x:g}" for x in tried],
        }  # fmt: skip
    return made
