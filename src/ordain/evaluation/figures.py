"""Figures as plotly JSON, made without importing plotly; named as Ludwig's visualisations are.

Each function takes judged data and returns ``{"data": [...], "layout": {...}}``, or None where the
data gives nothing to draw. Colours of lines are set here and read well on light and dark; whoever
draws a figure adds the colours of text, grid and background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from ordain.evaluation.history import series_of
from ordain.evaluation.judgement import Judgement, OutputSummary
from ordain.evaluation.table import comparison_rows
from ordain.evaluation.verdict import format_value

Figure = dict[str, Any]

PALETTE = ("#3b82c4", "#e0803a", "#2f9e83", "#9a6fc2", "#c2577a", "#8c8f3d", "#7d8590")
FAINT = "#7d8590"
MAX_LABEL = 24
MAX_TICK = 16
HEIGHT = 360
SET_ORDER = ("train", "validation", "test")


MOST_EPOCHS_TICKED = 10
"""Epochs up to which each has its tick."""


def learning_curves(history: Sequence[Mapping[str, Any]]) -> list[tuple[str, Figure]]:
    """Return a title and figure for each quantity of the history, with a line for each set.

    What is read of a history stands in `history.py`; None where there is nothing to draw.
    """
    found = []
    for series in series_of(history):
        names = sorted(series.sets, key=SET_ORDER.index)
        lines = [_set_line(name, series.sets[name]) for name in names]
        figure = _figure(lines, x=series.axis, y=series.title.replace("_", " "))
        figure["layout"]["showlegend"] = True
        last = max(x for points in series.sets.values() for x, _ in points)
        if series.axis == "epoch" and last <= MOST_EPOCHS_TICKED:
            figure["layout"]["xaxis"]["dtick"] = 1  # there is no epoch 1.5
        found.append((series.title, figure))
    return found


def compare_performance(output: OutputSummary, set_name: str, *, own: str) -> Figure | None:
    """Return bars of the headline metric for this model and its baselines."""
    rows = comparison_rows(output, set_name, own=own)
    values = [(name, judged.metrics.get(output.headline)) for name, judged in rows]
    known = [(name, value) for name, value in values if value is not None][::-1]
    if len(known) < 2:  # noqa: PLR2004 - one bar compares nothing
        return None
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [f"{_short(name)}  {format_value(value)}" for name, value in known],
        "x": [value for _, value in known],
        "marker": {"color": [PALETTE[0] if name == own else FAINT for name, _ in known]},
        "hoverinfo": "skip",
    }
    figure = _figure([bars], x=output.headline, y="")
    figure["layout"]["yaxis"].update({"type": "category", "automargin": True})
    figure["layout"]["height"] = max(HEIGHT, 120 + 34 * len(known))
    return figure


def roc_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return share of positives found against share of false alarms, a line for each judgement."""
    traces = [
        _line(curve["false_positive_rate"], curve["true_positive_rate"], name=name, place=place)
        for place, (name, curve) in enumerate(_curves(judgements, "roc"))
    ]
    if not traces:
        return None
    return _unit(_figure([*traces, _diagonal("guessing")], x="false positive rate", y="recall"))


def precision_recall_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return precision against recall, a line for each judgement and the share of positives."""
    found = _curves(judgements, "precision_recall")
    traces = [
        _line(curve["recall"], curve["precision"], name=name, place=place)
        for place, (name, curve) in enumerate(found)
    ]
    if not traces:
        return None
    base = found[0][1]["base_rate"]
    guess = _dotted([0, 1], [base, base], "guessing")
    return _unit(_figure([*traces, guess], x="recall", y="precision"))


def calibration(judgement: Judgement) -> Figure | None:
    """Return the share that came true against the claimed probability, with 95 % bounds."""
    curve = judgement.curves.get("calibration")
    if not curve:
        return None
    trace = _line(curve["claimed"], curve["true"], name="model", place=0, mode="lines+markers")
    up = [high - true for high, true in zip(curve["high"], curve["true"], strict=True)]
    down = [true - low for low, true in zip(curve["low"], curve["true"], strict=True)]
    trace["error_y"] = {
        "type": "data", "array": up, "arrayminus": down, "thickness": 1, "width": 3,
    }  # fmt: skip
    trace["customdata"] = curve["rows"]
    trace["hovertemplate"] = (
        "claimed %{x:.3f}<br>came true %{y:.3f}<br>%{customdata:,} rows<extra></extra>"
    )
    figure = _figure([trace, _diagonal("calibrated")], x="claimed probability", y="came true")
    return _unit(figure)


def binary_threshold_vs_metric(judgement: Judgement) -> Figure | None:
    """Return precision, recall, f1 and accuracy for every threshold."""
    curve = judgement.curves.get("thresholds")
    if not curve:
        return None
    names = ("precision", "recall", "f1", "accuracy")
    traces = [
        _line(curve["threshold"], curve[name], name=name, place=place)
        for place, name in enumerate(names)
    ]
    figure = _unit(_figure(traces, x="threshold", y=""))
    if judgement.threshold is not None:
        figure["layout"]["shapes"] = [_upright(judgement.threshold)]
    return figure


def confidence_thresholding(judgement: Judgement) -> Figure | None:
    """Return accuracy over the rows the model is surest of, by the share of rows answered."""
    curve = judgement.curves.get("confidence")
    if not curve:
        return None
    trace = _line(curve["coverage"], curve["accuracy"], name="accuracy", place=0)
    figure = _figure([trace], x="share of rows answered", y="accuracy")
    figure["layout"]["showlegend"] = False
    return figure


def score_distribution(judgement: Judgement) -> Figure | None:
    """Return the share of each class that got which probability."""
    curve = judgement.curves.get("scores")
    if not curve:
        return None
    negative, positive = (*judgement.labels, "negative", "positive")[:2] or ("", "")
    middles = _middles(curve["edges"])
    width = curve["edges"][1] - curve["edges"][0]
    bars = []
    for name, key, colour in (
        (negative, "negative", PALETTE[6]),
        (positive, "positive", PALETTE[0]),
    ):
        total = sum(curve[key]) or 1
        bar = _bars(middles, [count / total for count in curve[key]], width)
        bar.update({"name": _short(name), "marker": {"color": colour}, "opacity": 0.65})
        bar["hovertemplate"] = "%{x:.3f}: %{y:.1%} of the class<extra></extra>"
        bars.append(bar)
    figure = _figure(bars, x=f"probability of {_short(positive)}", y="share of the class")
    figure["layout"]["barmode"] = "overlay"
    figure["layout"]["yaxis"]["tickformat"] = ".0%"
    return figure


def confusion_matrix(judgement: Judgement) -> Figure | None:
    """Return true against predicted class, coloured by the share of the true class."""
    found = judgement.confusion
    if "matrix" not in found:
        return None
    labels = _distinct([_short(label, limit=MAX_TICK) for label in found["labels"]])
    shares = [[count / sum(row) if sum(row) else 0.0 for count in row] for row in found["matrix"]]
    n_classes = len(labels)
    trace: Figure = {
        "type": "heatmap",
        "x": labels,
        "y": labels,
        "z": shares,
        "customdata": found["matrix"],
        "zmin": 0,
        "zmax": 1,
        "xgap": 2,
        "ygap": 2,
        "colorscale": [[0, "rgba(59,130,196,0.06)"], [1, "rgba(59,130,196,0.8)"]],
        "showscale": False,
        "hovertemplate": "true %{y}<br>predicted %{x}<br>%{customdata:,} rows, "
        "%{z:.1%} of the true class<extra></extra>",
    }
    if n_classes <= 12:  # noqa: PLR2004 - numbers are legible up to here
        trace["text"] = [
            [_cell_text(count, share, has_share=n_classes <= 6) for count, share in pairs]  # noqa: PLR2004
            for pairs in map(zip, found["matrix"], shares)
        ]
        trace["texttemplate"] = "%{text}"
    figure = _figure([trace], x="predicted", y="true")
    figure["layout"]["yaxis"].update(
        {"autorange": "reversed", "automargin": True, "type": "category"}
    )
    figure["layout"]["xaxis"].update({"automargin": True, "type": "category"})
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["showgrid"] = False
    figure["layout"]["height"] = 240 + 26 * max(n_classes, 4)
    return figure


def frequency_vs_f1(judgement: Judgement) -> Figure | None:
    """Return f1 of each class against the number of its rows."""
    rows = [row for row in judgement.per_class if row["f1"] is not None and row["rows"] > 0]
    # Fewer points show no trend, nor do classes of one size.
    if len(rows) < 8 or len({row["rows"] for row in rows}) == 1:  # noqa: PLR2004
        return None
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [row["rows"] for row in rows],
        "y": [row["f1"] for row in rows],
        "text": [_short(row["label"]) for row in rows],
        "marker": {"color": PALETTE[0], "size": 8, "opacity": 0.75},
        "hovertemplate": "%{text}<br>%{x:,} rows<br>f1 %{y:.3f}<extra></extra>",
    }
    return _figure([trace], x="rows of the class", y="f1")


def residuals(judgement: Judgement) -> Figure | None:
    """Return how often the prediction is off by how much."""
    curve = judgement.curves.get("residuals")
    if not curve:
        return None
    width = curve["edges"][1] - curve["edges"][0]
    bars = _bars(_middles(curve["edges"]), curve["counts"], width)
    bars["marker"] = {"color": PALETTE[0]}
    figure = _figure([bars], x="prediction minus truth", y="rows")
    figure["layout"]["shapes"] = [_upright(0)]
    return figure


def prediction_vs_truth(judgement: Judgement) -> Figure | None:
    """Return predictions against truth, a point for each row of a sample."""
    curve = judgement.curves.get("scatter")
    if not curve:
        return None
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": curve["truth"],
        "y": curve["prediction"],
        "marker": {"color": PALETTE[0], "size": 5, "opacity": 0.45},
        "hovertemplate": "true %{x:,.4~g}<br>predicted %{y:,.4~g}<extra></extra>",
    }
    ends = [min(curve["truth"]), max(curve["truth"])]
    figure = _figure([points, _dotted(ends, ends, "perfect")], x="truth", y="prediction")
    figure["layout"]["showlegend"] = False
    return figure


def errors_by_size(judgement: Judgement) -> Figure | None:
    """Return mean error and median size of the error for small to large predictions."""
    curve = judgement.curves.get("by_size")
    if not curve:
        return None
    traces = [
        _line(curve["prediction"], curve["median_absolute_error"],
              name="median size of the error", place=0, mode="lines+markers"),
        _line(curve["prediction"], curve["mean_error"],
              name="mean error (bias)", place=1, mode="lines+markers"),
    ]  # fmt: skip
    return _figure(traces, x="prediction", y="error")


def _figure(data: list[Figure], *, x: str, y: str) -> Figure:
    return {
        "data": data,
        "layout": {
            "height": HEIGHT,
            "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "showlegend": len(data) > 1,
        },
    }


def _unit(figure: Figure) -> Figure:
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["range"] = [-0.01, 1.02]
    return figure


def _line(
    x: Sequence[Any], y: Sequence[Any], *, name: str, place: int, mode: str = "lines"
) -> Figure:
    colour = PALETTE[place % len(PALETTE)]
    return {
        "type": "scatter",
        "mode": mode,
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 6},
    }


def _set_line(set_name: str, points: Sequence[tuple[float, float]]) -> Figure:
    x, y = zip(*points, strict=True)
    mode = "lines" if len(x) > 1 else "markers"
    return _line(x, y, name=set_name, place=SET_ORDER.index(set_name), mode=mode)


def _dotted(x: Sequence[float], y: Sequence[float], name: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": list(y),
        "line": {"color": FAINT, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def _diagonal(name: str) -> Figure:
    return _dotted([0, 1], [0, 1], name)


def _upright(x: float) -> Figure:
    line = {"dash": "dot", "width": 1.5, "color": FAINT}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _bars(x: Sequence[float], y: Sequence[float], width: float) -> Figure:
    return {
        "type": "bar",
        "x": list(x),
        "y": list(y),
        "width": width * 0.96,
        "hovertemplate": "%{x:.4~g}: %{y:,} rows<extra></extra>",
    }


def _cell_text(count: float, share: float, *, has_share: bool) -> str:
    return f"{count:,}<br>{share:.1%}" if has_share else f"{count:,}"


def _middles(edges: Sequence[float]) -> list[float]:
    return [(low + high) / 2 for low, high in pairwise(edges)]


def _curves(judgements: Mapping[str, Judgement], kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, one.curves[kind]) for name, one in judgements.items() if one.curves.get(kind)]


def _short(text: str, *, limit: int = MAX_LABEL) -> str:
    text = " ".join(str(text).split())
    text = text if len(text) <= limit else text[: limit - 1] + "\u2026"
    # Plotly reads a few HTML tags in its texts: a label must not become one.
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _distinct(labels: Sequence[str]) -> list[str]:
    """Number labels that became equal by shortening: plotly merges equal categories."""
    seen: dict[str, int] = {}
    found = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        found.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return found
