"""Figures of an explanation as plotly JSON, made without importing plotly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ordain.evaluation.drawing import FAINT, PALETTE, Figure
from ordain.evaluation.explain.dependence import Dependence
from ordain.evaluation.explain.importance import ImportanceTable

if TYPE_CHECKING:
    from ordain.evaluation.explain.explanation import Explanation, RowExplanation

MAX_BARS = 20
BAR_HEIGHT = 26


def figures_of(explanation: Explanation) -> Iterator[tuple[str, Figure]]:
    """Yield a title and a figure for each thing found."""
    for name, item in explanation.outputs.items():
        if item.importance is not None and item.importance.inputs:
            yield f"importance of {name}", importance_bars(item.importance)
        for one in item.dependence:
            yield f"{name} by {one.input}", dependence_lines(one)
    for row in explanation.rows:
        yield f"{row.output} of row {row.row}", contribution_bars(row)


def importance_bars(table: ImportanceTable) -> Figure:
    """Return a bar for each input with its interval."""
    shown = list(table.inputs[:MAX_BARS])[::-1]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [one.input for one in shown],
        "x": [one.increase for one in shown],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.increase for one in shown],
            "arrayminus": [one.increase - one.low for one in shown],
            "color": FAINT,
        },
        "marker": {"color": PALETTE[0]},
    }
    return _upright(bars, x=f"increase of the {table.loss} when shuffled", n_bars=len(shown))


def dependence_lines(found: Dependence) -> Figure:
    """Return the mean answer by value over those of single rows; bars for words."""
    y = f"probability of {found.label}" if found.label else found.output
    if not found.is_ordered:
        data = [{"type": "bar", "x": list(found.values), "y": list(found.mean),
                 "marker": {"color": PALETTE[0]}}]  # fmt: skip
    else:
        data = [_line(found, curve, FAINT, width=0.7, opacity=0.35) for curve in found.curves]
        data.append(_line(found, found.mean, PALETTE[0], width=3, opacity=1.0))
    return {
        "data": data,
        "layout": {
            "xaxis": {"title": {"text": found.input}},
            "yaxis": {"title": {"text": y}},
            "showlegend": False,
        },
    }


def contribution_bars(row: RowExplanation) -> Figure:
    """Return a bar for what each input of a row adds."""
    shown = list(row.contributions[:MAX_BARS])[::-1]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [f"{one.input} = {one.cell}"[:40] for one in shown],
        "x": [one.value for one in shown],
        "marker": {"color": [PALETTE[0] if one.value >= 0 else PALETTE[1] for one in shown]},
    }
    scale = row.scale.replace("_", " ")
    return _upright(bars, x=f"adds to the {scale}" + (f" of {row.label}" if row.label else ""),
                    n_bars=len(shown))  # fmt: skip


def _upright(bars: Figure, *, x: str, n_bars: int) -> Figure:
    layout = {
        "height": 110 + BAR_HEIGHT * n_bars,
        "xaxis": {"title": {"text": x}},
        "yaxis": {"automargin": True},
        "showlegend": False,
    }
    return {"data": [bars], "layout": layout}


def _line(
    found: Dependence, y: tuple[float, ...], colour: str, *, width: float, opacity: float
) -> Figure:
    line = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "x": list(found.values), "y": list(y),
            "line": line, "opacity": opacity}  # fmt: skip
