"""The figures of a page, under names that its script finds them by."""

from __future__ import annotations

from ordain.evaluation.drawing import Figure
from ordain.evaluation.report.html import Html, code_words, tag

MOST_CLASSES = 12
"""Classes of a confusion matrix up to which half the width of a page is enough."""


class Plots:
    """Collects the figures of a page under names that its script finds them by."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def add(self, title: str, figure: Figure | None, *, how_to_read: str) -> Html | None:
        """Return the place of a plot with its words, or None where there is nothing to draw."""
        if figure is None:
            return None
        name = f"plot-{len(self.figures) + 1}"
        self.figures[name] = figure
        height = f"height:{figure['layout'].get('height', 360)}px"
        return tag(
            "figure",
            tag("h3", title),
            tag("div", class_="canvas", data_figure=name, style=height, role="img",
                aria_label=f"{title}. {how_to_read}".replace("`", "")),
            tag("figcaption", code_words(how_to_read)),
            class_="wide" if _is_wide(figure) else None,
        )  # fmt: skip


def _is_wide(figure: Figure) -> bool:
    """Return whether a plot has more labels than half a page has room for."""
    return any(
        trace["type"] == "heatmap" and len(trace["x"]) > MOST_CLASSES for trace in figure["data"]
    )
