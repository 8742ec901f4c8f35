"""Classes and what they are taken for.

ordain visualize confusion_matrix RUN -o top_n_classes=6
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.drawing import FAINT, Figure
from ordain.evaluation.plots.plot import (
    PLOTS,
    Judged,
    Plot,
    Shown,
    bars,
    distinct,
    figure,
    line,
    panels,
)

MOST_LEGIBLE = 12
REST = "all others"
INK = "#1d232b"
"""Reads on every colour of a cell."""


@PLOTS.register
class ConfusionMatrix(Plot):
    """True class against predicted class, and how mixed the predictions of each class are."""

    type: Literal["confusion_matrix"] = "confusion_matrix"

    top_n_classes: int = Field(default=10, ge=1)
    """Of many classes, how many of the commonest are shown; the rest are one."""
    normalize: bool = True
    """Whether cells are shares of the true class; else rows are counted."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return for each run its matrix and the entropy of its rows."""
        parts: list[tuple[str, Figure]] = []
        for run in runs:
            judged = run.outputs[outputs[0]]
            labels, counts = top_confusion(judged, self.top_n_classes)
            totals = counts.sum(axis=1, keepdims=True)
            shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
            parts.append((run.name, self._matrix(labels, counts, shares)))
            order = np.argsort(-entropy(shares), kind="stable")
            entropies = bars([labels[i] for i in order], entropy(shares)[order],
                             name=run.name, place=0, showlegend=False)  # fmt: skip
            parts.append(
                (
                    f"{run.name}: entropy of the predictions",
                    figure([entropies], x="true class", y="bits"),
                )
            )
        return panels(parts)

    def _matrix(
        self, labels: list[str], counts: npt.NDArray[Any], shares: npt.NDArray[Any]
    ) -> Figure:
        values = shares if self.normalize else counts
        trace: Figure = {
            "type": "heatmap",
            "x": labels,
            "y": labels,
            "z": np.round(values, 6).tolist(),
            "customdata": counts.astype(int).tolist(),
            "xgap": 1,
            "ygap": 1,
            "showscale": False,
            "colorscale": [[0, "rgba(59,130,196,0.06)"], [1, "rgba(59,130,196,0.85)"]],
            "hovertemplate": "true %{y}<br>predicted %{x}<br>%{customdata:,} rows<extra></extra>",
        }
        if len(labels) <= MOST_LEGIBLE:
            trace["textfont"] = {"color": INK}
            trace["texttemplate"] = "%{z:.2f}" if self.normalize else "%{z:,}"
        drawn = figure([trace], x="predicted", y="true")
        drawn["layout"]["yaxis"] |= {"autorange": "reversed", "type": "category"}
        drawn["layout"]["xaxis"] |= {"type": "category"}
        for axis in ("xaxis", "yaxis"):
            drawn["layout"][axis]["showgrid"] = False
        return drawn


@PLOTS.register
class FrequencyVsF1(Plot):
    """How many rows each class has, and its f1."""

    type: Literal["frequency_vs_f1"] = "frequency_vs_f1"

    top_n_classes: int = Field(default=50, ge=1)
    """Of many classes, how many of the commonest are shown."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return for each run the classes by frequency, and the classes by f1."""
        parts: list[tuple[str, Figure]] = []
        for place, run in enumerate(runs):
            judged = run.outputs[outputs[0]]
            labels = distinct(judged.target.labels)
            rows = np.bincount(judged.truth, minlength=len(labels))
            f1 = class_figures(judged)["f1"]
            shown = [i for i in judged.commonest(self.top_n_classes) if rows[i]]
            for by, order in (
                ("frequency", shown),
                ("f1", sorted(shown, key=lambda i: (-np.nan_to_num(f1[i]), i))),
            ):
                names = [labels[i] for i in order]
                scores = line(range(len(order)), f1[order], name="f1", place=place)
                scores |= {"x": names, "mode": "lines+markers", "legendgroup": "f1"}
                shares = bars(names, rows[order] / max(1, rows.max()), name="rows of the class",
                              place=place, opacity=0.5)  # fmt: skip
                shares["marker"] = {"color": FAINT}
                shares["customdata"] = rows[order].tolist()
                shares["hovertemplate"] = "%{x}: %{customdata:,} rows<extra></extra>"
                part = figure([shares, scores], x=f"class, by {by}",
                              y="f1; rows as share of the most")  # fmt: skip
                part["layout"]["xaxis"]["type"] = "category"
                parts.append((f"{run.name}, by {by}", part))
        return panels(parts)


def top_confusion(judged: Judged, n_classes: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return labels and counts [true, predicted] of the commonest classes; the rest as one."""
    n = len(judged.target.labels)
    kept = sorted(judged.commonest(n_classes))
    place = np.full(n, len(kept))
    place[kept] = np.arange(len(kept))
    size = len(kept) + (n > len(kept))
    cells = place[judged.truth] * size + place[judged.predicted]
    counts = np.bincount(cells, minlength=size * size).reshape(size, size)
    labels = distinct([judged.target.labels[i] for i in kept])
    return [*labels, *([REST] if size > len(kept) else [])], counts.astype(np.float64)


def entropy(shares: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the entropy of each row of shares, in bits."""
    logs = np.log2(shares, out=np.zeros(shares.shape), where=shares > 0)
    return np.asarray(-(shares * logs).sum(axis=1)) + 0.0


def class_figures(judged: Judged) -> dict[str, npt.NDArray[np.float64]]:
    """Return precision, recall and f1 of each class [C]; NaN where there is none."""
    n = len(judged.target.labels)
    hits = np.bincount(judged.truth[judged.is_right], minlength=n).astype(np.float64)
    truth = np.bincount(judged.truth, minlength=n)
    called = np.bincount(judged.predicted, minlength=n)

    def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        return np.asarray(np.divide(part, whole, out=np.full(n, np.nan), where=whole > 0))

    return {
        "precision": ratio(hits, called),
        "recall": ratio(hits, truth),
        "f1": ratio(2 * hits, truth + called),
    }
