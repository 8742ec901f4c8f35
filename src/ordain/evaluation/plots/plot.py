"""The contract of a plot: runs in, one figure out, as plain plotly data.

The smallest working one:

    @PLOTS.register
    class Scores(Plot):
        '''How often each probability is given.'''

        type: Literal["scores"] = "scores"

        def draw(self, runs, outputs):
            return figure([bars(...)], x="probability", y="rows")
"""

from __future__ import annotations

import inspect
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ordain.core.component import Component, Registry
from ordain.evaluation.drawing import FAINT, HEIGHT, PALETTE, Figure
from ordain.evaluation.sample import BinarySample, CategorySample, Sample, make_sample
from ordain.evaluation.subject import Target

CLASSES = frozenset({"binary", "category"})
ALL_TYPES = CLASSES | {"number"}
MAX_LABEL = 28
PANEL = (440, 300)
GAP = (90, 110)
ROOM = (300, 130)
"""Pixels across and up: of a panel, between panels, and around them with the legend."""


@dataclass(frozen=True)
class Judged:
    """One output of a run: the rows whose truth is known.

    Attributes:
        target: truth and scores of these rows.
        metrics: of the run on the set that decides, by name; None where there is no value.
        headline: the metric that decides.
    """

    target: Target
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    headline: str = ""

    @cached_property
    def sample(self) -> Sample:
        """What metrics read."""
        one = self.target
        return make_sample(one.type, one.truth, one.scores, threshold=one.threshold)

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64]:
        """Of every class [N, C]."""
        scores = np.asarray(self.target.scores, dtype=np.float64)
        return scores if scores.ndim > 1 else np.stack([1 - scores, scores], axis=1)

    @cached_property
    def truth(self) -> npt.NDArray[np.int64]:
        """Index of the true class [N]."""
        return np.asarray(self.target.truth, dtype=np.int64)

    @cached_property
    def predicted(self) -> npt.NDArray[np.int64]:
        """Index of the predicted class [N], by the threshold where there are two."""
        sample = self.sample
        assert isinstance(sample, BinarySample | CategorySample), "the plot is of classes"
        return np.asarray(sample.predicted, dtype=np.int64)

    @cached_property
    def is_right(self) -> npt.NDArray[np.bool_]:
        """Whether the predicted class is the true one [N]."""
        return np.asarray(self.predicted == self.truth)

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        """Probability of the predicted class [N]."""
        return np.asarray(self.probabilities[np.arange(len(self.predicted)), self.predicted])

    def against_rest(self, index: int) -> BinarySample:
        """Return one class against all others."""
        return BinarySample(self.truth == index, self.probabilities[:, index])

    def commonest(self, n_classes: int) -> list[int]:
        """Return the classes with the most rows, the largest first."""
        counts = np.bincount(self.truth, minlength=len(self.target.labels))
        return np.argsort(-counts, kind="stable")[:n_classes].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Shown:
    """One run as plots read it.

    Attributes:
        name: what legends call it.
        outputs: by name, each with the rows of the set that decides.
        history: one mapping an epoch or round.
        set: name of the set of rows.
        family: of the model.
    """

    name: str
    outputs: Mapping[str, Judged]
    history: Sequence[Mapping[str, Any]] = ()
    set: str = "test"
    family: str = ""


class Plot(Component):
    """Draws runs; its docstring's first line says what is seen.

    Class attributes:
        types: output types it fits.
        n_runs: runs it takes at least.
        n_outputs: outputs it is about at once.
        needs_same_rows: whether all runs must have judged the same rows, so that only those that
            all have are given.
    """

    types: ClassVar[frozenset[str]] = CLASSES
    n_runs: ClassVar[int] = 1
    n_outputs: ClassVar[int] = 1
    needs_same_rows: ClassVar[bool] = False

    @abstractmethod
    def draw(self, runs: Sequence[Shown], outputs: Sequence[str]) -> Figure | None:
        """Return the figure; None where the runs hold nothing to draw."""

    @property
    def about(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(type(self)) or "").split("\n", 1)[0]


PLOTS: Registry[Plot] = Registry("plot", Plot, package="ordain.evaluation.plots")


def figure(data: Sequence[Figure], *, x: str, y: str, is_unit: bool = False) -> Figure:
    """Return a figure; `is_unit` runs both axes from 0 to 1."""
    titles = {"xaxis": short(x, limit=60), "yaxis": short(y, limit=60)}
    axes: dict[str, Figure] = {axis: {"title": {"text": title}} for axis, title in titles.items()}
    if is_unit:
        for axis in axes.values():
            axis["range"] = [-0.01, 1.02]
    return {"data": list(data), "layout": {**axes, "height": HEIGHT, "width": 640}}


def line(x: Any, y: Any, *, name: str, place: int, **more: Any) -> Figure:
    """Return a line; `place` chooses its colour."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": short(name),
        "x": plain(x),
        "y": plain(y),
        "line": {"color": colour(place), "width": 2},
        "marker": {"color": colour(place), "size": 7},
        "legendgroup": short(name),
        **more,
    }


def dotted(x: Sequence[float], y: Sequence[float], *, name: str) -> Figure:
    """Return a faint dotted line, for what is compared with."""
    return line(x, y, name=name, place=0, hoverinfo="skip",
                line={"color": FAINT, "width": 1.5, "dash": "dot"})  # fmt: skip


def bars(x: Sequence[Any], y: Any, *, name: str, place: int, **more: Any) -> Figure:
    """Return upright bars."""
    return {
        "type": "bar",
        "name": short(name),
        "x": list(x),
        "y": plain(y),
        "marker": {"color": colour(place)},
        "legendgroup": short(name),
        **more,
    }


def panels(parts: Sequence[tuple[str, Figure]]) -> Figure | None:
    """Return several figures as one, two in a row, each with its title; a legend name once."""
    if not parts:
        return None
    n_columns = min(2, len(parts))
    n_rows = math.ceil(len(parts) / n_columns)
    data: list[Figure] = []
    across, up = (n * size + (n - 1) * gap for n, size, gap in
                  zip((n_columns, n_rows), PANEL, GAP, strict=True))  # fmt: skip
    layout: Figure = {
        "annotations": [],
        "shapes": [],
        "width": across + ROOM[0],
        "height": up + ROOM[1],
        "margin": {"l": 70, "t": 50, "b": 80, "r": 30},
        "barmode": "group",
    }
    named: set[str] = set()
    for place, (title, part) in enumerate(parts):
        row, column = divmod(place, n_columns)
        _place_panel(layout, part["layout"], place, across=_cell(column, 0, across),
                     up=_cell(n_rows - 1 - row, 1, up), title=title)  # fmt: skip
        number = "" if place == 0 else str(place + 1)
        for trace in part["data"]:
            is_again = trace.get("name") in named
            named.add(trace.get("name", ""))
            axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            data.append({**trace, **axes, **({"showlegend": False} if is_again else {})})
    return {"data": data, "layout": layout}


def _place_panel(
    layout: Figure,
    own: Figure,
    place: int,
    *,
    across: tuple[float, float],
    up: tuple[float, float],
    title: str,
) -> None:
    number = "" if place == 0 else str(place + 1)
    layout[f"xaxis{number}"] = {**own["xaxis"], "domain": across, "anchor": f"y{number}"}
    layout[f"yaxis{number}"] = {**own["yaxis"], "domain": up, "anchor": f"x{number}"}
    layout["barmode"] = own.get("barmode", layout["barmode"])
    for shape in own.get("shapes", ()):
        layout["shapes"].append(
            {**shape, "xref": f"x{number}", "yref": f"y{number} domain"}
        )  # fmt: skip
    layout["annotations"].append(
        {"text": f"<b>{short(title, limit=60)}</b>", "x": across[0], "y": up[1], "xref": "paper",
         "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    )  # fmt: skip


def _cell(place: int, axis: int, total: int) -> tuple[float, float]:
    """Return where a panel begins and ends, as shares of the room for panels."""
    low = place * (PANEL[axis] + GAP[axis])
    return round(low / total, 4), round(min(1.0, (low + PANEL[axis]) / total), 4)


def colour(place: int) -> str:
    """Return the colour of a place in the legend."""
    return PALETTE[place % len(PALETTE)]


def short(text: str, *, limit: int = MAX_LABEL) -> str:
    """Return text that fits a legend and holds no markup."""
    text = " ".join(str(text).split())
    text = text if len(text) <= limit else f"{text[: limit - 1]}\u2026"
    return text.replace("&", "&amp;").replace("<", "&lt;")


def distinct(labels: Sequence[str]) -> list[str]:
    """Return shortened labels of which no two are equal: equal ones would share a bar."""
    seen: dict[str, int] = {}
    found = []
    for label in (short(label, limit=18) for label in labels):
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found


def plain(values: Any) -> list[Any]:
    """Return numbers with six digits, None for what is no number."""
    found = np.asarray(values, dtype=np.float64).tolist()
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in found]


def thin(n_points: int, most: int = 400) -> npt.NDArray[np.int64]:
    """Return positions of at most so many points of a long line, both ends included."""
    return np.unique(np.linspace(0, n_points - 1, min(n_points, most)).round().astype(np.int64))
