"""Why it says what it says: how much each input matters, and how the answer moves with it."""

from __future__ import annotations

from ordain.evaluation import findings_figures
from ordain.evaluation.explain.importance import ImportanceTable
from ordain.evaluation.report.html import Html, join, tag
from ordain.evaluation.report.plots import Plots
from ordain.evaluation.report.ranges import Scale, bar_cell, ends
from ordain.evaluation.report.tables import cell, header, sortable
from ordain.evaluation.summary import RunSummary

HOW_TO_READ = (
    "How much the {loss} grows when the cells of an input are shuffled among {rows:,} rows, so "
    "that it says nothing any more; the whisker is the 95 % interval. An input whose interval "
    "holds zero may be left out without loss. Inputs that say the same share their importance."
)
LINE = (
    "The thick line is the mean answer if every row had this value, the faint ones are single "
    "rows. Faint lines that cross mean that the input acts differently from row to row."
)
BARS = "The mean answer if every row had this value; hovering shows how many rows do."


def explaining(summary: RunSummary, plots: Plots) -> Html | None:
    """Return importance and dependence for every output."""
    parts: list[Html | None] = []
    for name, table in summary.findings.importance.items():
        if not table.inputs:
            continue
        title = tag("h3", name) if len(summary.outputs) > 1 else None
        drawn = [
            plots.add(
                f"{name} by {one.input}",
                findings_figures.dependence(one),
                how_to_read=LINE if one.is_ordered else BARS,
            )
            for one in summary.findings.dependence.get(name, ())
        ]
        parts += [title, _importance(table)]
        parts.append(tag("div", *drawn, class_="plots") if drawn else None)
    return join(parts) if parts else None


def _importance(table: ImportanceTable) -> Html:
    edges = [end for one in table.inputs for end in (one.low, one.high)]
    scale = Scale.of([0.0, *(one.increase for one in table.inputs), *edges])
    head = [
        header("input"),
        header("type"),
        header("importance"),
        header(f"{table.loss} grows by", is_number=True),
        header("interval", is_number=True),
        header("share", is_number=True, about="Of the importance of all inputs."),
    ]
    rows = (
        tag(
            "tr",
            cell(one.input),
            cell(one.type),
            bar_cell(scale, one.increase, one.low, one.high),
            cell(one.increase, is_number=True),
            tag("td", ends(one.low, one.high), class_="number soft", data_value=one.increase),
            tag("td", f"{one.share:.1%}", class_="number", data_value=one.share),
        )
        for one in table.inputs
    )
    words = HOW_TO_READ.format(loss=table.loss, rows=table.n_rows)
    caption = f"With all inputs as they are the {table.loss} is {table.base:.4g}."
    return tag("div", sortable(head, rows, caption=caption), tag("p", words, class_="hint"),
               class_="card")  # fmt: skip
