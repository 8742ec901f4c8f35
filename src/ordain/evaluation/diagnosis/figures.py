"""Figures of a diagnosis as plotly JSON, made without importing plotly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ordain.evaluation.diagnosis.gaps import ErrorSplit
from ordain.evaluation.diagnosis.growth import Growth
from ordain.evaluation.diagnosis.robustness import Robustness
from ordain.evaluation.diagnosis.staleness import Staleness
from ordain.evaluation.drawing import FAINT, PALETTE, Figure, line, plain, short
from ordain.evaluation.judgement import Interval

BAR_HEIGHT = 26
MAX_BARS = 20


def figures_of(
    output: str,
    *,
    split: ErrorSplit,
    growth: Growth | None,
    robustness: Robustness | None,
    staleness: Staleness | None,
) -> Iterator[tuple[str, Figure]]:
    """Yield a title and a figure for each thing that was measured of an output."""
    if split.gaps:
        yield f"where {split.metric} of {output} is lost", gap_bars(split)
    if growth is not None and growth.points:
        yield f"learning curve of {output}", growth_lines(growth)
    if robustness is not None and any(one.drop is not None for one in robustness.damages):
        yield f"damaged rows of {output}", damage_bars(robustness)
    if staleness is not None and staleness.windows:
        yield f"age of what {output} was learned from", staleness_line(staleness)


def gap_bars(split: ErrorSplit) -> Figure:
    """Return a bar for each part of the error, with its interval."""
    return _bars(
        [f"{gap.part}: {gap.before} to {gap.after}" for gap in split.gaps],
        [gap.size for gap in split.gaps],
        [gap.interval for gap in split.gaps],
        x=f"{split.metric} worse by",
    )


def damage_bars(found: Robustness) -> Figure:
    """Return a bar for each damage, the worst first, with its interval."""
    shown = [one for one in found.damages if one.drop is not None][:MAX_BARS]
    return _bars(
        [one.name for one in shown],
        [one.drop or 0.0 for one in shown],
        [one.interval for one in shown],
        x=f"{found.metric} worse by",
    )


def growth_lines(growth: Growth) -> Figure:
    """Return the metric over the training rows, and what more rows would bring with its interval.

    The forecast starts at the mean of the models that learned from all rows.
    """
    points = line(
        [one.n_rows for one in growth.points],
        [one.value for one in growth.points],
        name="measured",
        place=0,
        mode="markers",
    )
    most = max(one.n_rows for one in growth.points)
    last = [one.value for one in growth.points if one.n_rows == most]
    now = sum(last) / len(last)
    data = [points]
    if growth.forecasts:
        sign = 1 if growth.is_higher_better else -1
        rows = [most, *(one.n_rows for one in growth.forecasts)]
        ahead = line(
            rows,
            [now, *(now + sign * one.gain for one in growth.forecasts)],
            name="forecast",
            place=1,
            mode="lines+markers",
        )
        high = [0.0, *(abs(one.high - one.gain) for one in growth.forecasts)]
        low = [0.0, *(abs(one.gain - one.low) for one in growth.forecasts)]
        above, below = (high, low) if sign > 0 else (low, high)
        ahead["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": above,
            "arrayminus": below,
            "color": FAINT,
        }
        data.append(ahead)
    figure = plain(data, x="training rows", y=growth.metric)
    figure["layout"]["xaxis"]["type"] = "log"
    return figure


def staleness_line(found: Staleness) -> Figure:
    """Return the metric on the newest rows by the age of what was learned from."""
    there = [one for one in found.windows if one.value is not None]
    drawn = line(
        [one.age_days for one in there],
        [one.value for one in there],
        name=found.metric,
        place=0,
        mode="lines+markers",
    )
    return plain([drawn], x="days from what was learned to the newest rows", y=found.metric)


def _bars(
    names: Sequence[str], sizes: Sequence[float], intervals: Sequence[Interval | None], *, x: str
) -> Figure:
    pairs = list(zip(intervals, sizes, strict=True))[::-1]
    drawn = {
        "type": "bar",
        "orientation": "h",
        "y": [short(name.replace("`", ""), limit=48) for name in names][::-1],
        "x": list(sizes)[::-1],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [one.high - size if one else 0.0 for one, size in pairs],
            "arrayminus": [size - one.low if one else 0.0 for one, size in pairs],
            "color": FAINT,
        },
        "marker": {"color": PALETTE[0]},
    }
    figure = plain([drawn], x=x, y="")
    figure["layout"]["height"] = 110 + BAR_HEIGHT * len(names)
    figure["layout"]["yaxis"]["automargin"] = True
    return figure
