"""Values with their intervals, drawn inside of tables: a point on a rail, and how far it may move.

They are plain boxes, not plots: a table of 300 of them costs nothing, sorts and prints.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ordain.evaluation.judgement import Interval
from ordain.evaluation.report.html import Html, tag
from ordain.evaluation.verdict import format_value

ROOM = 0.04
"""Share of the rail that is left free at both ends."""


@dataclass(frozen=True)
class Scale:
    """Where values stand on a rail.

    Attributes:
        low: value at the left end.
        high: value at the right end.
        mark: a value with a line of its own, such as that of all rows; None for none.
    """

    low: float
    high: float
    mark: float | None = None

    @classmethod
    def of(cls, values: Iterable[float | None], *, mark: float | None = None) -> Scale:
        """Return the scale that holds all values that are there, with a little room."""
        known = [v for v in (*values, mark) if v is not None and math.isfinite(v)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        room = ROOM * ((high - low) or abs(high) or 1.0)
        return cls(low - room, high + room, mark)

    def place(self, value: float) -> float:
        """Return where a value stands, in percent from the left, not beyond the ends."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def rail(
    scale: Scale,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    kind: str = "",
) -> Html:
    """Return a value and its interval as a picture; the numbers must stand beside it.

    Args:
        scale: of all rows of the table.
        value: None leaves the rail empty.
        low: lower end of the interval.
        high: upper end.
        kind: `good`, `bad` or `own`, for its colour.
    """
    parts = []
    if scale.mark is not None:
        parts.append(tag("i", class_="mark", style=f"left:{scale.place(scale.mark)}%"))
    if low is not None and high is not None:
        start, end = scale.place(low), scale.place(high)
        parts.append(
            tag("i", class_="reach", style=f"left:{start}%;width:{round(end - start, 2)}%")
        )
    if value is not None:
        parts.append(tag("i", class_="dot", style=f"left:{scale.place(value)}%"))
    return tag("span", *parts, class_=f"rail {kind}".strip(), aria_hidden="true")


def rail_cell(
    scale: Scale,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    kind: str = "",
) -> Html:
    """Return `rail` as a cell of a sortable table."""
    return tag("td", rail(scale, value, low, high, kind=kind), class_="rails",
               data_value="" if value is None else value)  # fmt: skip


def bar_cell(
    scale: Scale, value: float, low: float | None = None, high: float | None = None
) -> Html:
    """Return a bar from zero to the value with its interval, as a cell of a sortable table."""
    zero, end = scale.place(0.0), scale.place(value)
    start, width = min(zero, end), round(abs(end - zero), 2)
    parts = [tag("i", class_="filled", style=f"left:{start}%;width:{width}%")]
    if scale.mark is not None:
        parts.insert(0, tag("i", class_="mark", style=f"left:{scale.place(scale.mark)}%"))
    if low is not None and high is not None:
        left, right = scale.place(low), scale.place(high)
        reach = f"left:{left}%;width:{round(right - left, 2)}%"
        parts.append(tag("i", class_="whisker", style=reach))
    return tag("td", tag("span", *parts, class_="rail", aria_hidden="true"), class_="rails",
               data_value=value)  # fmt: skip


def between(interval: Interval | None) -> str:
    """Return an interval in words, or a dash."""
    return "-" if interval is None else ends(interval.low, interval.high)


def ends(low: float | None, high: float | None) -> str:
    """Return the ends of an interval in words, or a dash."""
    if low is None or high is None:
        return "-"
    return f"{format_value(low)} to {format_value(high)}"
