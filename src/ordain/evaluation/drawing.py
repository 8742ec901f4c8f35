"""What figures are made of: lines, bars, axes, colours, as plotly JSON.

Colours of lines are set here and read well on light and dark; whoever draws a figure adds the
colours of text, grid and background.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Figure = dict[str, Any]

PALETTE = ("#3b82c4", "#e0803a", "#2f9e83", "#9a6fc2", "#c2577a", "#8c8f3d", "#7d8590")
DASHES = ("solid", "solid", "dash", "dashdot", "longdash", "dot", "longdashdot")
"""By place: the first two colours differ for every eye, the others need more than colour."""
FAINT = "#7d8590"
MAX_LABEL = 24
HEIGHT = 360


def plain(data: list[Figure], *, x: str, y: str) -> Figure:
    """Return a figure with titles of both axes; a legend where there are several traces."""
    return {
        "data": data,
        "layout": {
            "height": HEIGHT,
            "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}, "automargin": True},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "showlegend": len(data) > 1,
        },
    }


def unit_axes(figure: Figure) -> Figure:
    """Return the figure with both axes from 0 to 1."""
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["range"] = [-0.01, 1.02]
    return figure


def line(
    x: Sequence[Any], y: Sequence[Any], *, name: str, place: int, mode: str = "lines"
) -> Figure:
    """Return a line; its place gives it a colour and a dash, so that no line is told by colour."""
    colour = PALETTE[place % len(PALETTE)]
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "width": 2, "dash": DASHES[place % len(DASHES)]},
        "marker": {"color": colour, "size": 6},
    }


def dotted(x: Sequence[float], y: Sequence[float], name: str) -> Figure:
    """Return a faint dotted line that stands for what to compare with."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": FAINT, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def diagonal(name: str) -> Figure:
    """Return the dotted line from (0, 0) to (1, 1)."""
    return dotted([0, 1], [0, 1], name)


def upright(x: float) -> Figure:
    """Return a dotted line at x, as a shape of a layout."""
    style = {"dash": "dot", "width": 1.5, "color": FAINT}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": style}


def histogram(x: Sequence[float], y: Sequence[float], width: float) -> Figure:
    """Return bars of one width around x."""
    return {
        "type": "bar",
        "x": list(x),
        "y": list(y),
        "width": width * 0.96,
        "hovertemplate": "%{x:.4~g}: %{y:,} rows<extra></extra>",
    }


def middles(edges: Sequence[float]) -> list[float]:
    """Return the middle between each two edges."""
    return [(low + high) / 2 for low, high in pairwise(edges)]


def short(text: str, *, limit: int = MAX_LABEL) -> str:
    """Return text on one line, cut to `limit` characters, that plotly cannot take for markup."""
    text = " ".join(str(text).split())
    text = text if len(text) <= limit else text[: limit - 1] + "\u2026"
    # Plotly reads a few HTML tags in its texts: a label must not become one.
    return text.replace("&", "&amp;").replace("<", "&lt;")


def distinct(labels: Sequence[str]) -> list[str]:
    """Number labels that became equal by shortening: plotly merges equal categories."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
