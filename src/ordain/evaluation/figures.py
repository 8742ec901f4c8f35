"""Figures as plotly JSON, made without importing plotly; named as Ludwig's visualisations are.

Each function takes judged data and returns ``{"data": [...], "layout": {...}}``, or None where the
data gives nothing to draw. Colours of lines are set here and read well on light and dark; whoever
draws a figure adds the colours of text, grid and background.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ordain.evaluation.decision.threshold import ThresholdChoice
from ordain.evaluation.drawing import (
    FAINT,
    HEIGHT,
    PALETTE,
    Figure,
    diagonal,
    distinct,
    dotted,
    histogram,
    line,
    middles,
    plain,
    short,
    unit_axes,
    upright,
)
from ordain.evaluation.history import ORDER, Panel, panels_of
from ordain.evaluation.judgement import Judgement, OutputSummary
from ordain.evaluation.table import comparison_rows
from ordain.evaluation.verdict import format_value

MAX_TICK = 16
LEAST_TAKEN = 0.01
MOST_SPANNED = 10
"""How many times the least loss the greatest may be on an even axis."""
MOST_EPOCHS_TICKED = 10
"""Epochs up to which each has its tick."""


def learning_curves(
    history: Sequence[Mapping[str, Any]], *, axis: str = ""
) -> list[tuple[str, Figure]]:
    """Return a title and figure for each kind of quantity, with a line for each set.

    What is read of a history stands in `history.py`; none where there is nothing to draw.

    Args:
        history: of learning.
        axis: what the x axis counts; by default as the history calls it.
    """
    return [(panel.title, learning_curve(panel)) for panel in panels_of(history, axis=axis)]


def learning_curve(panel: Panel) -> Figure:
    """Return one panel of learning; settings that were tried are laid out by factors."""
    lines = [_learned(name, set_name, points, place)
             for place, (name, set_name, points) in enumerate(panel.lines)]  # fmt: skip
    figure = plain(lines, x=panel.axis, y=panel.title)
    figure["layout"]["showlegend"] = True
    last = max(x for _, _, points in panel.lines for x, _ in points)
    if panel.is_search:
        figure["layout"]["xaxis"]["type"] = "log"
        tried = sorted({x for _, _, points in panel.lines for x, _ in points})
        figure["layout"]["xaxis"].update({"tickvals": tried, "ticktext": [f"{x:g}" for x in tried]})
    values = [y for _, _, points in panel.lines for _, y in points]
    if panel.is_loss and _spans_much(values):
        figure["layout"]["yaxis"].update(
            {"type": "log", "title": {"text": f"{panel.title}, by factors"}, **_round_ticks(values)}
        )
    if not panel.is_search and panel.series[0].axis == "epoch" and last <= MOST_EPOCHS_TICKED:
        figure["layout"]["xaxis"]["dtick"] = 1  # there is no epoch 1.5
    return figure


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
        "y": [f"{short(name)}  {format_value(value)}" for name, value in known],
        "x": [value for _, value in known],
        "marker": {"color": [PALETTE[0] if name == own else FAINT for name, _ in known]},
        "hoverinfo": "skip",
    }
    figure = plain([bars], x=output.headline, y="")
    figure["layout"]["yaxis"].update({"type": "category", "automargin": True})
    figure["layout"]["height"] = max(HEIGHT, 120 + 34 * len(known))
    return figure


def roc_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return share of positives found against share of false alarms, a line for each judgement."""
    traces = [
        line(curve["false_positive_rate"], curve["true_positive_rate"], name=name, place=place)
        for place, (name, curve) in enumerate(_curves(judgements, "roc"))
    ]
    if not traces:
        return None
    return unit_axes(plain([*traces, diagonal("guessing")], x="false positive rate", y="recall"))


def precision_recall_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return precision against recall, a line for each judgement and the share of positives."""
    found = _curves(judgements, "precision_recall")
    traces = [
        line(curve["recall"], curve["precision"], name=name, place=place)
        for place, (name, curve) in enumerate(found)
    ]
    if not traces:
        return None
    base = found[0][1]["base_rate"]
    guess = dotted([0, 1], [base, base], "guessing")
    return unit_axes(plain([*traces, guess], x="recall", y="precision"))


def gain_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return the share of positives found against the share of rows taken, the likeliest first."""
    traces = [
        line(curve["rows"], curve["positives"], name=name, place=place)
        for place, (name, curve) in enumerate(_curves(judgements, "gain"))
    ]
    if not traces:
        return None
    names = {"x": "share of rows taken", "y": "share of positives found"}
    figure = unit_axes(plain([*traces, diagonal("at random")], **names))
    return _in_percent(figure, "xaxis", "yaxis")


def lift_curves(judgements: Mapping[str, Judgement]) -> Figure | None:
    """Return how many times the positives found at random are found, by the share of rows taken."""
    traces = []
    for place, (name, curve) in enumerate(_curves(judgements, "gain")):
        pairs = zip(curve["rows"], curve["positives"], strict=True)
        # The first percent is a handful of rows: its lift is noise.
        kept = [(rows, found / rows) for rows, found in pairs if rows >= LEAST_TAKEN]
        if kept:
            traces.append(line(*zip(*kept, strict=True), name=name, place=place))
    if not traces:
        return None
    names = {"x": "share of rows taken", "y": "lift"}
    return _in_percent(plain([*traces, dotted([0, 1], [1, 1], "at random")], **names), "xaxis")


def calibration(judgement: Judgement, before: Mapping[str, Any] | None = None) -> Figure | None:
    """Return the share that came true against the claimed probability, with 95% bounds.

    Args:
        judgement: of the model as it answers.
        before: the same curve of the scores before calibration; None where nothing was mended.
    """
    curve = judgement.curves.get("calibration")
    if not curve:
        return None
    traces = [_claims(curve, name="after calibration" if before else "model", place=0)]
    if before:
        traces.append(_claims(before, name="before", place=1))
    figure = plain([*traces, diagonal("calibrated")], x="claimed probability", y="came true")
    return unit_axes(figure)


def binary_threshold_vs_metric(judgement: Judgement) -> Figure | None:
    """Return precision, recall, f1 and accuracy for every threshold."""
    curve = judgement.curves.get("thresholds")
    if not curve:
        return None
    names = ("precision", "recall", "f1", "accuracy")
    traces = [
        line(curve["threshold"], curve[name], name=name, place=place)
        for place, name in enumerate(names)
    ]
    figure = unit_axes(plain(traces, x="threshold", y=""))
    if judgement.threshold is not None:
        figure["layout"]["shapes"] = [upright(judgement.threshold)]
        figure["layout"]["annotations"] = [_note(judgement.threshold)]
    return figure


def cost_by_threshold(judgements: Mapping[str, Judgement]) -> list[tuple[str, Figure]]:
    """Return for each metric that is a price what every threshold costs, a line for each set."""
    first = next(iter(judgements.values()))
    return [
        (label, _cost_figure({name: one for name, one in judgements.items()
                              if label in one.curves.get("costs", {})}, label))
        for label in first.curves.get("costs", {})
    ]  # fmt: skip


def threshold_search(choice: ThresholdChoice) -> Figure | None:
    """Return the metric that a threshold was chosen by, over the thresholds that were tried."""
    tried = choice.tried
    if len(tried.get("threshold", ())) < 2:  # noqa: PLR2004 - one point is no curve
        return None
    x = [float(one or 0.0) for one in tried["threshold"]]
    traces = [line(x, tried["value"], name=choice.metric, place=0)]
    if "bound" in tried:
        traces.append(line(x, tried["bound"], name=choice.bound, place=1))
    figure = plain(traces, x="threshold", y=choice.metric if len(traces) == 1 else "")
    figure["layout"]["shapes"] = [upright(choice.threshold)]
    figure["layout"]["annotations"] = [_note(choice.threshold)]
    figure["layout"]["showlegend"] = len(traces) > 1
    return figure


def confidence_thresholding(judgement: Judgement) -> Figure | None:
    """Return accuracy over the rows the model is surest of, by the share of rows answered."""
    curve = judgement.curves.get("confidence")
    if not curve:
        return None
    trace = line(curve["coverage"], curve["accuracy"], name="accuracy", place=0)
    figure = plain([trace], x="share of rows answered", y="accuracy")
    figure["layout"]["showlegend"] = False
    return figure


def score_distribution(judgement: Judgement) -> Figure | None:
    """Return the share of each class that got which probability."""
    curve = judgement.curves.get("scores")
    if not curve:
        return None
    negative, positive = (*judgement.labels, "negative", "positive")[:2] or ("", "")
    centres = middles(curve["edges"])
    width = curve["edges"][1] - curve["edges"][0]
    bars = []
    for name, key, colour in (
        (negative, "negative", PALETTE[6]),
        (positive, "positive", PALETTE[0]),
    ):
        total = sum(curve[key]) or 1
        bar = histogram(centres, [count / total for count in curve[key]], width)
        bar.update({"name": short(name), "marker": {"color": colour}, "opacity": 0.65})
        bar["hovertemplate"] = "%{x:.3f}: %{y:.1%} of the class<extra></extra>"
        bars.append(bar)
    figure = plain(bars, x=f"probability of {short(positive)}", y="share of the class")
    figure["layout"]["barmode"] = "overlay"
    figure["layout"]["yaxis"]["tickformat"] = ".0%"
    return figure


def confusion_matrix(judgement: Judgement) -> Figure | None:
    """Return true against predicted class, coloured by the share of the true class."""
    found = judgement.confusion
    if "matrix" not in found:
        return None
    labels = distinct([short(label, limit=MAX_TICK) for label in found["labels"]])
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
    figure = plain([trace], x="predicted", y="true")
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
        "text": [short(row["label"]) for row in rows],
        "marker": {"color": PALETTE[0], "size": 8, "opacity": 0.75},
        "hovertemplate": "%{text}<br>%{x:,} rows<br>f1 %{y:.3f}<extra></extra>",
    }
    return plain([trace], x="rows of the class", y="f1")


def residuals(judgement: Judgement) -> Figure | None:
    """Return how often the prediction is off by how much."""
    curve = judgement.curves.get("residuals")
    if not curve:
        return None
    width = curve["edges"][1] - curve["edges"][0]
    bars = histogram(middles(curve["edges"]), curve["counts"], width)
    bars["marker"] = {"color": PALETTE[0]}
    figure = plain([bars], x="prediction minus truth", y="rows")
    figure["layout"]["shapes"] = [upright(0)]
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
    figure = plain([points, dotted(ends, ends, "perfect")], x="truth", y="prediction")
    figure["layout"]["showlegend"] = False
    return figure


def errors_by_size(judgement: Judgement) -> Figure | None:
    """Return mean error and median size of the error for small to large predictions."""
    curve = judgement.curves.get("by_size")
    if not curve:
        return None
    traces = [
        line(curve["prediction"], curve["median_absolute_error"],
              name="median size of the error", place=0, mode="lines+markers"),
        line(curve["prediction"], curve["mean_error"],
              name="mean error (bias)", place=1, mode="lines+markers"),
    ]  # fmt: skip
    return plain(traces, x="prediction", y="error")


def _spans_much(values: Sequence[float]) -> bool:
    """Return whether the end of a curve could not be seen beside its beginning."""
    return min(values) > 0 and max(values) > MOST_SPANNED * min(values)


def _round_ticks(values: Sequence[float]) -> Figure:
    """Return ticks at 1, 2 and 5 times the powers of ten that the values span."""
    low, high = (math.floor(math.log10(end)) for end in (min(values), max(values)))
    ticks = [step * 10.0**power for power in range(low, high + 1) for step in (1, 2, 5)]
    return {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _learned(name: str, set_name: str, points: Sequence[tuple[float, float]], place: int) -> Figure:
    x, y = zip(*points, strict=True)
    is_alone = name == set_name
    drawn = line(x, y, name=name, place=ORDER.index(set_name) if is_alone else place,
                 mode="lines+markers" if len(x) <= MOST_EPOCHS_TICKED else "lines")  # fmt: skip
    drawn["hovertemplate"] = "%{x:,.4~g}: %{y:.4~g}"
    return drawn


def _claims(curve: Mapping[str, Any], *, name: str, place: int) -> Figure:
    trace = line(curve["claimed"], curve["true"], name=name, place=place, mode="lines+markers")
    up = [high - true for high, true in zip(curve["high"], curve["true"], strict=True)]
    down = [true - low for low, true in zip(curve["low"], curve["true"], strict=True)]
    trace["error_y"] = {
        "type": "data", "array": up, "arrayminus": down, "thickness": 1, "width": 3,
    }  # fmt: skip
    trace["customdata"] = curve["rows"]
    trace["hovertemplate"] = (
        "claimed %{x:.3f}<br>came true %{y:.3f}<br>%{customdata:,} rows<extra></extra>"
    )
    return trace


def _cost_figure(judgements: Mapping[str, Judgement], label: str) -> Figure:
    own = next(iter(judgements.values()))
    curves = [(name, one.curves["costs"][label]) for name, one in judgements.items()]
    traces = [
        line(curve["threshold"], curve["cost"], name=name, place=place)
        for place, (name, curve) in enumerate(curves)
    ]
    curve = curves[0][1]
    least = min(range(len(curve["cost"])), key=lambda place: curve["cost"][place])
    traces.append(
        line([curve["threshold"][least]], [curve["cost"][least]], place=0, mode="markers",
             name=f"least on {curves[0][0]}: {format_value(curve['cost'][least])}")
    )  # fmt: skip
    traces[-1]["marker"].update({"size": 11, "symbol": "diamond"})
    idle = own.idle.get(label)
    if idle is not None:
        traces.append(dotted([0, 1], [idle, idle], f"none called: {format_value(idle)}"))
    figure = plain(traces, x="threshold", y=f"{label} of a row")
    figure["layout"]["xaxis"]["range"] = [-0.01, 1.02]
    if own.threshold is not None:
        figure["layout"]["shapes"] = [upright(own.threshold)]
        figure["layout"]["annotations"] = [_note(own.threshold)]
    return figure


def _note(threshold: float) -> Figure:
    is_left = threshold < 0.5  # noqa: PLR2004 - the note stands where there is room
    return {
        "x": threshold,
        "y": 0,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": "left" if is_left else "right",
        "text": f" in force: {threshold:.3g} ",
        "showarrow": False,
    }


def _in_percent(figure: Figure, *axes: str) -> Figure:
    for axis in axes:
        figure["layout"][axis]["tickformat"] = ".0%"
    return figure


def _cell_text(count: float, share: float, *, has_share: bool) -> str:
    return f"{count:,}<br>{share:.1%}" if has_share else f"{count:,}"


def _curves(judgements: Mapping[str, Judgement], kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, one.curves[kind]) for name, one in judgements.items() if one.curves.get(kind)]
