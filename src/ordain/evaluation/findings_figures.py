"""Figures of what a judgement finds beside the metrics, as plotly JSON; see `figures.py`."""

from __future__ import annotations

from collections.abc import Sequence

from ordain.evaluation.decision.abstain import Answered
from ordain.evaluation.drawing import (
    FAINT,
    HEIGHT,
    PALETTE,
    Figure,
    distinct,
    dotted,
    line,
    plain,
    short,
    upright,
)
from ordain.evaluation.explain.dependence import Dependence, Interaction
from ordain.evaluation.slices.fairness import FairnessFigure
from ordain.evaluation.slices.judged import SliceJudgement

BAND = "rgba(59,130,196,0.18)"
MAX_SLICES = 40
ROW_HEIGHT = 26
VERDICTS = {"worse": (PALETTE[1], "triangle-down"), "better": (PALETTE[0], "triangle-up")}
"""Colour and shape of a slice's point by its verdict."""


def abstention(rows: Sequence[Answered], *, confidence: float | None = None) -> Figure | None:
    """Return accuracy by the share of rows answered, with its 95% band.

    Args:
        rows: by falling share.
        confidence: under which no answer is given; marked where it is among the rows.
    """
    if len(rows) < 2:  # noqa: PLR2004 - one point is no curve
        return None
    ordered = sorted(rows, key=lambda row: row.share)
    shares = [row.share for row in ordered]
    # The band goes along its lower edge and back along the upper one.
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*shares, *shares[::-1]],
        "y": [*(row.low for row in ordered), *(row.high for row in ordered[::-1])],
        "fill": "toself",
        "fillcolor": BAND,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "name": "95% interval",
    }
    curve = line(shares, [row.accuracy for row in ordered], name="accuracy", place=0,
                 mode="lines+markers")  # fmt: skip
    curve["customdata"] = [row.confidence for row in ordered]
    curve["hovertemplate"] = (
        "%{x:.0%} answered, from confidence %{customdata:.3f} on<br>"
        "%{y:.1%} of them right<extra></extra>"
    )
    figure = plain([band, curve], x="share of rows answered", y="accuracy of the answers")
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis]["tickformat"] = ".0%"
    answered = [
        row.share for row in ordered if confidence is not None and row.confidence >= confidence
    ]
    if answered:
        figure["layout"]["shapes"] = [upright(max(answered))]
    return figure


def dependence(found: Dependence) -> Figure:
    """Return the mean answer by value over those of single rows; bars for words."""
    y = f"probability of {short(found.label)}" if found.label else short(found.output)
    shares = [f"{share:.1%} of the rows are here" for share in found.shares]
    if not found.is_ordered:
        bar = {
            "type": "bar",
            "x": distinct([short(str(value), limit=16) for value in found.values]),
            "y": list(found.mean),
            "text": shares,
            "textposition": "none",
            "marker": {"color": PALETTE[0]},
            "hovertemplate": "%{x}: %{y:.4~g}<br>%{text}<extra></extra>",
        }
        figure = plain([bar], x=short(found.input), y=y)
        figure["layout"]["xaxis"].update({"type": "category", "automargin": True})
        return figure
    curves = [_faint(found, curve) for curve in found.curves]
    mean = line(found.values, found.mean, name="mean", place=0, mode="lines+markers")
    mean["line"]["width"] = 3
    mean["text"] = shares
    mean["hovertemplate"] = "%{x:,.4~g}: %{y:.4~g}<br>%{text}<extra></extra>"
    figure = plain([*curves, mean], x=short(found.input), y=y)
    figure["layout"]["showlegend"] = False
    return figure


def interaction(found: Interaction) -> Figure:
    """Return the mean answer by one input, a line for each value of the other.

    Of numbers and words the numbers are on the x axis.
    """
    (first, second), (along, across) = found.inputs, found.values
    means = [list(row) for row in found.mean]
    if isinstance(along[0], str) and not isinstance(across[0], str):
        first, second, along, across = second, first, across, along
        means = [list(row) for row in zip(*means, strict=True)]
    is_ordered = not isinstance(along[0], str)
    x = list(along) if is_ordered else distinct([short(str(one), limit=16) for one in along])
    names = distinct([_value_name(one) for one in across])
    traces = []
    for place, name in enumerate(names):
        trace = line(x, [row[place] for row in means], name=name, place=place, mode="lines+markers")
        trace["hovertemplate"] = f"{name}<br>%{{x}}: %{{y:.4~g}}<extra></extra>"
        traces.append(trace)
    y = f"probability of {short(found.label)}" if found.label else "mean answer"
    figure = plain(traces, x=short(first), y=y)
    figure["layout"]["legend"] |= {"title": {"text": f"{short(second)}: "}}
    if not is_ordered:
        figure["layout"]["xaxis"].update({"type": "category", "automargin": True})
    return figure


def slice_points(
    slices: Sequence[SliceJudgement], metric: str, *, overall: float | None = None
) -> Figure | None:
    """Return the deciding metric of each slice with its interval, the worst-looking ones of many.

    Args:
        slices: of one output.
        metric: the one that decides.
        overall: its value on all rows.
    """
    known = [one for one in slices if one.metrics.get(metric) is not None]
    if not known:
        return None
    shown = sorted(known, key=lambda one: one.loss or 0.0)[-MAX_SLICES:]
    values = [one.metrics[metric] or 0.0 for one in shown]
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": distinct([short(one.name, limit=40) for one in shown]),
        "error_x": _whiskers(values, [(one.interval.low, one.interval.high) if one.interval
                                      else None for one in shown]),
        "marker": {
            "size": 9,
            "color": [VERDICTS.get(one.verdict, (FAINT, ""))[0] for one in shown],
            "symbol": [VERDICTS.get(one.verdict, ("", "circle"))[1] for one in shown],
        },
        "text": [f"{one.n_rows:,} rows, {one.verdict}" for one in shown],
        "hovertemplate": "%{y}<br>%{x:.4~g}<br>%{text}<extra></extra>",
    }  # fmt: skip
    figure = _rows(points, metric, len(shown))
    if overall is not None:
        figure["layout"]["shapes"] = [upright(overall)]
    return figure


def fairness_points(figures: Sequence[FairnessFigure]) -> Figure | None:
    """Return the value of every group with its interval, a series for each figure of one column."""
    traces = []
    for place, one in enumerate(figures):
        groups = [group for group in one.groups if group.value is not None]
        if not groups:
            continue
        values = [group.value or 0.0 for group in groups]
        trace = line(values, distinct([short(group.group) for group in groups]),
                     name=one.figure.replace("_", " "), place=place, mode="markers")  # fmt: skip
        ends = [
            (group.low, group.high) if group.low is not None and group.high is not None else None
            for group in groups
        ]
        trace["error_x"] = _whiskers(values, ends)
        traces.append(trace)
    if not traces:
        return None
    figure = plain(traces, x="value", y="")
    figure["layout"]["yaxis"].update({"type": "category", "automargin": True})
    figure["layout"]["height"] = max(HEIGHT, 140 + ROW_HEIGHT * len(figures[0].groups))
    return figure


def _value_name(value: float | str) -> str:
    return short(value, limit=16) if isinstance(value, str) else f"{value:.4g}"


def _faint(found: Dependence, curve: Sequence[float]) -> Figure:
    single = dotted(list(map(float, found.values)), curve, "single rows")
    single["line"] = {"color": FAINT, "width": 0.8}
    single["opacity"] = 0.45
    return single


def _whiskers(values: Sequence[float], ends: Sequence[tuple[float, float] | None]) -> Figure:
    pairs = list(zip(values, ends, strict=True))
    return {
        "type": "data",
        "symmetric": False,
        "array": [0 if reach is None else reach[1] - value for value, reach in pairs],
        "arrayminus": [0 if reach is None else value - reach[0] for value, reach in pairs],
        "thickness": 1.2,
        "width": 3,
    }


def _rows(points: Figure, x: str, n_rows: int) -> Figure:
    figure = plain([points], x=x, y="")
    figure["layout"]["yaxis"].update({"type": "category", "automargin": True})
    figure["layout"]["height"] = 110 + ROW_HEIGHT * max(n_rows, 3)
    return figure
