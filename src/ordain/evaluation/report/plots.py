"""The figures of a page, under names that its script finds them by."""

from __future__ import annotations

from ordain.evaluation.drawing import Figure
from ordain.evaluation.report.html import Html, code_words, tag


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
        )  # fmt: skip
