"""What is gained by answering only where the model is sure.

ordain visualize confidence_thresholding RUN RUN
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ordain.evaluation.drawing import Figure
from ordain.evaluation.plots.comparing import in_subset
from ordain.evaluation.plots.plot import (
    PLOTS,
    Judged,
    Plot,
    Shown,
    figure,
    line,
    panels,
    plain,
    short,
    thin,
)

N_STEPS = 41
LEAST_SHARE = 0.01
"""Share of rows under which an accuracy says nothing and is not drawn."""

Floats = npt.NDArray[np.float64]


@PLOTS.register
class ConfidenceThresholding(Plot):
    """Accuracy of the answers and share of rows answered, for each least confidence."""

    type: Literal["confidence_thresholding"] = "confidence_thresholding"

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a full line of accuracy and a dotted line of coverage for each run."""
        steps = np.linspace(0, 1, 2 * N_STEPS - 1)
        drawn = []
        for place, run in enumerate(runs):
            judged = run.outputs[outputs[0]]
            coverage, accuracy = answered(judged.confidence, judged.is_right, steps)
            more = f", {run.name}" if len(runs) > 1 else ""
            drawn.append(line(steps, accuracy, name=f"accuracy{more}", place=place))
            share = line(steps, coverage, name=f"answered{more}", place=place)
            share["line"]["dash"] = "dot"
            drawn.append(share)
        made = figure(drawn, x="least confidence", y="accuracy; share answered", is_unit=True)
        return panels([("answers from a confidence on", made)])


@PLOTS.register
class ConfidenceThresholdingDataVsAcc(Plot):
    """Accuracy of the surest answers against the share of rows answered."""

    type: Literal["confidence_thresholding_data_vs_acc"] = "confidence_thresholding_data_vs_acc"

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a line for each run."""
        drawn = [
            _by_coverage(run.outputs[outputs[0]], None, run.name, place)
            for place, run in enumerate(runs)
        ]
        return panels([("the surest rows", _coverage_figure(drawn))])


@PLOTS.register
class ConfidenceThresholdingDataVsAccSubset(Plot):
    """Accuracy of the surest answers by the share answered, for the commonest classes only."""

    type: Literal["confidence_thresholding_data_vs_acc_subset"] = (
        "confidence_thresholding_data_vs_acc_subset"
    )

    top_n_classes: int = Field(default=3, ge=1)
    """How many of the commonest classes make the subset."""
    subset: Literal["ground_truth", "predictions"] = "ground_truth"
    """Whether rows are taken by their true class or by the predicted one."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a line for each run."""
        drawn = []
        for place, run in enumerate(runs):
            judged = run.outputs[outputs[0]]
            rows = in_subset(judged, self.top_n_classes, self.subset)
            drawn.append(_by_coverage(judged, rows, run.name, place))
        title = f"the {self.top_n_classes} commonest classes"
        return panels([(title, _coverage_figure(drawn))])


@PLOTS.register
class ConfidenceThresholdingDataVsAccSubsetPerClass(Plot):
    """Accuracy of the surest answers by the share answered, for each of the commonest classes."""

    type: Literal["confidence_thresholding_data_vs_acc_subset_per_class"] = (
        "confidence_thresholding_data_vs_acc_subset_per_class"
    )

    top_n_classes: int = Field(default=4, ge=1)
    """How many of the commonest classes are shown, a panel each."""
    subset: Literal["ground_truth", "predictions"] = "ground_truth"
    """Whether rows are taken by their true class or by the predicted one."""

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return a panel for each class, with a line for each run."""
        first = runs[0].outputs[outputs[0]]
        parts = []
        for index in first.commonest(self.top_n_classes):
            drawn = []
            for place, run in enumerate(runs):
                judged = run.outputs[outputs[0]]
                by_truth = self.subset == "ground_truth"
                rows = (judged.truth if by_truth else judged.predicted) == index
                drawn.append(_by_coverage(judged, rows, run.name, place))
            parts.append((f"{outputs[0]}: {first.target.labels[index]}", _coverage_figure(drawn)))
        return panels(parts)


class _TwoThresholds(Plot):
    """Answering only where both outputs are sure."""

    n_outputs: ClassVar[int] = 2
    needs_same_rows: ClassVar[bool] = True

    def _grid(self, run: Shown, outputs: Sequence[str]) -> tuple[Floats, Floats, Floats]:
        """Return steps [S], coverage and accuracy [S, S] by the thresholds of both outputs."""
        one, two = (run.outputs[name] for name in outputs)
        steps = np.linspace(0, 1, N_STEPS)
        low = np.searchsorted(steps, one.confidence, side="right") - 1
        high = np.searchsorted(steps, two.confidence, side="right") - 1
        cells = low * N_STEPS + high
        both = one.is_right & two.is_right
        rows = _at_least(np.bincount(cells, minlength=N_STEPS**2))
        right = _at_least(np.bincount(cells, both, minlength=N_STEPS**2))
        total = max(1, len(cells))
        is_told = rows >= max(1, LEAST_SHARE * total)
        accuracy = np.divide(right, rows, out=np.full(rows.shape, np.nan), where=is_told)
        return steps, rows / total, accuracy


@PLOTS.register
class ConfidenceThresholding2Thresholds2d(_TwoThresholds):
    """Coverage and accuracy of two outputs together, by the least confidence of each."""

    type: Literal["confidence_thresholding_2thresholds_2d"] = (
        "confidence_thresholding_2thresholds_2d"
    )

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return for each run the best accuracy by coverage, and the two figures as maps."""
        parts: list[tuple[str, Figure]] = []
        for place, run in enumerate(runs):
            steps, coverage, accuracy = self._grid(run, outputs)
            x, y = best_by_coverage(coverage, accuracy)
            drawn = line(x, y, name=run.name, place=place, mode="lines+markers")
            parts.append((f"{run.name}: best of all thresholds", _coverage_figure([drawn])))
            for what, values in (("accuracy", accuracy), ("share answered", coverage)):
                part = figure([_map(steps, values)], x=f"least confidence of {outputs[1]}",
                              y=f"least confidence of {outputs[0]}")  # fmt: skip
                parts.append((f"{run.name}: {what}, darker is more", part))
        return panels(parts)


@PLOTS.register
class ConfidenceThresholding2Thresholds3d(_TwoThresholds):
    """Coverage and accuracy of two outputs together as surfaces over their least confidences."""

    type: Literal["confidence_thresholding_2thresholds_3d"] = (
        "confidence_thresholding_2thresholds_3d"
    )

    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return the surfaces of coverage and accuracy of the first run."""
        steps, coverage, accuracy = self._grid(runs[0], outputs)
        axis = plain(steps)
        surfaces = [
            {"type": "surface", "name": what, "x": axis, "y": axis, "showscale": False,
             "z": [plain(row) for row in values], "colorscale": colours, "showlegend": True,
             "opacity": 0.7}
            for what, values, colours in (
                ("accuracy", accuracy, [[0, "#8fbbe0"], [1, "#3b82c4"]]),
                ("share answered", coverage, [[0, "#f0c199"], [1, "#e0803a"]]),
            )
        ]  # fmt: skip
        scene = {
            "xaxis": {"title": {"text": f"confidence of {short(outputs[1])}"}},
            "yaxis": {"title": {"text": f"confidence of {short(outputs[0])}"}},
            "zaxis": {"title": {"text": "share"}, "range": [0, 1]},
        }
        layout = {
            "scene": scene,
            "width": 900,
            "height": 760,
            "title": {"text": short(runs[0].name)},
        }
        return {"data": surfaces, "layout": layout}


def answered(
    confidence: Floats, is_right: npt.NDArray[np.bool_], steps: Floats
) -> tuple[Floats, Floats]:
    """Return for each least confidence the share of rows answered and the accuracy of these.

    The accuracy is NaN where under one row in a hundred is answered.
    """
    order = np.argsort(-confidence, kind="stable")
    rights = np.append(0, np.cumsum(is_right[order]))
    rows = np.searchsorted(-confidence[order], -steps, side="right")
    total = max(1, len(confidence))
    is_told = rows >= max(1, LEAST_SHARE * total)
    accuracy = np.divide(rights[rows], rows, out=np.full(len(steps), np.nan), where=is_told)
    return rows / total, accuracy


def best_by_coverage(coverage: Floats, accuracy: Floats) -> tuple[Floats, Floats]:
    """Return coverage and accuracy of the threshold pairs that no other pair beats in both."""
    known = ~np.isnan(accuracy)
    x, y = coverage[known], accuracy[known]
    order = np.lexsort((-y, -x))
    x, y = x[order], y[order]
    is_best = y > np.maximum.accumulate(np.append(-1.0, y))[:-1]
    return x[is_best][::-1], y[is_best][::-1]


def _by_coverage(
    judged: Judged, rows: npt.NDArray[np.bool_] | None, name: str, place: int
) -> Figure:
    confidence = judged.confidence if rows is None else judged.confidence[rows]
    right = judged.is_right if rows is None else judged.is_right[rows]
    order = np.argsort(-confidence, kind="stable")
    n_rows = np.arange(1, len(order) + 1)
    # Equal confidences are answered together or not at all.
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True)) if len(order) else order
    ends = ends[n_rows[ends] >= LEAST_SHARE * len(order)]
    picked = ends[thin(len(ends))] if len(ends) else ends
    accuracy = np.cumsum(right[order])[picked] / n_rows[picked]
    return line(n_rows[picked] / max(1, len(order)), accuracy, name=name, place=place)


def _coverage_figure(drawn: list[Figure]) -> Figure:
    made = figure(drawn, x="share of rows answered", y="accuracy")
    made["layout"]["xaxis"]["range"] = [0, 1.02]
    return made


def _at_least(cells: npt.NDArray[Any]) -> Floats:
    """Return the sum of all cells at or beyond each one [S, S]."""
    grid = cells.reshape(N_STEPS, N_STEPS).astype(np.float64)
    return np.asarray(grid[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1])


def _map(steps: Floats, values: Floats) -> Figure:
    return {
        "type": "heatmap",
        "x": plain(steps),
        "y": plain(steps),
        "z": [plain(row) for row in values],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "colorscale": [[0, "#f2f4f7"], [0.5, "#8fbbe0"], [1, "#1d5a94"]],
        "hovertemplate": "%{y:.2f}, %{x:.2f}: %{z:.3f}<extra></extra>",
    }
